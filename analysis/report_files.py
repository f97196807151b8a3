"""What the folder of a report holds: pictures, a page, embeddings, and `scores.json`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.config import AnalysisConfig
from analysis.embedding.embedders import Embedder
from analysis.embedding.probe_spaces import unseen_rows
from analysis.embedding.projection import format_trust
from analysis.figures.pictures import write_pictures, write_progress
from analysis.figures.projector import write_projector
from analysis.measures.loss_floor import LossFloor
from analysis.measures.score_table import ALL_TITLES, WORDS, differences_of, notes_of, rows_of, text_of
from analysis.measures.scores import ReportScores
from analysis.page.page import PageData, write_page
from shared.files import write_json
from shared.probing import ProbeSet

FORMAT = 2  # of scores.json
STAGE, RESULTS, PAGE = "analysis", "scores.json", "page.html"


@dataclass(frozen=True)
class EmbedderReport:
    """What was found of one embedder.

    Attributes:
        embedder: what embeds.
        embedding: (N, D) of the probe set.
        scores: of the embedding.
        map: (N, 2), and its trustworthiness.
        loss: its contrastive loss beside the least possible one, where both are known.
    """

    embedder: Embedder
    embedding: np.ndarray
    scores: ReportScores
    map: tuple[np.ndarray, float]
    loss: LossFloor | None = None


def write_report(
    folder: Path,
    config: AnalysisConfig,
    probe: ProbeSet,
    patches: np.ndarray,
    reports: Sequence[EmbedderReport],
    notes: list[str],
) -> dict[str, Any]:
    """Writes all files of a report.

    Args:
        folder: of the report, there and empty.
        config: the options.
        probe: the probe set.
        patches: (N, 3, p, p) uint8.
        reports: of each embedder, those that were asked for first.
        notes: sentences for the reader.

    Returns:
        The results, as in `scores.json`.
    """
    requested = [one for one in reports if one.embedder.requested]
    scores = {one.embedder.name: one.scores for one in reports}
    maps = {one.embedder.name: one.map for one in reports}
    names = [one.embedder.name for one in requested]
    write_pictures(folder, probe, names, scores, maps, config.map.upper())
    write_progress(folder, {one.embedder.name: one.embedder.path for one in requested if one.embedder.path})
    if config.projector:
        write_projector(folder / "projector", probe, patches, {one.embedder.name: one.embedding for one in requested})
    write_page(folder / PAGE, _page(config, probe, patches, scores, maps, notes))
    _save_embeddings(folder / "embeddings.npz", probe, {one.embedder.name: one.embedding for one in reports})
    result = _result(config, probe, reports, text_of(scores, names, notes), notes)
    write_json(folder / RESULTS, result)
    return result


def _heading(probe: ProbeSet, config: AnalysisConfig) -> str:
    listed = f"{len(probe.names)} degradations" if probe.is_listed else "a degradation each"
    return (
        f"Probe {probe.name} ({probe.hash()}): {len(probe)} patches of {probe.patch} px, {listed}, "
        f"{len(probe.store)} held-out images, layer {config.layer}"
    )


def _page(
    config: AnalysisConfig,
    probe: ProbeSet,
    patches: np.ndarray,
    scores: dict[str, ReportScores],
    maps: dict[str, tuple[np.ndarray, float]],
    notes: list[str],
) -> PageData:
    family, family_names = probe.families()
    title_of = {name: f"{config.map.upper()} of {name}{format_trust(trust)}" for name, (_, trust) in maps.items()}
    listed = list(scores) if probe.is_listed else []
    return PageData(
        title=_heading(probe, config),
        maps={title_of[name]: map_ for name, (map_, _) in maps.items()},
        patches=patches,
        words=probe.words(),
        label=probe.label,
        names=probe.names,
        family=family,
        family_names=family_names,
        parameters=probe.parameters(),
        image=probe.image.numpy(),
        image_names=list(probe.store.names),
        score_rows=rows_of(scores, ALL_TITLES),
        captions=[*notes_of(scores, notes), " ".join(WORDS.split())],
        separations={title_of[name]: scores[name].separation for name in listed},
        silhouettes={title_of[name]: scores[name].silhouette for name in listed},
        encoders={title: name for name, title in title_of.items()},
        differences=differences_of(scores) if len(scores) > 1 else [],
    )


def _result(
    config: AnalysisConfig, probe: ProbeSet, reports: Sequence[EmbedderReport], table: str, notes: list[str]
) -> dict[str, Any]:
    """What `scores.json` holds."""
    described = {}
    for report in reports:
        embedder, one = report.embedder, report.scores.to_dict()
        if embedder.trained_on:
            one["unseen_patches"] = float(unseen_rows(probe, embedder.trained_on).mean())
        one["trustworthiness"] = {config.map: report.map[1]}
        if report.loss is not None:
            one["contrastive_loss"] = report.loss.to_dict()
        described[embedder.name] = {"hash": embedder.hash, "method": embedder.method, **one}
    return {
        "format": FORMAT,
        "probe": {
            "name": probe.name,
            "hash": probe.hash(),
            "patches": len(probe),
            "patch": probe.patch,
            "degradations": probe.names,
            "images": list(probe.store.names),
            "seed": config.seed,
        },
        "layer": config.layer,
        "subjects": described,
        "differences": {
            f"{one.embedder.name} - {other.embedder.name}": {
                name: list(one.scores.ahead_of(other.scores, name)) for name in one.scores.values
            }
            for one, other in _pairs_of(reports)
        },
        "notes": notes,
        "heading": _heading(probe, config),
        "table": table,
    }


def _pairs_of(reports: Sequence[EmbedderReport]) -> list[tuple[EmbedderReport, EmbedderReport]]:
    """The first with each other one, then all others that were asked for with each other."""
    pairs = [(one, other) for i, one in enumerate(reports) for other in reports[i + 1 :]]
    return [
        (one, other)
        for one, other in pairs
        if one is reports[0] or (one.embedder.requested and other.embedder.requested)
    ]


def _save_embeddings(path: Path, probe: ProbeSet, embeddings: dict[str, np.ndarray]) -> None:
    """Everything that the scores were made from."""
    place = np.stack((probe.top.numpy(), probe.left.numpy()), 1) + probe.margin
    arrays = {
        "subjects": np.array(list(embeddings)),
        **{f"embedding_{i}": one for i, one in enumerate(embeddings.values())},
        "label": probe.label,
        "names": np.array(probe.names, dtype=str),
        "words": np.array(probe.words()),
        "content": probe.content,
        "image": probe.image.numpy(),
        "image_names": np.array(probe.store.names),
        "place": place,
        **{f"parameter_{name}": values for name, values in probe.parameters().items()},
    }
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes the keywords for options
