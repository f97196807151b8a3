"""One report: embed a probe set by every subject, score, draw, and write `runs/analysis/<name>/`."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from analysis.board import write_projector
from analysis.config import AnalysisConfig
from analysis.embedding import embedded, rendered
from analysis.geometry import contrastive_floor
from analysis.page import PageData, write_page
from analysis.pictures import write_pictures, write_progress
from analysis.probe_sets import ProbeSet, build_probe_set, load_probe_space, source_side, unseen_rows
from analysis.projection import pca_map, trustworthiness, umap_map
from analysis.run_log import final_loss
from analysis.score_table import WORDS, differences_of, rows_of, text_of
from analysis.scores import Scores, score
from analysis.subjects import Subject, open_subjects
from shared.config import to_plain
from shared.devices import device_of
from shared.runs import RunFolder
from shared.sources import open_images

FORMAT = 1  # of scores.json


def run(config: AnalysisConfig, encoders: Sequence[str]) -> int:
    """Writes the report, or says again what a finished one of the same configuration found; the exit status."""
    started = time.perf_counter()
    device = device_of(config.accelerator)
    subjects = open_subjects(encoders, config.runs_dir, config.layer)
    probe = probe_of(config)
    name = config.name or f"{subjects[0].name}-{probe.name}".replace("/", "-")
    folder = RunFolder(config.runs_dir, "analysis", name, scores="scores.json")
    identity = to_plain(config) | {
        "name": name, "probe_hash": probe.hash(), "subjects": {one.name: one.hash for one in subjects},
    }  # fmt: skip
    with folder.locked():
        folder.claim(identity)
        if folder.finished:
            stored = json.loads(folder.metrics.read_text(encoding="utf-8"))
            print(_said(folder, stored["heading"], stored["table"], "made before"))
            return 0
        cache = Path(config.data.cache_dir).expanduser()
        patches = rendered(probe, cache)
        bf16 = config.precision == "bf16"
        embeddings = {
            one.name: embedded(one, probe, patches, cache, device=device, bf16=bf16) for one in subjects
        }  # fmt: skip
        scores = {
            name: score(embedding, probe, repeats=config.repeats, seed=config.seed)
            for name, embedding in embeddings.items()
        }
        for one in subjects:
            scores[one.name].notes.extend(_loss_note(one, probe, scores[one.name]))
        maps = {name: map_of(embedding, config) for name, embedding in embeddings.items()}
        asked = [one.name for one in subjects if one.asked]
        write_pictures(folder.path, probe, asked, scores, maps, config.map.upper())
        write_progress(folder.path, {one.name: one.path for one in subjects if one.asked and one.path})
        if config.projector:
            write_projector(folder.path / "projector", probe, patches, {name: embeddings[name] for name in asked})
        write_page(folder.path / "page.html", _page(config, probe, patches, scores, maps))
        _save_embeddings(folder.path / "embeddings.npz", probe, embeddings)
        table = text_of(scores)
        folder.finish(_result(config, probe, subjects, scores, maps, table))
    seconds = time.perf_counter() - started
    print(_said(folder, _heading(probe, config), table, f"{seconds:.0f} s"))
    return 0


def probe_of(config: AnalysisConfig) -> ProbeSet:
    """The probe set that the options ask for, of held-out images."""
    space = load_probe_space(config.probe)
    _, held_out = open_images(config.data, source_side(space, config.patch))
    return build_probe_set(space, held_out, patch=config.patch, size=config.size, seed=config.seed)


def map_of(embedding: np.ndarray, config: AnalysisConfig) -> tuple[np.ndarray, float]:
    """The 2-D map of an embedding, and how far it can be trusted."""
    map_ = umap_map(embedding, config.seed) if config.map == "umap" else pca_map(embedding)
    return map_, trustworthiness(embedding, map_)


def _heading(probe: ProbeSet, config: AnalysisConfig) -> str:
    listed = f"{len(probe.names)} degradations" if probe.is_listed else "a degradation each"
    return (
        f"Probe {probe.name} ({probe.hash()}): {len(probe)} patches of {probe.patch} px, {listed}, "
        f"{len(probe.store)} held-out images, layer {config.layer}"
    )


def _loss_note(subject: Subject, probe: ProbeSet, scores: Scores) -> list[str]:
    """How far the run's contrastive loss is above the least that views can have which share what its probes read."""
    ended = final_loss(subject.path) if subject.path and subject.space == probe.name else None
    if ended is None:
        return []
    floor = contrastive_floor(ended.negatives, scores.values["information"])
    words = (
        f"its contrastive loss ended at {ended.loss:.2f} nats against {ended.negatives} negatives; views that share no "
        f"more than what the probes read need at least {floor:.2f}"
    )
    return [f"{words}: something else lowered it too, such as content" if ended.loss < floor else words]


