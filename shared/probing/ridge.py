"""A linear probe with held-out images: how much of a known parameter can be read off an embedding."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

OUTLIER = 5.0  # standard deviations; a unit dead on all images but one would otherwise swamp the prediction there
PENALTIES = np.logspace(-4, 3, 8)  # in mean eigenvalues of the training fold's Gram matrix


def ridge_r2(embedding: np.ndarray, target: np.ndarray, image: np.ndarray, folds: int = 5) -> np.ndarray:
    """R^2 of a ridge probe on images that it was not fitted to, per target column.

    Args:
        embedding: (N, D), finite.
        target: (N, P); NaN where a parameter does not apply, those samples are left out for that column.
        image: (N,) image of each sample.
        folds: number of groups of images, each predicted by a probe fitted to the others.

    Returns:
        (P,); 1 is perfect, 0 is no better than the mean, below 0 is worse. NaN: nothing to explain, see
        `r_squared`, or samples of one image only, so that none can be held out.

    Raises:
        ValueError: the shapes disagree or the embedding is not finite.
    """
    prediction = ridge_predictions(embedding, target, image, folds)
    return np.array([r_squared(target[:, i], prediction[:, i]) for i in range(target.shape[1])])


def r_squared(target: np.ndarray, prediction: np.ndarray) -> float:
    """Coefficient of determination, pooled over all folds (one mean, that of all targets).

    Args:
        target: (N,) or (N, P); samples with a NaN here or in the prediction are left out.
        prediction: the same shape. Several columns are pooled: their sums of squares add up.

    Returns:
        At most 1. NaN where the target is constant: there is nothing to explain.
    """
    known = np.isfinite(target) & np.isfinite(prediction)
    target = np.where(known, target, np.nan).reshape(len(target), -1)
    if not known.any(0).all():
        return float("nan")
    total = np.nansum((target - np.nanmean(target, axis=0)) ** 2)
    residual = np.nansum((target - prediction.reshape(target.shape)) ** 2)
    constant = total <= 1e-12 * np.nansum(target**2)
    return float("nan") if constant else float(1 - residual / total)


def ridge_predictions(embedding: np.ndarray, target: np.ndarray, image: np.ndarray, folds: int = 5) -> np.ndarray:
    """Out-of-fold predictions of a ridge probe, folds split by image.

    From each training fold alone: the features are standardised and cut at 5 standard deviations, and each
    column's penalty is the one with the least squared error when the fold's images are left out in turn
    (exact, from one decomposition).

    Args:
        embedding: (N, D), finite.
        target: (N, P); NaN where a parameter does not apply.
        image: (N,) image of each sample.
        folds: number of groups of images; as many as there are images where these are fewer.

    Returns:
        (N, P) float64, NaN where the target is NaN or comes from one image only.

    Raises:
        ValueError: the shapes disagree or the embedding is not finite.
    """
    return _predict_groups(embedding, [target], image, folds)[0]


def predict_each(
    embedding: np.ndarray,
    targets: dict[str, np.ndarray],
    image: np.ndarray,
    further: dict[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Out-of-fold predictions of several targets in one run, in which they share their decompositions.

    Args:
        embedding: (N, D), finite.
        targets: (N, P) each, by name; NaN where a parameter does not apply.
        image: (N,) image of each sample.
        further: more targets, which change no bit of the predictions of the others.

    Returns:
        (N, P) each, see `ridge_predictions`.
    """
    groups = [group for group in (targets, further) if group]
    joined = [np.concatenate(list(group.values()), axis=1) for group in groups]
    predictions: dict[str, np.ndarray] = {}
    for group, prediction in zip(groups, _predict_groups(embedding, joined, image), strict=True):
        starts = np.cumsum([target.shape[1] for target in group.values()])[:-1]
        predictions |= dict(zip(group, np.split(prediction, starts, axis=1), strict=True))
    return predictions


def _predict_groups(
    embedding: np.ndarray, targets: list[np.ndarray], image: np.ndarray, folds: int = 5
) -> list[np.ndarray]:
    """`ridge_predictions` of each of several targets (N, P)."""
    for target in targets:
        if target.ndim != 2 or image.shape != embedding.shape[:1] or len(target) != len(embedding):
            raise ValueError(
                f"a probe takes an embedding (N, D), targets (N, P) and images (N,), got {embedding.shape}, "
                f"{target.shape} and {image.shape}"
            )
    if not np.isfinite(embedding).all():
        raise ValueError("a probe needs a finite embedding, this one has NaN or infinite values")
    predictions = [np.full(target.shape, np.nan) for target in targets]
    known = [np.isfinite(target) for target in targets]
    if not targets:
        return predictions
    for pattern in np.unique(np.concatenate(known, axis=1), axis=1).T:  # known for the same samples: one decomposition
        rows = np.flatnonzero(pattern)
        columns = [np.flatnonzero((one == pattern[:, None]).all(0)) for one in known]
        for train, test in _image_folds(image[rows], folds):
            features = _Features(embedding[rows[train]], image[rows[train]])
            for target, prediction, chosen in zip(targets, predictions, columns, strict=True):
                if len(chosen):
                    probe = features.fit(target[np.ix_(rows[train], chosen)])
                    prediction[np.ix_(rows[test], chosen)] = probe(embedding[rows[test]])
    return predictions


