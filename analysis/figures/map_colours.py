"""What maps are coloured by: the families, images and parameters of a probe set's samples."""

from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize

from analysis.figures.style import cyclic, parameter_words, sequential

MOST_NAMED = 12  # categories in a legend


@dataclass(frozen=True)
class ProbeColours:
    """What is known of the N samples of a probe set, to colour maps by.

    Attributes:
        family: (N,) index into `family_names`.
        family_names: of the degradations' families.
        parameters: (N,) by name, in users' units; NaN where a parameter does not apply.
        image: (N,) index into `image_names`.
        image_names: paths or names.
    """

    family: np.ndarray
    family_names: list[str]
    parameters: dict[str, np.ndarray]
    image: np.ndarray
    image_names: list[str]

    def families(self) -> "Categories":
        """To colour by the family."""
        return _categories("family", self.family, self.family_names)

    def images(self) -> "Categories":
        """To colour by the image; the last parts of their paths are their names where these differ."""
        short = [PurePath(name).name for name in self.image_names]
        return _categories("image", self.image, short if len(set(short)) == len(short) else self.image_names)

    def scales(self) -> list["Scale"]:
        """To colour by each of the parameters."""
        return [Scale(name, values) for name, values in self.parameters.items()]


@dataclass(frozen=True)
class Categories:
    """A colour per category.

    Attributes:
        title: what they are.
        rank: (N,) of each sample's category.
        names: of the first ranks.
        unnamed: number of the ranks after them.
    """

    title: str
    rank: np.ndarray
    names: list[str]
    unnamed: int


@dataclass(frozen=True)
class Scale:
    """A colour per value (N,) of a parameter; none where it is NaN."""

    name: str
    values: np.ndarray

    @property
    def title(self) -> str:
        """What it is."""
        return parameter_words(self.name)[0]

    @property
    def unit(self) -> str:
        """Its unit, and what gray means where there is some."""
        unit = parameter_words(self.name)[1]
        return unit if self.known.all() else f"{unit}; gray: not defined".removeprefix("; ")

    @property
    def known(self) -> np.ndarray:
        """(N,) bool."""
        return np.isfinite(self.values)

    @property
    def is_direction(self) -> bool:
        """Whether the ends of the scale are the same."""
        return self.name == "angle"

    def colours(self) -> ScalarMappable:
        """Values to colours; the width of a blur by its logarithm."""
        return ScalarMappable(self._norm(), cyclic() if self.is_direction else sequential())

    def _norm(self) -> Normalize:
        if self.is_direction:
            return Normalize(0, 180)
        low, high = np.quantile(self.values[self.known], (0, 1)) if self.known.any() else (1.0, 1.0)
        if self.name == "blur_width" and low > 0:
            return LogNorm(low, high) if high > low else LogNorm(low / 2, high * 2)
        return Normalize(low, high) if high > low else Normalize(low - 1, high + 1)


def drawing_order(code: np.ndarray) -> np.ndarray:
    """In which samples of categories (N,) are drawn: at random, the surplus of frequent ones below the others."""
    order = np.random.default_rng(0).permutation(len(code))
    place = np.argsort(order)
    by_category = order[np.argsort(code[order], kind="stable")]
    yet_to_come = np.empty(len(code), dtype=int)  # of the same category
    yet_to_come[by_category] = np.cumsum(np.bincount(code))[code[by_category]] - np.arange(len(code))
    return np.lexsort((place, -yet_to_come))


def ranks(code: np.ndarray, count: int) -> np.ndarray:
    """(count,) rank of each category, by which `figures.look` gives its look: the same on plots and on the page.

    Those that a legend names come first, in their order, then the others, the most frequent first; those without
    samples are last. Negative codes are of no category.
    """
    counts = np.bincount(code[code >= 0], minlength=count)
    order = np.argsort(-counts, kind="stable")
    there = int((counts > 0).sum())
    named = there if there <= MOST_NAMED else MOST_NAMED - 1
    order[:named].sort()
    rank = np.empty(count, dtype=int)
    rank[order] = np.arange(count)
    return rank


def _categories(title: str, code: np.ndarray, names: list[str]) -> Categories:
    """The most frequent categories are named, in their order; those without samples are left out."""
    rank, there = ranks(code, len(names)), len(np.unique(code))
    named = there if there <= MOST_NAMED else MOST_NAMED - 1
    return Categories(title, rank[code], [names[index] for index in np.argsort(rank)[:named]], there - named)
