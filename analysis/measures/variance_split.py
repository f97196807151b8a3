"""Split of the variance of a crossed embedding into degradation, content and their interaction."""

import numpy as np

SHARES = ("degradation", "content", "interaction")


def tabulate(embedding: np.ndarray, label: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Arranges a crossed embedding as a table, (C contents, G degradations, D).

    Raises:
        ValueError: Some content is missing or repeated under some degradation.
    """
    contents, groups = int(content.max()) + 1, int(label.max()) + 1
    if len(embedding) != contents * groups or len(np.unique(content * groups + label)) != contents * groups:
        raise ValueError(
            f"{len(embedding)} samples do not cross {contents} contents with {groups} degradations exactly once"
        )
    order = np.lexsort((label, content))
    return np.asarray(embedding, dtype=np.float64)[order].reshape(contents, groups, -1)


class VarianceSplit:
    """Two-way analysis of variance of a crossed table, without replicates, for any weighting of the contents.

    Args:
        table: Crossed embedding, (C, G, D).

    Source: Fisher, Statistical Methods for Research Workers, 1925: the sums of squares of the two ways and of the
        interaction, summed over the dimensions.
    """

    def __init__(self, table: np.ndarray) -> None:
        self.contents, self.groups, _ = table.shape
        flat = table.reshape(self.contents, -1)
        self._same_group = flat @ flat.T  # (C, C), sum over g of <e_cg, e_c'g>
        sums = table.sum(1)
        self._any_group = sums @ sums.T  # (C, C), <sum of e_c, sum of e_c'>
        self._square = (table**2).sum((1, 2))  # (C,)

    def chance(self) -> dict[str, float]:
        """Returns the expected shares of samples that depend on neither factor: their degrees of freedom.

        Exact over all orders of the samples in the table, each of which has the same total variance.
        """
        total, free = self.contents * self.groups - 1, (self.groups - 1, self.contents - 1)
        return dict(zip(SHARES, (free[0] / total, free[1] / total, free[0] * free[1] / total), strict=True))

    def shares(self, weights: np.ndarray | None = None) -> dict[str, float]:
        """Returns the shares of the total variance, which sum to 1; NaN if there is no variance.

        Args:
            weights: Number of times that each content counts, (C,); by default once.
        """
        weight = np.ones(self.contents) if weights is None else np.asarray(weights, dtype=np.float64)
        total_weight, groups = weight.sum(), self.groups
        mean_square = weight @ self._any_group @ weight / (groups * total_weight) ** 2  # |grand mean|^2
        total = weight @ self._square - groups * total_weight * mean_square
        degradation = weight @ self._same_group @ weight / total_weight - groups * total_weight * mean_square
        content = weight @ np.diag(self._any_group) / groups - groups * total_weight * mean_square
        if total <= 1e-9 * max(weight @ self._square, np.finfo(float).tiny):
            return dict.fromkeys(SHARES, float("nan"))
        parts = degradation / total, content / total
        return dict(zip(SHARES, (*parts, 1 - sum(parts)), strict=True))
