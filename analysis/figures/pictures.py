"""Pictures of a report."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from analysis.figures.map_colours import ProbeColours
from analysis.figures.map_plots import encoder_sheet, map_sheet
from analysis.figures.plots import score_comparison, separation_heatmap, silhouette_bars, training_progress
from analysis.figures.probe_scatter import probe_scatter
from analysis.figures.style import save
from analysis.figures.sweep_plots import sweep_curves, sweep_paths
from analysis.measures.run_log import read_probe_curves
from analysis.measures.scores import MORE_IS_BETTER, ReportScores
from analysis.measures.sweeps import Sweep, SweepCurve
from shared.probing import ProbeSet

COMPARED = (
    "knn_accuracy",
    "separation",
    "nmi",
    "silhouette",
    "degradation_first",
    "content_knn",
    "r2/log_sigma",
    "r2/anisotropy",
    "r2/angle",
    "r2/noise_sigma",
    "r2/jpeg_quality",
    "rank_correlation",
)


def make_colours(probe: ProbeSet) -> ProbeColours:
    """Collects the quantities by which maps are coloured."""
    family, family_names = probe.families()
    return ProbeColours(family, family_names, probe.parameters(), probe.image.numpy(), list(probe.store.names))


def write_pictures(
    folder: Path,
    probe: ProbeSet,
    requested: Sequence[str],
    scores: dict[str, ReportScores],
    maps: dict[str, tuple[np.ndarray, float]],
    method: str,
) -> list[Path]:
    """Draws a report's pictures, each as PNG and SVG.

    Args:
        folder: Folder of the report.
        probe: Probe set with N patches.
        requested: Names of the embedders with pictures of their own; the comparative sheets hold all.
        scores: Scores of each embedder.
        maps: Map (N, 2) and trustworthiness of each embedder.
        method: Method of the maps, `UMAP` or `PCA`.

    Returns:
        The files.
    """
    colours, files, slugs = make_colours(probe), [], make_slugs(requested)
    for name in requested:
        points, trust = maps[name]
        slug = slugs[name]
        files += save(
            map_sheet(points, colours, encoder=name, method=method, trustworthiness=trust), folder / f"map-{slug}"
        )
        r2 = {key.removeprefix("r2/"): value for key, value in scores[name].values.items() if key.startswith("r2/")}
        if r2:
            files += save(probe_scatter(scores[name].predictions, r2, encoder=name), folder / f"probes-{slug}")
        if probe.is_listed:
            heatmap = separation_heatmap(scores[name].separation, probe.names, encoder=name)
            files += save(heatmap, folder / f"separation-{slug}")
            intervals = {degradation: scores[name].silhouette_interval(degradation) for degradation in probe.names}
            bars = silhouette_bars(scores[name].silhouette, intervals, encoder=name)
            files += save(bars, folder / f"silhouette-{slug}")
    if len(maps) > 1:
        points_of = {name: points for name, (points, _) in maps.items()}
        trust_of = {name: trust for name, (_, trust) in maps.items()}
        files += save(encoder_sheet(points_of, colours, method=method, trustworthiness=trust_of), folder / "maps")
    rows = {
        name: {key: (row.values[key], *row.interval(key)) for key in COMPARED if key in row.values}
        for name, row in scores.items()
    }
    known = next(iter(scores.values())).chance
    chance = {key: known[key] for key in COMPARED if key in known}
    better = {key: MORE_IS_BETTER.get(key, True) for key in COMPARED}
    files += save(score_comparison(rows, chance=chance, more_is_better=better), folder / "scores")
    return files


def write_sweeps(
    folder: Path,
    sweeps: Sequence[Sweep],
    curves: dict[str, dict[str, SweepCurve]],
    maps: dict[str, np.ndarray],
    method: str,
) -> list[Path]:
    """Draws one-parameter sweeps: distances of all embedders, and paths on the maps of the requested ones.

    Args:
        folder: Folder of the report.
        sweeps: The sweeps.
        curves: Distances by embedder and by the name of the sweep.
        maps: Map of each requested embedder, (N, 2).
        method: Method of the maps, `UMAP` or `PCA`.

    Returns:
        The files.
    """
    files, slugs = save(sweep_curves(sweeps, curves), folder / "sweeps"), make_slugs(maps)
    for name, points in maps.items():
        files += save(sweep_paths(points, sweeps, encoder=name, method=method), folder / f"paths-{slugs[name]}")
    return files


def write_progress(folder: Path, runs: dict[str, str]) -> list[Path]:
    """Draws the probe scores over the steps of each run (name -> path) that logged them; returns the files."""
    files, slugs = [], make_slugs(runs)
    for name, path in runs.items():
        if curves := read_probe_curves(path):
            files += save(training_progress(curves, run=name), folder / f"progress-{slugs[name]}")
    return files


def make_slugs(names: Iterable[str]) -> dict[str, str]:
    """Makes a slug of each name, with a number appended if an earlier name has the same."""
    slugs: dict[str, str] = {}
    for name in names:
        slug = wanted = make_slug(name)
        number = 2
        while slug.lower() in map(str.lower, slugs.values()):  # some file systems ignore case
            slug, number = f"{wanted}-{number}", number + 1
        slugs[name] = slug
    return slugs


def make_slug(name: str) -> str:
    """Turns an embedder's name into part of a file name."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "encoder"
