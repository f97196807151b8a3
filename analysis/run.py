"""One report: embed a probe set by every subject, score, draw, and write `runs/analysis/<name>/`."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from analysis.config import AnalysisConfig
from analysis.embedding.cache import embedded, rendered
from analysis.embedding.embedders import SUPERVISED, Subject, at_vector, left_out, open_subjects
from analysis.embedding.probe_sets import ProbeSet, build_probe_set, load_probe_space, source_side, unseen_rows
from analysis.embedding.projection import pca_map, trustworthiness, umap_map
from analysis.figures.pictures import slug_of, write_pictures, write_progress
from analysis.figures.projector import write_projector
from analysis.measures.loss_floor import LossFloor, loss_floor
from analysis.measures.score_table import ALL_TITLES, WORDS, differences_of, notes_of, rows_of, text_of
from analysis.measures.scores import Scores, score
from analysis.page.page import PageData, write_page
from shared.command import to_plain
from shared.data import fingerprint_images, open_images, remove_seen_images
from shared.devices import resolve_precision, select_device
from shared.files import write_json
from shared.run_folders import ReportFolder

FORMAT = 2  # of scores.json
STAGE, RESULTS, PAGE = "analysis", "scores.json", "page.html"


@dataclass(frozen=True)
class Look:
    """What was found of one subject: embedding (N, D), scores, the map (N, 2) with its trustworthiness, the loss."""

    subject: Subject
    embedding: np.ndarray
    scores: Scores
    map: tuple[np.ndarray, float]
    loss: LossFloor | None = None


def run(config: AnalysisConfig, encoders: Sequence[str]) -> int:
    """Writes the report, or says again what a finished one of the same question found; the exit status."""
    started = time.perf_counter()
    device = select_device(config.accelerator)
    config.precision = resolve_precision(config.precision, device)
    subjects, notes = open_subjects(encoders, config.runs_dir, config.layer)
    probe, subjects, left = probe_for(config, subjects)
    report = ReportFolder(
        config.runs_dir, STAGE, name=config.name, default=slug_of(f"{subjects[0].name}-{probe.name}"),
        config=to_plain(config) | {
            "probe_hash": probe.hash(), "subjects": {one.name: one.hash for one in subjects},
            "asked": [one.name for one in subjects if one.asked], "format": FORMAT, "degradations": probe.names,
            "images": list(probe.store.names),
        },
        results=RESULTS, required=(PAGE,),
    )  # fmt: skip
    with report.lock():
        found, when = report.load(), "made before"
        if found is None:
            looks, failed = look_at(config, subjects, probe, device)
            with report.writing() as folder:
                found = _write(folder, config, probe, looks, [*notes, *left, *failed])
            when = f"{time.perf_counter() - started:.0f} s"
    print(f"\n{found['heading']}\n\n{found['table']}\n\n{WORDS}\n\npage: {report.path / PAGE} ({when})")
    return 0


def probe_for(config: AnalysisConfig, subjects: Sequence[Subject]) -> tuple[ProbeSet, list[Subject], list[str]]:
    """The probe set that the options ask for, of held-out images that no subject was trained on.

    Returns:
        The probe set; the subjects without a supervised run that nobody asked for and that was trained on its images;
        sentences on what is left out.

    Raises:
        ValueError: fewer than two such images are left, or the options do not fit.
    """
    space = load_probe_space(config.probe)
    _, held_out = open_images(config.data, source_side(space, config.patch))
    asked = [one for one in subjects if one.asked]
    store, known = remove_seen_images(held_out, frozenset[str]().union(*(one.seen for one in asked)))
    notes = []
    if known:
        by = ", ".join(one.name for one in asked if one.seen & set(fingerprint_images(held_out)))
        if len(store) < 2:
            raise ValueError(
                f"{len(known)} of the {len(held_out)} held-out images are among those that {by} was trained on: give "
                "other images, data=folder data.root=FOLDER"
            )
        notes.append(f"left out {len(known)} held-out images that {by} was trained on: {', '.join(known)}")
    own = set(fingerprint_images(store))
    kept = [one for one in subjects if one.asked or not one.seen & own]
    notes += [
        left_out(one.path, "it was trained on images of the probe set") for one in subjects if one not in kept
    ]  # fmt: skip
    probe = build_probe_set(space, store, patch=config.patch, size=config.size, seed=config.seed)
    if len(probe.store) < len(store):
        notes.append(f"{len(probe.store)} of {len(store)} held-out images: more do not go into size={config.size}")
    return probe, kept, notes


def look_at(
    config: AnalysisConfig, subjects: Sequence[Subject], probe: ProbeSet, device: torch.device
) -> tuple[list[Look], list[str]]:
    """Embeds, scores and maps every subject; also sentences on controls that could not be.

    Raises:
        ValueError: a subject that was asked for cannot be scored; says which.
    """
    cache = Path(config.data.cache_dir).expanduser()
    bf16 = config.precision == "bf16"

    def embed(subject: Subject, of: ProbeSet) -> np.ndarray:
        return embedded(subject, of, rendered(of, cache), cache, device=device, bf16=bf16)

    looks, notes = [], []
    with tqdm(total=3 * len(subjects), unit="step", disable=None, leave=False) as bar:
        for subject in subjects:
            try:
                bar.set_description(f"embedding of {subject.name}")
                embedding = embed(subject, probe)
                bar.update()
                bar.set_description(f"scores of {subject.name}")
                scores = score(embedding, probe, repeats=config.repeats, seed=config.seed)
                bar.update()
            except (ValueError, RuntimeError) as error:
                if subject.asked or subject.method != SUPERVISED:
                    if isinstance(error, RuntimeError):  # a full memory, or a fault of the code
                        raise
                    raise ValueError(f"{subject.name}: {error}") from error
                notes.append(left_out(subject.path, str(error)))
                continue
            if subject.trained_on and not subject.seen:
                scores.notes.append(
                    "its artefact does not tell which images it was trained on: these may be among them"
                )
            loss = None
            if subject.asked and subject.path:
                loss = loss_floor(
                    at_vector(subject), probe.store, embed, repeats=config.repeats, seed=config.seed
                )  # fmt: skip
            if isinstance(loss, str):
                scores.notes.append(loss)
                loss = None
            elif loss is not None:
                scores.notes.append(loss.sentence())
            bar.set_description(f"map of {subject.name}")
            looks.append(Look(subject, embedding, scores, map_of(embedding, config), loss))
            bar.update()
    return looks, notes


def _write(
    folder: Path, config: AnalysisConfig, probe: ProbeSet, looks: Sequence[Look], notes: list[str]
) -> dict[str, Any]:
    """All files of the report; the results."""
    asked = [one for one in looks if one.subject.asked]
    scores = {one.subject.name: one.scores for one in looks}
    maps = {one.subject.name: one.map for one in looks}
    names = [one.subject.name for one in asked]
    write_pictures(folder, probe, names, scores, maps, config.map.upper())
    write_progress(folder, {one.subject.name: one.subject.path for one in asked if one.subject.path})
    patches = rendered(probe, Path(config.data.cache_dir).expanduser())
    if config.projector:
        write_projector(folder / "projector", probe, patches, {one.subject.name: one.embedding for one in asked})
    write_page(folder / PAGE, _page(config, probe, patches, scores, maps, notes))
    _save_embeddings(folder / "embeddings.npz", probe, {one.subject.name: one.embedding for one in looks})
    result = _result(config, probe, looks, text_of(scores, names, notes), notes)
    write_json(folder / RESULTS, result)
    return result


def map_of(embedding: np.ndarray, config: AnalysisConfig) -> tuple[np.ndarray, float]:
    """The 2-D map of an embedding, and how far it can be trusted."""
    map_ = umap_map(embedding, config.seed) if config.map == "umap" else pca_map(embedding)
    return map_, trustworthiness(embedding, map_)


def trusted(trustworthiness: float) -> str:
    """The words behind a map's name; none where it has too few points to be judged."""
    return "" if math.isnan(trustworthiness) else f", trustworthiness {trustworthiness:.2f}"


