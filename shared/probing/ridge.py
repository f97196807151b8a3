"""Linear probe, evaluated on held-out images: how much of a known parameter can be read off an embedding."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

OUTLIER_THRESHOLD = 5.0  # in standard deviations; else a unit dead on all images but one would dominate there
PENALTIES = np.logspace(-4, 3, 8)  # in mean eigenvalues of the training fold's Gram matrix


def ridge_r2(embedding: np.ndarray, target: np.ndarray, image: np.ndarray, folds: int = 5) -> np.ndarray:
    """Returns the R^2 of a ridge probe on images that it was not fitted to, per target column.

    Args:
        embedding: Finite embedding, (N, D).
        target: Parameters of each sample, (N, P); samples with NaN, where a parameter does not apply, are left out for
            that column.
        image: Image of each sample, (N,).
        folds: Number of groups of images, each predicted by a probe fitted to the others.

    Returns:
        The R^2 of each column, (P,); 1 is perfect, 0 is no better than the mean, below 0 is worse. NaN if there is
        nothing to explain, see `r_squared`, or all samples come from one image, so that none can be held out.

    Raises:
        ValueError: The shapes disagree or the embedding is not finite.
    """
    prediction = ridge_predictions(embedding, target, image, folds)
    return np.array([r_squared(target[:, i], prediction[:, i]) for i in range(target.shape[1])])


def r_squared(target: np.ndarray, prediction: np.ndarray) -> float:
    """Returns the coefficient of determination, pooled over all folds (with the mean of all targets).

    Args:
        target: True values, (N,) or (N, P); samples with NaN here or in the prediction are left out.
        prediction: Predicted values in the same shape. Several columns are pooled: their sums of squares add up.

    Returns:
        The R^2, at most 1. NaN if the target is constant: there is nothing to explain.
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
    """Returns the out-of-fold predictions of a ridge probe, with folds split by image.

    Everything is chosen on the training fold alone: the features are standardised and clipped at 5 standard
    deviations, and the penalty of each column is the one with the least squared error when the fold's images are
    left out in turn (exact, from one decomposition).

    Args:
        embedding: Finite embedding, (N, D).
        target: Parameters of each sample, (N, P); NaN where a parameter does not apply.
        image: Image of each sample, (N,).
        folds: Number of groups of images; the number of images if these are fewer.

    Returns:
        The predictions, (N, P) float64, NaN where the target is NaN or known for only one image.

    Raises:
        ValueError: The shapes disagree or the embedding is not finite.
    """
    return _predict_groups(embedding, [target], image, folds)[0]


