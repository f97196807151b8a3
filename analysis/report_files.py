"""Files of a report's folder: pictures, a page, embeddings, and `scores.json`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.config import ALL, AnalysisConfig
from analysis.embedding.embedders import Embedder
from analysis.embedding.probe_spaces import mark_unseen
from analysis.embedding.projection import format_trust, project
from analysis.figures.pictures import write_pictures, write_progress, write_sweeps
from analysis.figures.projector import write_projector
from analysis.measures.loss_floor import LossFloor
from analysis.measures.scores import ReportScores
from analysis.measures.sweeps import Sweep, SweepCurve, find_sweeps, measure_sweep
from analysis.page.data import PageData, PageSweep
from analysis.page.page import write_page
from analysis.wording.score_meanings import MEANINGS, select_key_scores
from analysis.wording.score_table import (
    ALL_TITLES,
    CAPTION,
    capitalise,
    collect_notes,
    format_tables,
    tabulate_differences,
    tabulate_scores,
)
from analysis.wording.verdict import give_verdict
from shared.files import write_json
from shared.probing import ProbeSet

FORMAT = 3  # of scores.json; to be raised when names or measures change, which outdates old reports
STAGE, RESULTS, PAGE = "analysis", "scores.json", "page.html"


@dataclass(frozen=True)
class EmbedderReport:
    """Results of one embedder.

    Attributes:
        embedder: Embedder that was evaluated.
        embedding: Embedding of the probe set, (N, D).
        scores: Scores of the embedding.
        map: 2-D map of the embedding, (N, 2), and its trustworthiness.
        loss: Contrastive loss of its run with the lower bound, if both are known.
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
        folder: Empty folder of the report.
        config: Options of the report.
        probe: Probe set with N patches.
        patches: Rendered patches, (N, 3, p, p) uint8.
        reports: Results of each embedder, the requested ones first.
        notes: Remarks for the reader.

    Returns:
        The results, as in `scores.json`.
    """
    requested = [report for report in reports if report.embedder.requested]
    scores = {report.embedder.name: report.scores for report in reports}
    maps = {report.embedder.name: report.map for report in reports}
    names = [report.embedder.name for report in requested]
    sweeps = find_sweeps(probe)
    curves = {report.embedder.name: measure_sweeps(report.embedding, sweeps, probe, config) for report in reports}
    write_pictures(folder, probe, names, scores, maps, config.map.upper())
    if sweeps:
        write_sweeps(folder, sweeps, curves, {name: maps[name][0] for name in names}, config.map.upper())
    write_progress(folder, {report.embedder.name: report.embedder.path for report in requested if report.embedder.path})
    if config.projector:
        write_projector(
            folder / "projector", probe, patches, {report.embedder.name: report.embedding for report in requested}
        )
    embeddings = {report.embedder.name: report.embedding for report in reports}
    paths = [_build_sweep(sweep, {name: own[sweep.name] for name, own in curves.items()}) for sweep in sweeps]
    page = _build_page(config, probe, patches, scores, _add_maps(config, embeddings, maps), notes)
    write_page(folder / PAGE, replace(page, embeddings=embeddings, sweeps=paths))
    _save_embeddings(folder / "embeddings.npz", probe, {report.embedder.name: report.embedding for report in reports})
    result = _build_result(config, probe, reports, format_tables(scores, names, notes), notes)
    result["verdict"] = give_verdict(scores)
    for name, own in curves.items():
        result["subjects"][name]["sweeps"] = {sweep: curve.to_dict() for sweep, curve in own.items()}
    result["sweeps"] = {sweep.name: {"unit": sweep.unit, "values": sweep.values.tolist()} for sweep in sweeps}
    write_json(folder / RESULTS, result)
    return result


def measure_sweeps(
    embedding: np.ndarray, sweeps: Sequence[Sweep], probe: ProbeSet, config: AnalysisConfig
) -> dict[str, SweepCurve]:
    """Measures the distances along each sweep in one embedding, by the name of the sweep."""
    image = probe.image.numpy()
    return {
        sweep.name: measure_sweep(embedding, sweep, image, repeats=config.repeats, seed=config.seed) for sweep in sweeps
    }


def _build_sweep(sweep: Sweep, curves: dict[str, SweepCurve]) -> PageSweep:
    return PageSweep(
        sweep.name,
        sweep.unit,
        sweep.values,
        sweep.rows,
        {name: {"median": curve.median, "low": curve.low, "high": curve.high} for name, curve in curves.items()},
        {name: curve.rank_correlation for name, curve in curves.items()},
        sweep.period,
    )


def _format_heading(probe: ProbeSet, config: AnalysisConfig) -> str:
    listed = f"{len(probe.names)} degradations" if probe.is_listed else "one degradation per patch"
    return (
        f"Probe {probe.name} ({probe.hash()}): {len(probe)} patches of {probe.patch} px, {listed}, "
        f"{len(probe.store)} held-out images, {'all layers' if config.layer == ALL else f'layer {config.layer}'}"
    )


def _build_page(
    config: AnalysisConfig,
    probe: ProbeSet,
    patches: np.ndarray,
    scores: dict[str, ReportScores],
    maps: dict[str, tuple[str, np.ndarray]],
    notes: list[str],
) -> PageData:
    """Builds the page, given the encoder and the points of each map by its title."""
    family, family_names = probe.families()
    titles = {name: _square(title) for name, title in ALL_TITLES.items()}
    listed, own = list(scores) if probe.is_listed else [], next(iter(scores.values()))
    return PageData(
        title=_format_heading(probe, config),
        maps={title: points for title, (_, points) in maps.items()},
        patches=patches,
        words=probe.titles(),
        label=probe.label,
        names=probe.names,
        family=family,
        family_names=family_names,
        parameters=probe.parameters(),
        image=probe.image.numpy(),
        image_names=list(probe.store.names),
        score_rows=tabulate_scores(scores, titles),
        captions=[*map(capitalise, collect_notes(scores, notes)), CAPTION],
        separations={title: scores[name].separation for title, (name, _) in maps.items() if name in listed},
        silhouettes={title: scores[name].silhouette for title, (name, _) in maps.items() if name in listed},
        boxes=probe.boxes(),
        content=probe.content if probe.is_listed else None,
        read_image=lambda index: probe.store.image(index).numpy(),
        encoders={title: name for title, (name, _) in maps.items()},
        differences=_typeset(tabulate_differences(scores)) if len(scores) > 1 else [],
        verdict=give_verdict(scores),
        key_rows=tabulate_scores(scores, {name: titles[name] for name in select_key_scores(own)}),
        meanings={title: MEANINGS[name] for name, title in titles.items()},
    )


def _square(title: str) -> str:
    return title.replace("R^2", "R²")


def _typeset(rows: list[list[str]]) -> list[list[str]]:
    return [[_square(first), *cells] for first, *cells in rows]


def _add_maps(
    config: AnalysisConfig, embeddings: dict[str, np.ndarray], maps: dict[str, tuple[np.ndarray, float]]
) -> dict[str, tuple[str, np.ndarray]]:
    """Names the maps, and adds the PCA of each encoder beside its UMAP: encoder and points (N, 2) by title."""
    methods = {config.map: maps}
    if config.map != "pca":
        methods["pca"] = {name: project(np.asarray(values), "pca") for name, values in embeddings.items()}
    return {
        f"{method.upper()} of {name}{format_trust(trust)}": (name, points)
        for method, own in methods.items()
        for name, (points, trust) in own.items()
    }


def _build_result(
    config: AnalysisConfig, probe: ProbeSet, reports: Sequence[EmbedderReport], table: str, notes: list[str]
) -> dict[str, Any]:
    """Builds the content of `scores.json`."""
    results = {}
    for report in reports:
        embedder, values = report.embedder, report.scores.to_dict()
        if embedder.trained_on:
            values["unseen_patches"] = float(mark_unseen(probe, embedder.trained_on).mean())
        values["trustworthiness"] = {config.map: report.map[1]}
        if report.loss is not None:
            values["contrastive_loss"] = report.loss.to_dict()
        results[embedder.name] = {"hash": embedder.hash, "method": embedder.method, **values}
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
        "subjects": results,
        "differences": {
            f"{report.embedder.name} - {other.embedder.name}": {
                name: list(report.scores.ahead_of(other.scores, name)) for name in report.scores.values
            }
            for report, other in _pair(reports)
        },
        "notes": notes,
        "heading": _format_heading(probe, config),
        "table": table,
    }


def _pair(reports: Sequence[EmbedderReport]) -> list[tuple[EmbedderReport, EmbedderReport]]:
    """Pairs the first report with each other one, then all other requested ones with each other."""
    pairs = [(report, other) for i, report in enumerate(reports) for other in reports[i + 1 :]]
    return [
        (report, other)
        for report, other in pairs
        if report is reports[0] or (report.embedder.requested and other.embedder.requested)
    ]


def _save_embeddings(path: Path, probe: ProbeSet, embeddings: dict[str, np.ndarray]) -> None:
    """Saves the embeddings and the ground truth of the probe set, from which all scores can be recomputed."""
    arrays = {
        "subjects": np.array(list(embeddings)),
        **{f"embedding_{i}": embedding for i, embedding in enumerate(embeddings.values())},
        "label": probe.label,
        "names": np.array(probe.names, dtype=str),
        "words": np.array(probe.words()),
        "content": probe.content,
        "image": probe.image.numpy(),
        "image_names": np.array(probe.store.names),
        "place": probe.boxes()[:, :2],
        **{f"parameter_{name}": values for name, values in probe.parameters().items()},
    }
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes the keywords for options