def _page(
    config: AnalysisConfig, probe: ProbeSet, patches: np.ndarray, scores: dict[str, Scores],
    maps: dict[str, tuple[np.ndarray, float]],
) -> PageData:  # fmt: skip
    family, family_names = probe.families()
    title_of = {
        name: f"{config.map.upper()} of {name}, trustworthiness {trust:.2f}" for name, (_, trust) in maps.items()
    }  # fmt: skip
    listed = list(scores) if probe.is_listed else []
    return PageData(
        title=_heading(probe, config),
        maps={title_of[name]: map_ for name, (map_, _) in maps.items()},
        patches=patches, words=probe.words(), label=probe.label, names=probe.names,
        family=family, family_names=family_names, parameters=probe.parameters(),
        image=probe.image.numpy(), image_names=list(probe.store.names),
        score_rows=rows_of(scores),
        captions=[f"{name}: {note}." for name, one in scores.items() for note in one.notes] + [" ".join(WORDS.split())],
        separations={title_of[name]: scores[name].separation for name in listed},
        silhouettes={title_of[name]: scores[name].silhouette for name in listed},
        encoders={title: name for name, title in title_of.items()},
        differences=differences_of(scores) if len(scores) > 1 else [],
    )  # fmt: skip


def _result(
    config: AnalysisConfig, probe: ProbeSet, subjects: Sequence[Subject], scores: dict[str, Scores],
    maps: dict[str, tuple[np.ndarray, float]], table: str,
) -> dict[str, Any]:  # fmt: skip
    """What `scores.json` holds."""
    described = {}
    for subject in subjects:
        one = scores[subject.name].to_dict()
        if subject.trained_on:
            one["unseen_patches"] = float(unseen_rows(probe, subject.trained_on).mean())
        one["trustworthiness"] = {config.map: maps[subject.name][1]}
        described[subject.name] = {"hash": subject.hash, "method": subject.method, **one}
    first, *others = scores
    return {
        "format": FORMAT,
        "probe": {
            "name": probe.name, "hash": probe.hash(), "patches": len(probe), "patch": probe.patch,
            "degradations": probe.names, "images": list(probe.store.names), "seed": config.seed,
        },
        "layer": config.layer,
        "subjects": described,
        "differences": {
            other: {name: list(scores[first].ahead_of(scores[other], name)) for name in scores[first].values}
            for other in others
        },
        "heading": _heading(probe, config),
        "table": table,
    }  # fmt: skip


def _save_embeddings(path: Path, probe: ProbeSet, embeddings: dict[str, np.ndarray]) -> None:
    """Everything that the scores were made from."""
    place = np.stack((probe.top.numpy(), probe.left.numpy()), 1) + probe.margin
    private = path.with_name(f".{path.name}.partial.npz")
    arrays = {
        "subjects": np.array(list(embeddings)), **{f"embedding_{i}": one for i, one in enumerate(embeddings.values())},
        "label": probe.label, "names": np.array(probe.names, dtype=str), "words": np.array(probe.words()),
        "content": probe.content, "image": probe.image.numpy(), "image_names": np.array(probe.store.names),
        "place": place, **{f"parameter_{name}": values for name, values in probe.parameters().items()},
    }  # fmt: skip
    with private.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes the keywords for options
    os.replace(private, path)


def _said(folder: RunFolder, heading: str, table: str, when: str) -> str:
    return f"\n{heading}\n\n{table}\n\n{WORDS}\n\npage: {folder.path / 'page.html'} ({when})"
