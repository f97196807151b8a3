"""Predictor of readings: quantile regression on what an encoder tells, corrected on photographs left out."""

from typing import Any

import numpy as np

from shared.readings.quantities import ANGLE, KINDS, QUANTITIES, SHARP, Quantity
from shared.readings.reading import Interval, Reading
from shared.readings.samples import Samples
from shared.readings.windows import LOG_WINDOWS

COVERAGE = 0.8  # of the intervals, on photographs that nothing was fitted to
COMPONENTS = 48  # of the features, for the trees
# as good as four times as many iterations at less than half of the rate
TREES: dict[str, Any] = {"max_iter": 40, "learning_rate": 0.2, "max_leaf_nodes": 15, "min_samples_leaf": 40}
JITTER = 1e-3  # of the standard deviation of a quantity, which breaks ties
MIN_ROWS = 40  # samples; from fewer no quantity is read
NEIGHBOURS = 5  # samples whose distance says how far from all samples a photograph is
ALIKE = 0.5  # difference of the logarithms of numbers of windows that are taken for the same
UNLIKE = 0.995  # share of the left-out samples that are nearer than what is called unlike
MIN_LENGTH = 0.1  # of the vector that a direction is read as
SURE = 0.5  # share of the most probable kind among the blurred ones, below which the kind is not named


