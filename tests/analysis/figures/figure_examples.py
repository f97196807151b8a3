"""Every kind of figure, for realistic and for poor input."""

import numpy as np

from analysis.figures.learning_curves import learning_curves
from analysis.figures.map_colours import ProbeColours
from analysis.figures.map_plots import encoder_sheet, map_sheet
from analysis.figures.plots import score_comparison, separation_heatmap, silhouette_bars, training_progress
from analysis.figures.probe_scatter import probe_scatter
from analysis.figures.sweep_plots import sweep_curves, sweep_paths
from analysis.measures.sweeps import Sweep, SweepCurve

COUNT = 300
NAMES = [f"degradation of thirty letter {i % 10}" if i % 2 else f"blur {i / 10}" for i in range(30)]
LONG_RUN = "2024-05-05_" + "moco_resnet50_" * 6
ENCODERS = ["byol_20k", "resnet50, untrained", LONG_RUN, "dollar $a$ run_1", "statistics"]
NAN = float("nan")
NOTHING = np.full(COUNT, NAN)
random = np.random.default_rng(0)
POINTS = random.normal(size=(COUNT, 2)) * (3, 1)
COLLAPSED = np.zeros((COUNT, 2))
GRID = random.choice([0.3, 1.0, 1.5, 3.2], COUNT)
MATRIX = random.random((60, 60))
DIRECTION = random.choice([0, 30, 90, 135], COUNT)


def sine_and_cosine(degrees):
    """Sine and cosine of twice the angle, (N, 2)."""
    return np.stack((np.sin(np.radians(2 * degrees)), np.cos(np.radians(2 * degrees))), 1)


def colours(families=7, images=8, parameters=None):
    return ProbeColours(
        random.integers(0, families, COUNT),
        [f"gaussian + gaussian noise {i}" for i in range(families)],
        parameters or {},
        random.integers(0, images, COUNT),
        [f"skimage/data/photograph {i}.png" for i in range(images)],
    )


USUAL = colours(
    parameters={
        "blur_width": GRID,
        "anisotropy": random.random(COUNT),
        "noise": random.choice([0.0, 4, 20], COUNT),
        "angle": np.where(GRID < 1.2, NAN, DIRECTION),
        "jpeg_quality": 100 - 10 * GRID,
    }
)
ODD = colours(25, 64, {"angle": NOTHING, "blur_width": np.full(COUNT, 2.0), "an_unknown_parameter": GRID * 1e-5})
USUAL_READING = {
    "log_sigma": (np.log(GRID)[:, None], np.log(GRID)[:, None] + random.normal(size=(COUNT, 1)) * 0.3),
    "anisotropy": (GRID, GRID + 0.2),
    "noise_sigma": (GRID / 50, random.random(COUNT) / 10),
    "jpeg_quality": (random.choice([20.0, 100.0], COUNT), random.normal(60, 60, COUNT)),
    "angle": (sine_and_cosine(DIRECTION), sine_and_cosine(DIRECTION + random.normal(size=COUNT) * 20)),
}
ODD_READING = {
    "log_sigma": (np.log(POINTS[:, 0] ** 2 + 0.1), np.zeros(COUNT)),
    "noise_sigma": (NOTHING, NOTHING),
    "anisotropy": (np.ones(COUNT), np.ones(COUNT)),
    "angle": (sine_and_cosine(NOTHING), sine_and_cosine(NOTHING)),
    "an_unknown_parameter": (GRID[:1], GRID[:1]),
}
INTERVAL = (0.42, 0.3, 0.5)
SCORES = ("knn_accuracy", "nmi", "uniformity", "map", "r2/log_sigma", "interaction_share", "degradation_first")


def sheet_of(points, colouring, encoder="byol_20k"):
    return map_sheet(points, colouring, encoder=encoder, method="UMAP", trustworthiness=0.912)


def sheets_of(names, points, colouring):
    return encoder_sheet(
        dict.fromkeys(names, points), colouring, method="PCA", trustworthiness=dict.fromkeys(names, 0.9)
    )


