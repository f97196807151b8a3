"""A small page for tests."""

from dataclasses import replace

import numpy as np

from analysis.page.data import PageData, PageSweep

COUNT, SIDE = 48, 16
HOSTILE = '</script><img src="http://example.com/x.png"> & "quoted"'
SEPARATION = np.array([[np.nan, 0.7, 0.9], [0.71, np.nan, 1.0], [0.91, 0.99, np.nan]])


def example(count: int = COUNT) -> PageData:
    """A page of points on a grid of eight columns, with three degradations in turn, two families and four images."""
    rows = np.arange(count)
    generator = np.random.default_rng(0)
    angle = np.where(rows % 3 == 1, (170 + 4.0 * rows) % 180, np.nan)
    grid = np.stack((rows % 8, rows // 8), 1).astype(float)
    return PageData(
        title="Probe tiny",
        maps={"UMAP of tiny": grid, "PCA of tiny": -0.01 * grid},
        patches=generator.integers(0, 256, (count, 3, SIDE, SIDE), dtype=np.uint8),
        words=[("untouched", "blur 2.0 by 1.0", HOSTILE)[row % 3] for row in rows],
        label=rows % 3,
        names=["untouched", "blur", "noise"],
        family=(rows % 3 > 0).astype(int),
        family_names=["none", "some"],
        parameters={"blur_width": rows / 10, "angle": angle, "never": np.full(count, np.nan)},
        image=rows // 12,
        image_names=["one.png", "folder/two.png", "<three>.png", *(f"{n}.png" for n in range(count // 12))],
        score_rows=[["", "kNN"], ["tiny", "0.50 [0.40, 0.60]"]],
        captions=["First sentence.", "Second one."],
        separations={"UMAP of tiny": SEPARATION},
    )


def full() -> PageData:
    """The same page with a verdict, a sweep, embeddings, and the images of the patches."""
    rows = np.arange(COUNT)
    distance = {"median": np.array([0.0, 0.5, 1.5]), "low": np.zeros(3), "high": np.array([0.0, 1.0, 2.0])}
    sweep = PageSweep(
        "noise <level>",
        "8-bit levels",
        np.array([0.0, 4.0, 20.0]),
        np.arange(12).reshape(4, 3),
        {"tiny": distance, "untrained": distance},
        {"tiny": 0.75, "untrained": float("nan")},
    )
    turn = 2 * np.pi * rows / COUNT
    return replace(
        example(),
        verdict=["tiny tells the degradation of most patches.", HOSTILE],
        key_rows=[["", "tiny", "chance"], ["kNN", "0.50 [0.40, 0.60]", "0.33"]],
        meanings={"kNN": "Share of the patches whose neighbours tell their degradation."},
        encoders={"UMAP of tiny": "tiny", "PCA of tiny": "untrained"},
        embeddings={"tiny": np.stack((np.cos(turn), np.sin(turn)), 1), "untrained": np.ones((COUNT, 2))},
        boxes=np.stack((10 + rows, 20 + rows, np.full(COUNT, 16), np.full(COUNT, 16)), 1),
        read_image=lambda index: np.full((100, 200, 3), 10 * index, np.uint8),
        image_notes=[f"note on {name}" for name in example().image_names],
        sweeps=[sweep],
    )


def unlisted() -> PageData:
    """The same page without listed degradations."""
    maps = {"UMAP of tiny": example().maps["UMAP of tiny"]}
    return replace(example(), title=HOSTILE, maps=maps, label=np.full(COUNT, -1), names=[], separations={})