class Predictor:
    """Reads the kind of blur and the quantities off features.

    Args:
        samples: Photographs under known degradations.

    Raises:
        ValueError: There are too few samples, or they are not finite.

    Source: Romano et al., "Conformalized Quantile Regression", NeurIPS 2019.
    """

    def __init__(self, samples: Samples) -> None:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1):  # the pools of numpy, sklearn and torch spin while they wait for each other
            self._fit(samples)

    def _fit(self, samples: Samples) -> None:
        from sklearn.base import clone
        from sklearn.decomposition import PCA
        from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.neighbors import NearestNeighbors
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        features, fitted = samples.features, ~samples.is_left_out
        if not np.isfinite(features).all():
            raise ValueError("the encoder gives vectors that are not finite")
        if min(fitted.sum(), samples.is_left_out.sum()) < MIN_ROWS:
            raise ValueError(f"readings need at least {MIN_ROWS} samples of each kind, not {len(features)} in all")
        components = min(COMPONENTS, features.shape[1])
        self._reduce = make_pipeline(StandardScaler(), PCA(components, whiten=True, random_state=0))
        reduced = self._reduce.fit(features[fitted]).transform(features)
        linear = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=500))
        trees = make_pipeline(clone(self._reduce), HistGradientBoostingClassifier(random_state=0, **TREES))
        self._kind = VotingClassifier([("linear", linear), ("trees", trees)], voting="soft")  # better than either
        self._kind.fit(features, samples.kind)
        self._regressors = {}
        for quantity in QUANTITIES:
            values = samples.quantities[quantity.name]
            rows = np.isfinite(values)
            if min((rows & fitted).sum(), (rows & ~fitted).sum()) >= MIN_ROWS and np.ptp(values[rows]) > 0:
                self._regressors[quantity.name] = _QuantileRegressor(
                    quantity, reduced[rows], values[rows], samples.is_left_out[rows]
                )
        self._angle = _AxisRegressor(features, samples)
        self._neighbours = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(reduced[fitted])
        self._distances = self._measure_distance(reduced[~fitted])
        self._log_windows = features[~fitted, LOG_WINDOWS]

    def read(self, features: np.ndarray) -> Reading:
        """Reads one photograph, given its features (F,)."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1):
            return self._read(features)

    def _read(self, features: np.ndarray) -> Reading:
        row = features[None]
        reduced = self._reduce.transform(row)
        if self._is_unlike(row, reduced):
            return Reading.without("unlike all that the encoder is known to read")
        kind = self._choose_kind(row)
        quantities = {name: regressor.read(reduced) for name, regressor in self._regressors.items()}
        return Reading.of(kind, quantities, self._angle.read(row))

    def _is_unlike(self, row: np.ndarray, reduced: np.ndarray) -> bool:
        """Whether a photograph is farther from all samples than others are that are seen through as many windows."""
        alike = np.abs(self._log_windows - row[0, LOG_WINDOWS]) < ALIKE
        distances = self._distances[alike] if alike.sum() >= MIN_ROWS else self._distances
        return bool(self._measure_distance(reduced)[0] > np.quantile(distances, UNLIKE))

    def _choose_kind(self, row: np.ndarray) -> int | None:
        """Chooses the kind of blur; None if there is a blur of no clear kind."""
        probability = np.zeros(len(KINDS))
        probability[self._kind.classes_] = self._kind.predict_proba(row)[0]
        if probability[SHARP] >= 0.5:
            return SHARP
        probability[SHARP] = 0
        best = int(probability.argmax())
        return best if probability[best] >= SURE * probability.sum() else None

    def _measure_distance(self, reduced: np.ndarray) -> np.ndarray:
        return self._neighbours.kneighbors(reduced)[0].mean(1)


class _QuantileRegressor:
    """Median and interval of a quantity, which holds the truth in `COVERAGE` of the cases."""

    def __init__(self, quantity: Quantity, reduced: np.ndarray, values: np.ndarray, is_left_out: np.ndarray) -> None:
        from sklearn.ensemble import HistGradientBoostingRegressor

        self._quantity = quantity
        tail = (1 - COVERAGE) / 2
        values = quantity.encode(values)
        # the trees see no difference between rows above and at their prediction, where many values are equal
        values = values + np.random.default_rng(0).uniform(-JITTER, JITTER, len(values)) * values.std()
        self._models = [
            HistGradientBoostingRegressor(loss="quantile", quantile=level, random_state=0, **TREES).fit(
                reduced[~is_left_out], values[~is_left_out]
            )
            for level in (tail, 0.5, 1 - tail)
        ]
        low, _, high = (model.predict(reduced[is_left_out]) for model in self._models)
        excess = np.maximum(low - values[is_left_out], values[is_left_out] - high)
        self._widening = _upper_quantile(excess)

    def read(self, reduced: np.ndarray) -> Interval:
        """Reads one photograph, (1, K)."""
        low, value, high = (float(model.predict(reduced)[0]) for model in self._models)
        ends = np.array([min(low - self._widening, value), value, max(high + self._widening, value)])
        low, value, high = self._quantity.decode(ends).tolist()
        return Interval(value, low, high)


class _AxisRegressor:
    """Direction of the longer axis of a blur; the less clear it is, the wider its interval.

    Directions are read as unit vectors at twice the angle. The interval is as wide as the errors on left-out
    photographs, relative to the length of the vector that was read.
    """

    def __init__(self, features: np.ndarray, samples: Samples) -> None:
        from sklearn.linear_model import RidgeCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        angle, is_left_out = samples.quantities[ANGLE], samples.is_left_out
        rows = np.isfinite(angle)
        self._model = None
        if min((rows & ~is_left_out).sum(), (rows & is_left_out).sum()) < MIN_ROWS:
            return
        twice = np.radians(2 * angle)
        targets = np.stack((np.sin(twice), np.cos(twice)), 1)
        self._model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 12)))
        self._model.fit(features[rows & ~is_left_out], targets[rows & ~is_left_out])
        found = self._model.predict(features[rows & is_left_out])
        error = np.abs((_axis(found) - angle[rows & is_left_out] + 90) % 180 - 90)
        self._factor = _upper_quantile(error * np.maximum(np.hypot(*found.T), MIN_LENGTH))

    def read(self, row: np.ndarray) -> Interval | None:
        """Reads one photograph, (1, F); None if it cannot be read."""
        if self._model is None:
            return None
        found = self._model.predict(row)
        angle = float(_axis(found)[0])
        width = min(90.0, self._factor / max(float(np.hypot(*found[0])), MIN_LENGTH))
        return Interval(angle, angle - width, angle + width)


def _axis(vectors: np.ndarray) -> np.ndarray:
    """Converts vectors (N, 2), sine and cosine of twice an angle, to degrees in [0, 180), (N,)."""
    return np.degrees(np.arctan2(vectors[:, 0], vectors[:, 1])) / 2 % 180


def _upper_quantile(errors: np.ndarray) -> float:
    """Returns the value below which `COVERAGE` of new errors are expected, as conformal prediction counts."""
    level = min(1.0, COVERAGE * (1 + 1 / len(errors)))
    return float(np.quantile(errors, level, method="higher"))