@dataclass(frozen=True)
class RidgeProbe:
    """A fitted probe: standardise, cut outliers, and an affine map.

    Attributes:
        mean, deviation: (D,) of the features it was fitted to; a deviation of infinity leaves a feature out.
        centre: (D,) mean of the cut features.
        weights: (D, P) float32.
        bias: (P,).
    """

    mean: np.ndarray
    deviation: np.ndarray
    centre: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def __call__(self, embedding: np.ndarray) -> np.ndarray:
        """Predictions (M, P) of an embedding (M, D)."""
        return _standardise(embedding, self.mean, self.deviation, self.centre) @ self.weights + self.bias


def fit_ridge(embedding: np.ndarray, target: np.ndarray, image: np.ndarray) -> RidgeProbe:
    """Fits to all samples the probe that `ridge_predictions` fits to each fold.

    Args:
        embedding: (N, D), finite.
        target: (N, P); samples with a NaN, where a parameter does not apply, are left out.
        image: (N,) image of each sample.
    """
    rows = np.isfinite(target).all(1)
    return _Features(embedding[rows], image[rows]).fit(target[rows])


def _image_folds(image: np.ndarray, folds: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Indices to fit and to predict, no image on both sides; nothing for fewer than two images."""
    from sklearn.model_selection import GroupKFold

    folds = min(folds, len(np.unique(image)))
    if folds >= 2:
        yield from GroupKFold(folds).split(image, groups=image)


class _Features:
    """Features that ridge regressions are fitted to: standardised, cut, centred and decomposed once.

    In float32 once everything is centred: the decomposition is most of the time, and a probe needs no more.

    Args:
        feature: (n, D).
        image: (n,) image of each sample.
    """

    def __init__(self, feature: np.ndarray, image: np.ndarray) -> None:
        mean, std = feature.mean(0, dtype=np.float64), feature.std(0, dtype=np.float64)
        std[std <= 1e-6 * np.abs(mean)] = np.inf  # a constant feature becomes 0, not rounding over rounding
        self._mean, self._std = mean, std
        self._centre = _standardise(feature, mean, std, 0.0, np.float64).mean(0)
        self._feature = _standardise(feature, mean, std, self._centre)  # (n, D)
        # nothing is left without the only image: leave out single samples
        self._image = np.arange(len(image)) if np.all(image == image[0]) else image
        self._decomposition = _left_singular(self._feature) if self._feature.any() else None

    def fit(self, target: np.ndarray) -> RidgeProbe:
        """Ridge regression with an intercept of (n, P) on the features."""
        target_mean = target.mean(0)
        target = (target - target_mean).astype(np.float32)
        if self._decomposition is None:
            weights = np.zeros((self._feature.shape[1], target.shape[1]), np.float32)
        else:
            left, eigenvalue = self._decomposition  # (n, r), (r,)
            rotated = left.T @ target  # (r, P)
            penalty = self._choose_penalties(target, rotated)  # (P,)
            dual = left @ (rotated / (eigenvalue[:, None] + penalty))  # (n, P)
            weights = self._feature.T @ dual
        return RidgeProbe(self._mean, self._std, self._centre, weights, target_mean)

    def _choose_penalties(self, target: np.ndarray, rotated: np.ndarray) -> np.ndarray:
        """The penalty of each column (P,) with the least squared error when images are left out in turn."""
        assert self._decomposition is not None
        left, eigenvalue = self._decomposition
        penalties = (PENALTIES * eigenvalue.mean()).astype(np.float32)
        error = np.zeros((len(penalties), target.shape[1]))
        for one in np.unique(self._image):
            rows = self._image == one
            for i, penalty in enumerate(penalties):
                shrinkage = eigenvalue / (eigenvalue + penalty)  # (r,)
                error[i] += _left_out_error(left[rows], shrinkage, rotated, target[rows], len(left))
        return penalties[error.argmin(0)]


def _standardise(
    feature: np.ndarray,
    mean: np.ndarray,
    deviation: np.ndarray,
    centre: np.ndarray | float,
    kind: type[np.floating] = np.float32,
) -> np.ndarray:
    """Standardises features, cuts them at `OUTLIER` and subtracts their centre."""
    return (np.clip((feature - mean) / deviation, -OUTLIER, OUTLIER) - centre).astype(kind)


def _left_singular(feature: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left singular vectors (n, r) and squared singular values (r,), from the smaller Gram matrix."""
    count, width = feature.shape
    gram = feature @ feature.T if width >= count else feature.T @ feature
    decomposition = torch.linalg.eigh(torch.from_numpy(gram))  # twice as fast as numpy's
    eigenvalue, vector = decomposition.eigenvalues.numpy(), decomposition.eigenvectors.numpy()
    kept = eigenvalue > np.finfo(np.float32).eps * eigenvalue[-1]  # what is below is rounding
    eigenvalue, vector = eigenvalue[kept], vector[:, kept]
    return (vector if width >= count else feature @ (vector / np.sqrt(eigenvalue))), eigenvalue


def _left_out_error(
    left: np.ndarray, shrinkage: np.ndarray, rotated: np.ndarray, target: np.ndarray, count: int
) -> np.ndarray:
    """Squared error (P,) on the rows of one image when it is left out of the fit, from the fit to all.

    The error of left-out rows G is (I - H_GG)^-1 (y - H y)_G, H = 1/n + U diag(shrinkage) U^T.
    """
    shrunk = left * shrinkage  # (g, r)
    hat = shrunk @ left.T + 1 / count  # (g, g)
    residual = np.linalg.solve(np.eye(len(hat)) - hat, target - shrunk @ rotated)  # (g, P)
    return (residual**2).sum(0)