SWEEPS = [
    Sweep(name, parameter, "px", np.array(values), np.arange(3), random.integers(0, COUNT, (8, 3)))
    for name, parameter, values in (
        ("round blur width", "sigma", [0, 0.5, 4.0]),
        ("oblong blur direction", "theta", [0.0, 60, 120]),
        ("oblong blur direction, from oblong blur 3.0 x 0.7 px at 0 degrees", "theta", [0.0, 45, 90]),
        (f"noise level, with {NAMES[1]} $a$", "noise_sigma", [0.0, 10, 20]),
        ("JPEG quality", "quality", [100.0, 40, 15]),
    )
]
CURVE = SweepCurve(np.array([0, 0.5, 2]), np.array([0, 0.2, 1]), np.array([0, 1, 3]), 0.9, (0.8, 1.0))
SMALL = SweepCurve(np.array([0, 0.2, 0.4]), np.array([0, 0.1, 0.3]), np.array([0, 0.3, 0.9]), 0.9, (0.8, 1.0))
FLAT = SweepCurve(*([np.zeros(3)] * 3), NAN, (NAN, NAN))

FIGURES = {
    "map": lambda: sheet_of(POINTS, USUAL),
    "map, odd": lambda: sheet_of(POINTS, ODD, LONG_RUN),
    "map, one of each, collapsed": lambda: sheet_of(COLLAPSED, colours(1, 1)),
    "encoders": lambda: sheets_of(ENCODERS, POINTS, USUAL),
    "encoders, odd": lambda: sheets_of([LONG_RUN], POINTS, ODD),
    "encoders, one of each, collapsed": lambda: sheets_of(["a"], COLLAPSED, colours(1, 1)),
    "separation": lambda: separation_heatmap(MATRIX[:25, :25], NAMES[:25], encoder="byol_20k"),
    "separation, 30": lambda: separation_heatmap(MATRIX[:30, :30], NAMES, encoder=LONG_RUN),
    "separation, 60": lambda: separation_heatmap(MATRIX, 2 * NAMES, encoder=LONG_RUN),
    "separation, 12": lambda: separation_heatmap(MATRIX[:12, :12], NAMES[:12], encoder="byol_20k"),
    "separation, wide": lambda: separation_heatmap(np.full((25, 25), NAN), ["W" * 30] * 25, encoder="a"),
    "separation, 2": lambda: separation_heatmap(MATRIX[:2, :2], NAMES[:2], encoder=LONG_RUN),
    "silhouette": lambda: silhouette_bars(dict.fromkeys(NAMES, -0.2) | {"a": 0.6, "none": NAN}, encoder=LONG_RUN),
    "silhouette, one": lambda: silhouette_bars({"a": 0.0}, encoder="a"),
    "silhouette, NaN": lambda: silhouette_bars({"a": NAN}, encoder="a"),
    "probes": lambda: probe_scatter(USUAL_READING, dict.fromkeys(USUAL_READING, 0.5), encoder=LONG_RUN),
    "probes, odd": lambda: probe_scatter(ODD_READING, {"log_sigma": NAN}, encoder="a"),
    "scores": lambda: score_comparison(
        {name: dict.fromkeys(SCORES, INTERVAL) for name in ENCODERS}, chance={"nmi": 0.1}, more_is_better={"nmi": True}
    ),
    "scores, odd": lambda: score_comparison({"a": {"nmi": (NAN,) * 3, "map": (1e-6, NAN, NAN)}, "b": {}}),
    "sweeps": lambda: sweep_curves(SWEEPS, {name: {one.name: CURVE for one in SWEEPS} for name in ENCODERS}),
    "sweeps, small distances": lambda: sweep_curves(SWEEPS, {"a": {one.name: SMALL for one in SWEEPS}}),
    "sweeps, odd": lambda: sweep_curves(SWEEPS[:1], {LONG_RUN: {SWEEPS[0].name: FLAT}}),
    "paths": lambda: sweep_paths(POINTS, SWEEPS, encoder=LONG_RUN, method="UMAP"),
    "paths, collapsed": lambda: sweep_paths(COLLAPSED, SWEEPS[:1], encoder="a", method="PCA"),
    "progress": lambda: training_progress(
        {f"probe/{name}": (np.arange(30) * 50000, MATRIX[0, :30]) for name in SCORES}, run=LONG_RUN
    ),
    "progress, odd": lambda: training_progress(
        {"probe/nmi": (np.array([0]), np.array([0.3])), "probe/r2_angle": (np.array([]), np.array([]))},
        run="a",
        chance={"probe/nmi": 0.1},
    ),
    "curves": lambda: learning_curves(
        [(name, np.arange(9) * 64_000, 0.1 * i + MATRIX[:3, :9] / 5) for i, name in enumerate(ENCODERS)],
        score="knn_accuracy",
        budget="patches seen",
    ),
    "curves, odd": lambda: learning_curves(
        [("a", np.array([64]), np.array([[NAN]]))], score="r2_angle", budget="steps"
    ),
}