def _heading(probe: ProbeSet, config: AnalysisConfig) -> str:
    listed = f"{len(probe.names)} degradations" if probe.is_listed else "a degradation each"
    return (
        f"Probe {probe.name} ({probe.hash()}): {len(probe)} patches of {probe.patch} px, {listed}, "
        f"{len(probe.store)} held-out images, layer {config.layer}"
    )


def _page(
    config: AnalysisConfig, probe: ProbeSet, patches: np.ndarray, scores: dict[str, Scores],
    maps: dict[str, tuple[np.ndarray, float]], notes: list[str],
) -> PageData:  # fmt: skip
    family, family_names = probe.families()
    title_of = {
        name: f"{config.map.upper()} of {name}{trusted(trust)}" for name, (_, trust) in maps.items()
    }  # fmt: skip
    listed = list(scores) if probe.is_listed else []
    return PageData(
        title=_heading(probe, config),
        maps={title_of[name]: map_ for name, (map_, _) in maps.items()},
        patches=patches, words=probe.words(), label=probe.label, names=probe.names,
        family=family, family_names=family_names, parameters=probe.parameters(),
        image=probe.image.numpy(), image_names=list(probe.store.names),
        score_rows=rows_of(scores, ALL_TITLES),
        captions=[*notes_of(scores, notes), " ".join(WORDS.split())],
        separations={title_of[name]: scores[name].separation for name in listed},
        silhouettes={title_of[name]: scores[name].silhouette for name in listed},
        encoders={title: name for name, title in title_of.items()},
        differences=differences_of(scores) if len(scores) > 1 else [],
    )  # fmt: skip