def predict_each(
    embedding: np.ndarray,
    targets: dict[str, np.ndarray],
    image: np.ndarray,
    further: dict[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Returns the out-of-fold predictions of several targets, which share their decompositions.

    Args:
        embedding: Finite embedding, (N, D).
        targets: Targets by name, (N, P) each; NaN where a parameter does not apply.
        image: Image of each sample, (N,).
        further: More targets, (N, P) each, which change no bit of the predictions of the others.

    Returns:
        The predictions by name, (N, P) each, see `ridge_predictions`.
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
    """Returns the `ridge_predictions` of each of several targets (N, P)."""
    for target in targets:
        if target.ndim != 2 or image.shape != embedding.shape[:1] or len(target) != len(embedding):
            raise ValueError(
                f"a probe needs an embedding (N, D), targets (N, P) and images (N,), got {embedding.shape}, "
                f"{target.shape} and {image.shape}"
            )
    if not np.isfinite(embedding).all():
        raise ValueError("a probe needs a finite embedding, got NaN or infinite values")
    predictions = [np.full(target.shape, np.nan) for target in targets]
    known = [np.isfinite(target) for target in targets]
    if not targets:
        return predictions
    for pattern in np.unique(np.concatenate(known, axis=1), axis=1).T:  # known for the same samples: one decomposition
        rows = np.flatnonzero(pattern)
        columns = [np.flatnonzero((mask == pattern[:, None]).all(0)) for mask in known]
        for train, test in _image_folds(image[rows], folds):
            features = _Features(embedding[rows[train]], image[rows[train]])
            for target, prediction, chosen in zip(targets, predictions, columns, strict=True):
                if len(chosen):
                    probe = features.fit(target[np.ix_(rows[train], chosen)])
                    prediction[np.ix_(rows[test], chosen)] = probe(embedding[rows[test]])
    return predictions


@dataclass(frozen=True)
class RidgeProbe:
    """A fitted probe: an affine map of standardised and clipped features.

    Attributes:
        mean, deviation: Mean and standard deviation of the features that it was fitted to, (D,) each; an infinite
            deviation leaves a feature out.
        centre: Mean of the clipped features, (D,).
        weights: Weights of the affine map, (D, P) float32.
        bias: Intercept of the affine map, (P,).
    """

    mean: np.ndarray
    deviation: np.ndarray
    centre: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def __call__(self, embedding: np.ndarray) -> np.ndarray:
        """Predicts the parameters (M, P) of an embedding (M, D)."""
        return _standardise(embedding, self.mean, self.deviation, self.centre) @ self.weights + self.bias


def _image_folds(image: np.ndarray, folds: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the indices to fit and to predict of each fold, no image on both sides; none for fewer than two images."""
    from sklearn.model_selection import GroupKFold

    folds = min(folds, len(np.unique(image)))
    if folds >= 2:
        yield from GroupKFold(folds).split(image, groups=image)


class _Features:
    """Features that ridge regressions are fitted to: standardised, clipped, centred and decomposed once.

    In float32 after everything is centred, but for the decomposition.

    Args:
        feature: Features of each sample, (n, D).
        image: Image of each sample, (n,).
    """

    def __init__(self, feature: np.ndarray, image: np.ndarray) -> None:
        mean, std = feature.mean(0, dtype=np.float64), feature.std(0, dtype=np.float64)
        std[std <= 1e-6 * np.abs(mean)] = np.inf  # a constant feature becomes 0, not rounding over rounding
        self._mean, self._std = mean, std
        self._centre = _standardise(feature, mean, std, 0.0, np.float64).mean(0)
        self._feature = _standardise(feature, mean, std, self._centre)  # (n, D)
        # a single image cannot be left out: leave out single samples
        self._image = np.arange(len(image)) if np.all(image == image[0]) else image
        self._decomposition = _left_singular(self._feature) if self._feature.any() else None

    def fit(self, target: np.ndarray) -> RidgeProbe:
        """Fits a ridge regression with an intercept from the features to (n, P)."""
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
        """Chooses the penalty of each column (P,) with the least squared error when images are left out in turn."""
        assert self._decomposition is not None
        left, eigenvalue = self._decomposition
        penalties = (PENALTIES * eigenvalue.mean()).astype(np.float32)
        error = np.zeros((len(penalties), target.shape[1]))
        for image in np.unique(self._image):
            rows = self._image == image
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
    """Standardises features, clips them at `OUTLIER_THRESHOLD` and subtracts their centre."""
    return (np.clip((feature - mean) / deviation, -OUTLIER_THRESHOLD, OUTLIER_THRESHOLD) - centre).astype(kind)


def _left_singular(feature: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes left singular vectors (n, r) and squared singular values (r,), from the smaller Gram matrix.

    In float64: squared singular values of an embedding of low rank span more than the digits of float32, in which the
    weakest directions were rounding errors that the probe then relied on.
    """
    feature = feature.astype(np.float64)
    count, width = feature.shape
    gram = feature @ feature.T if width >= count else feature.T @ feature
    decomposition = torch.linalg.eigh(torch.from_numpy(gram))  # twice as fast as numpy's
    eigenvalue, vector = decomposition.eigenvalues.numpy(), decomposition.eigenvectors.numpy()
    kept = eigenvalue > len(gram) * np.finfo(np.float64).eps * eigenvalue[-1]  # smaller ones are rounding errors
    eigenvalue, vector = eigenvalue[kept], vector[:, kept]
    left = vector if width >= count else feature @ (vector / np.sqrt(eigenvalue))
    return left.astype(np.float32), eigenvalue.astype(np.float32)


def _left_out_error(
    left: np.ndarray, shrinkage: np.ndarray, rotated: np.ndarray, target: np.ndarray, count: int
) -> np.ndarray:
    """Computes the squared error (P,) on the rows of one image when it is left out of the fit, from the fit to all.

    The error of left-out rows G is (I - H_GG)^-1 (y - H y)_G, H = 1/n + U diag(shrinkage) U^T.
    """
    shrunk = left * shrinkage  # (g, r)
    hat = shrunk @ left.T + 1 / count  # (g, g)
    residual = np.linalg.solve(np.eye(len(hat)) - hat, target - shrunk @ rotated)  # (g, P)
    return (residual**2).sum(0)
