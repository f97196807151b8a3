"""What the interactive page shows, and whether its parts fit each other."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class PageData:
    """What the page shows of N patches.

    Attributes:
        title: of the page.
        maps: (N, 2) by the name of the map; the first is shown at first.
        patches: (N, 3, p, p) uint8 RGB.
        words: N, the degradation of each patch in words.
        label: (N,) index of the listed degradation, negative for none.
        names: of the listed degradations; empty where nothing is listed.
        family: (N,) index of the family.
        family_names: of the families.
        parameters: (N,) by name, NaN where it does not apply.
        image: (N,) index of the image.
        image_names: of the images.
        score_rows: a table with its header; of all patches, also where a sample is shown.
        captions: sentences below the tables.
        separations: by the name of the map: (G, G) AUCs of the listed degradations by its encoder, NaN on the
            diagonal; the heatmap follows the map, and stays where there is one alone.
        silhouettes: by the name of the map: mean silhouette by the name of the listed degradation, NaN where undefined.
        encoders: by the name of the map, what to call its encoder; else the map's name is used.
        differences: a table with its header: how far encoders are apart; ` ~` ends a cell that is not certain.
        family_title: what `family` is.
        words_title: what `words` are.
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
    family_title: str = "family"
    words_title: str = "degradation"

    def __len__(self) -> int:
        return len(self.patches)


def check(data: PageData) -> None:
    """Raises `ValueError` where parts of the data do not fit each other."""
    if not data.maps or len(data) == 0:
        raise ValueError(f"a page needs at least one map and one patch, got {len(data.maps)} and {len(data)}")
    columns = {"label": data.label, "family": data.family, "image": data.image, **data.maps, **data.parameters}
    lengths = {"words": len(data.words), **{name: len(values) for name, values in columns.items()}}
    for name, length in lengths.items():
        if length != len(data):
            raise ValueError(f"{name} is of {length} patches, but there are {len(data)}")
    named = {"label": data.names, "family": data.family_names, "image": data.image_names}
    for name, names in named.items():
        if columns[name].max() >= len(names):
            raise ValueError(f"{name} goes up to {columns[name].max()}, but only {len(names)} have a name")
    for name, points in data.maps.items():
        if points.shape[1:] != (2,) or not np.isfinite(points).all():
            raise ValueError(f"map {name!r} must be finite and of shape ({len(data)}, 2), got {points.shape}")
    for matrix in data.separations.values():
        if matrix.shape != (len(data.names),) * 2:
            raise ValueError(f"separation is {matrix.shape}, but {len(data.names)} degradations are listed")
    of_maps: dict[str, Iterable[str]] = {
        "separations": data.separations,
        "silhouettes": data.silhouettes,
        "encoders": data.encoders,
    }
    for name, keys in of_maps.items():
        if unknown := [key for key in keys if key not in data.maps]:
            raise ValueError(f"{name} are of a map {unknown[0]!r}, but the maps are {', '.join(map(repr, data.maps))}")
    for silhouettes in data.silhouettes.values():
        if unknown := [name for name in silhouettes if name not in data.names]:
            raise ValueError(f"a silhouette is of {unknown[0]!r}, which is not a listed degradation")