def _result(
    config: AnalysisConfig, probe: ProbeSet, looks: Sequence[Look], table: str, notes: list[str]
) -> dict[str, Any]:
    """What `scores.json` holds."""
    described = {}
    for look in looks:
        subject, one = look.subject, look.scores.to_dict()
        if subject.trained_on:
            one["unseen_patches"] = float(unseen_rows(probe, subject.trained_on).mean())
        one["trustworthiness"] = {config.map: look.map[1]}
        if look.loss is not None:
            one["contrastive_loss"] = look.loss.to_dict()
        described[subject.name] = {"hash": subject.hash, "method": subject.method, **one}
    return {
        "format": FORMAT,
        "probe": {
            "name": probe.name, "hash": probe.hash(), "patches": len(probe), "patch": probe.patch,
            "degradations": probe.names, "images": list(probe.store.names), "seed": config.seed,
        },
        "layer": config.layer,
        "subjects": described,
        "differences": {
            f"{one.subject.name} - {other.subject.name}": {
                name: list(one.scores.ahead_of(other.scores, name)) for name in one.scores.values
            }
            for one, other in pairs_of(looks)
        },
        "notes": notes,
        "heading": _heading(probe, config),
        "table": table,
    }  # fmt: skip


def pairs_of(looks: Sequence[Look]) -> list[tuple[Look, Look]]:
    """The first with each other one, then all others that were asked for with each other."""
    pairs = [(one, other) for i, one in enumerate(looks) for other in looks[i + 1 :]]
    return [(one, other) for one, other in pairs if one is looks[0] or (one.subject.asked and other.subject.asked)]


def _save_embeddings(path: Path, probe: ProbeSet, embeddings: dict[str, np.ndarray]) -> None:
    """Everything that the scores were made from."""
    place = np.stack((probe.top.numpy(), probe.left.numpy()), 1) + probe.margin
    arrays = {
        "subjects": np.array(list(embeddings)), **{f"embedding_{i}": one for i, one in enumerate(embeddings.values())},
        "label": probe.label, "names": np.array(probe.names, dtype=str), "words": np.array(probe.words()),
        "content": probe.content, "image": probe.image.numpy(), "image_names": np.array(probe.store.names),
        "place": place, **{f"parameter_{name}": values for name, values in probe.parameters().items()},
    }  # fmt: skip
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes the keywords for options
