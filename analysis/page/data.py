"""The contents of the interactive page, and a check of their consistency."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class PageSweep:
    """Patches under K values of one parameter.

    Attributes:
        name: What varies.
        unit: Unit of the values.
        values: The values in order, (K,).
        rows: Index of each patch under each value, (C, K).
        curves: `median`, `low` and `high` of the distance from the first value, (K,) each, by encoder.
        rank_correlation: Agreement of the order of the distances with that of the values, by encoder.
        period: Period of the values; None if they are not cyclic.
    """

    name: str
    unit: str
    values: np.ndarray
    rows: np.ndarray
    curves: dict[str, dict[str, np.ndarray]]
    rank_correlation: dict[str, float]
    period: float | None = None


@dataclass(frozen=True)
class PageData:
    """Contents of a page of N patches.

    Attributes:
        title: Title of the page.
        maps: Points of each map, (N, 2), by its name; the page opens with the first.
        patches: Patches, (N, 3, p, p) uint8 RGB.
        words: Degradation of each patch in words, N strings; empty if there are none of single patches.
        label: Index of each patch's degradation in `names`, (N,); negative where it is not listed.
        names: Names of the listed degradations; empty if the probe set lists none.
        family: Index of each patch's family in `family_names`, (N,).
        family_names: Names of the families.
        parameters: Parameters of the degradations by name, (N,) each; NaN where a parameter is not defined.
        image: Index of each patch's image in `image_names`, (N,).
        image_names: Names of the images.
        score_rows: Table of the scores with its header; they use all patches, even if the page shows a sample. Empty
            if there are none.
        captions: Sentences below the tables.
        separations: AUCs of the pairs of listed degradations, (G, G) with NaN on the diagonal, by the name of the map;
            the heatmap follows the selected map, unless there is only one.
        silhouettes: Mean silhouette by the name of the listed degradation, NaN where it is not defined, by the name of
            the map.
        encoders: Name of the encoder by the name of the map; where it is missing, the map's name.
        differences: Table of the differences between encoders with its header; a cell that is not significant ends in
            ` ~`.
        verdict: Sentences at the top.
        key_rows: Table at the top, such as the few scores that matter, with its header.
        meanings: What a row of the tables means, in a sentence, by its title.
        image_notes: A sentence on each image, shown with its patches; empty if there are none.
        embeddings: Embedding of the patches by the name of the encoder, (N, D); gives a patch its neighbours.
        boxes: Top, left, height and width of each patch in its image in pixels, (N, 4); None if unknown.
        read_image: Function that reads an image by its index, (H, W, 3) uint8 RGB; None if they cannot be shown.
        content: What each patch shows, (N,), the same under each listed degradation; None if it is there once.
        sweeps: One-parameter sweeps among the patches.
        family_title: Heading of `family`.
        words_title: Heading of `words`.
    """

    title: str
    maps: dict[str, np.ndarray]
    patches: np.ndarray
    words: list[str]
    label: np.ndarray
    names: list[str]
    family: np.ndarray
    family_names: list[str]
    parameters: dict[str, np.ndarray]
    image: np.ndarray
    image_names: list[str]
    score_rows: list[list[str]]
    captions: list[str]
    separations: dict[str, np.ndarray] = field(default_factory=dict)
    silhouettes: dict[str, dict[str, float]] = field(default_factory=dict)
    encoders: dict[str, str] = field(default_factory=dict)
    differences: list[list[str]] = field(default_factory=list)
    verdict: list[str] = field(default_factory=list)
    key_rows: list[list[str]] = field(default_factory=list)
    meanings: dict[str, str] = field(default_factory=dict)
    image_notes: list[str] = field(default_factory=list)
    embeddings: dict[str, np.ndarray] = field(default_factory=dict)
    boxes: np.ndarray | None = None
    read_image: Callable[[int], np.ndarray] | None = None
    content: np.ndarray | None = None
    sweeps: list[PageSweep] = field(default_factory=list)
    family_title: str = "kind"
    words_title: str = "degradation"

    def __len__(self) -> int:
        return len(self.patches)


def check(data: PageData) -> None:
    """Refuses inconsistent contents.

    Raises:
        ValueError: There is no map or no patch, lengths or shapes disagree, a map is not finite, or a name is unknown.
    """
    if not data.maps or len(data) == 0:
        raise ValueError(f"a page needs at least one map and one patch, got {len(data.maps)} and {len(data)}")
    columns = {"label": data.label, "family": data.family, "image": data.image, **data.maps, **data.parameters}
    columns |= {f"embedding of {name}": values for name, values in data.embeddings.items()}
    optional = {"boxes": data.boxes, "content": data.content}
    columns |= {name: values for name, values in optional.items() if values is not None}
    lengths = {"words": len(data.words or data.patches), **{name: len(values) for name, values in columns.items()}}
    for name, length in lengths.items():
        if length != len(data):
            raise ValueError(f"{name} must have one value per patch, {len(data)}, got {length}")
    named = {"label": data.names, "family": data.family_names, "image": data.image_names}
    for name, names in named.items():
        if columns[name].max() >= len(names):
            raise ValueError(f"{name} has the index {columns[name].max()}, but there are only {len(names)} names")
    for name, points in data.maps.items():
        if points.shape[1:] != (2,) or not np.isfinite(points).all():
            raise ValueError(f"map {name!r} must be finite and of shape ({len(data)}, 2), got {points.shape}")
    for matrix in data.separations.values():
        if matrix.shape != (len(data.names),) * 2:
            count = len(data.names)
            raise ValueError(f"a separation must be ({count}, {count}) for {count} degradations, got {matrix.shape}")
    by_map: dict[str, Iterable[str]] = {
        "separations": data.separations,
        "silhouettes": data.silhouettes,
        "encoders": data.encoders,
    }
    for name, keys in by_map.items():
        if unknown := [key for key in keys if key not in data.maps]:
            raise ValueError(
                f"{name} has the unknown map {unknown[0]!r}; the maps are {', '.join(map(repr, data.maps))}"
            )
    for silhouettes in data.silhouettes.values():
        if unknown := [name for name in silhouettes if name not in data.names]:
            raise ValueError(f"silhouettes has {unknown[0]!r}, which is not among the listed degradations")
