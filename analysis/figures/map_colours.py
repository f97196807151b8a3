"""Colour codings of maps: by the families, images and parameters of a probe set's samples."""

from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize

from analysis.figures.style import cyclic_colormap, parameter_label, sequential_colormap

MAX_NAMED = 12  # categories in a legend


@dataclass(frozen=True)
class ProbeColours:
    """Properties of the N samples of a probe set by which maps are coloured.

    Attributes:
        family: Index of each sample's family in `family_names`, (N,).
        family_names: Names of the degradations' families.
        parameters: Parameters of the degradations by name, (N,) each, in the units of `PARAMETER_LABELS`; NaN where a
            parameter is not defined.
        image: Index of each sample's image in `image_names`, (N,).
        image_names: Paths or names of the images.
    """

    family: np.ndarray
    family_names: list[str]
    parameters: dict[str, np.ndarray]
    image: np.ndarray
    image_names: list[str]

    def families(self) -> "Categories":
        """Returns the colour coding by family."""
        return _categories("kind", self.family, self.family_names)

    def images(self) -> "Categories":
        """Returns the colour coding by image; images are named by their file names where these are unique."""
        short = [PurePath(name).name for name in self.image_names]
        return _categories("image", self.image, short if len(set(short)) == len(short) else self.image_names)

    def scales(self) -> list["Scale"]:
        """Returns a colour coding by each of the parameters."""
        return [Scale(name, values) for name, values in self.parameters.items()]


@dataclass(frozen=True)
class Categories:
    """A colour per category.

    Attributes:
        title: Name of the property.
        rank: Rank of each sample's category, (N,).
        names: Names of the first ranks, which a legend lists.
        unnamed: Number of the other ranks.
    """

    title: str
    rank: np.ndarray
    names: list[str]
    unnamed: int


@dataclass(frozen=True)
class Scale:
    """A colour per value of a parameter.

    Attributes:
        name: Name of the parameter.
        values: Its values, (N,); NaN where it is not defined.
    """

    name: str
    values: np.ndarray

    @property
    def title(self) -> str:
        """Label of the parameter."""
        return parameter_label(self.name)[0]

    @property
    def unit(self) -> str:
        """Unit of the parameter, and the meaning of gray if there are gray samples."""
        unit = parameter_label(self.name)[1]
        return unit if self.known.all() else f"{unit}; gray: not defined".removeprefix("; ")

    @property
    def known(self) -> np.ndarray:
        """Whether the parameter is defined, (N,) bool."""
        return np.isfinite(self.values)

    @property
    def is_angle(self) -> bool:
        """Whether the parameter is an angle: the ends of its scale are the same."""
        return self.name == "angle"

    def colours(self) -> ScalarMappable:
        """Returns the mapping from values to colours, which is logarithmic for the width of a blur."""
        return ScalarMappable(self._norm(), cyclic_colormap() if self.is_angle else sequential_colormap())

    def _norm(self) -> Normalize:
        if self.is_angle:
            return Normalize(0, 180)
        low, high = np.quantile(self.values[self.known], (0, 1)) if self.known.any() else (1.0, 1.0)
        if self.name == "blur_width" and low > 0:
            return LogNorm(low, high) if high > low else LogNorm(low / 2, high * 2)
        return Normalize(low, high) if high > low else Normalize(low - 1, high + 1)


def drawing_order(code: np.ndarray) -> np.ndarray:
    """Returns the order in which samples are drawn: random, with the surplus of frequent categories at the bottom.

    Args:
        code: Category of each sample, (N,).

    Returns:
        Rows in drawing order, (N,).
    """
    order = np.random.default_rng(0).permutation(len(code))
    position = np.argsort(order)
    by_category = order[np.argsort(code[order], kind="stable")]
    remaining = np.empty(len(code), dtype=int)  # samples of the same category drawn later
    remaining[by_category] = np.cumsum(np.bincount(code))[code[by_category]] - np.arange(len(code))
    return np.lexsort((position, -remaining))


def rank_categories(code: np.ndarray, count: int) -> np.ndarray:
    """Ranks the categories; the rank determines colour and marker, in figures and on the page alike.

    The categories that a legend names come first, in their own order, then the others by decreasing frequency; those
    without samples come last.

    Args:
        code: Category of each sample, (N,), from 0; negative for samples without a category.
        count: Number of categories.

    Returns:
        Rank of each category, (count,).
    """
    counts = np.bincount(code[code >= 0], minlength=count)
    order = np.argsort(-counts, kind="stable")
    present = int((counts > 0).sum())
    named = present if present <= MAX_NAMED else MAX_NAMED - 1
    order[:named].sort()
    rank = np.empty(count, dtype=int)
    rank[order] = np.arange(count)
    return rank


def _categories(title: str, code: np.ndarray, names: list[str]) -> Categories:
    """Names the most frequent categories, in their own order, and leaves out those without samples."""
    rank, present = rank_categories(code, len(names)), len(np.unique(code))
    named = present if present <= MAX_NAMED else MAX_NAMED - 1
    return Categories(title, rank[code], [names[index] for index in np.argsort(rank)[:named]], present - named)
