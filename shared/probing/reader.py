"""Reads degradations off vectors by linear probes, in users' units and in words."""

from dataclasses import dataclass

import numpy as np

from shared.probing.probe_set import ProbeSet
from shared.probing.ridge import RidgeProbe, fit_ridge, predict_each, r_squared

MIN_R2 = 0.3  # on left-out images; what is read worse is unreliable
MIN_ANISOTROPY = 0.5  # log ratio of the widths of a blur from which its direction is described
MAX_JPEG_QUALITY = 90  # below which it is described
PARAMETER_NAMES = {
    "log_sigma": "blur",
    "anisotropy": "shape of the blur",
    "angle": "direction of the blur",
    "noise_sigma": "noise",
    "jpeg_quality": "JPEG quality",
}


@dataclass(frozen=True)
class DegradationReader:
    """Linear probes of the parameters of degradations.

    Attributes:
        probes: by the name of the parameter, see `ProbeSet.targets`; only those that are read reliably.
        r2: R^2 on images left out of the fit, of all parameters.
    """

    probes: dict[str, RidgeProbe]
    r2: dict[str, float]

    @property
    def unreliable(self) -> dict[str, float]:
        """R^2 of the parameters that are not read, since it is below `MIN_R2` or there is none."""
        return {name: value for name, value in self.r2.items() if name not in self.probes}

    def read(self, vectors: np.ndarray) -> dict[str, np.ndarray]:
        """Reads the parameters that are reliable.

        Args:
            vectors: (M, D).

        Returns:
            (M,) each, by the names and in the units of `ProbeSet.parameters`.
        """
        readings = {}
        for name, probe in self.probes.items():
            values = probe(vectors)  # (M, 1), or (M, 2) for the angle
            if name == "angle":
                readings["angle"] = np.degrees(np.arctan2(values[:, 0], values[:, 1])) / 2 % 180
            elif name == "log_sigma":
                readings["blur_width"] = np.exp(values[:, 0])
            elif name == "noise_sigma":
                readings["noise"] = 255 * values[:, 0]
            else:
                readings[name] = values[:, 0]
        return readings


def fit_reader(vectors: np.ndarray, probe: ProbeSet) -> DegradationReader:
    """Fits linear probes to the vectors of a probe set and keeps those that read images left out of the fit.

    Args:
        vectors: (N, D), finite, of the patches of the probe set.
        probe: the probe set.

    Raises:
        ValueError: the vectors are not finite.
    """
    from threadpoolctl import threadpool_limits

    image = probe.image.numpy()
    targets = {name: values.reshape(len(values), -1) for name, values in probe.targets().items()}
    with threadpool_limits(limits=1):  # the pools of numpy, sklearn and torch spin while they wait for each other
        predicted = predict_each(vectors, targets, image)
        r2 = {name: r_squared(target, predicted[name]) for name, target in targets.items()}
        probes = {name: fit_ridge(vectors, targets[name], image) for name, value in r2.items() if value >= MIN_R2}
    return DegradationReader(probes, r2)


def describe_readings(readings: dict[str, np.ndarray]) -> str:
    """Describes the medians of what was read, such as "blur 1.8 px, noise 4"; empty where nothing was.

    Args:
        readings: (M,) each, see `DegradationReader.read`.
    """
    middle = {name: float(np.median(values)) for name, values in readings.items() if name != "angle"}
    return format_reading(
        blur_width=middle.get("blur_width"),
        anisotropy=middle.get("anisotropy", 0.0),
        angle=_mean_direction(readings["angle"]) if "angle" in readings else None,
        noise=middle.get("noise"),
        jpeg_quality=middle.get("jpeg_quality", 100.0),
    )


def format_reading(
    *,
    blur_width: float | None = None,
    anisotropy: float = 0.0,
    angle: float | None = None,
    noise: float | None = None,
    jpeg_quality: float = 100.0,
) -> str:
    """Formats a reading, such as "blur 1.8 px, longer at 30 degrees, noise 4"; empty where nothing was read.

    Args:
        blur_width: geometric mean width in pixels.
        anisotropy: log ratio of the widths.
        angle: degrees of the longer axis.
        noise: in 8-bit levels.
        jpeg_quality: 1 to 100, which stands for none.
    """
    words = []
    if blur_width is not None:
        words.append(f"blur {max(0.0, blur_width):.1f} px")
        if anisotropy > MIN_ANISOTROPY and angle is not None:
            words.append(f"longer at {angle:.0f} degrees")
    if noise is not None:
        words.append(f"noise {max(0.0, noise):.0f}")
    if jpeg_quality < MAX_JPEG_QUALITY:
        words.append(f"JPEG quality {max(1.0, jpeg_quality):.0f}")
    return ", ".join(words)


def _mean_direction(degrees: np.ndarray) -> float:
    """Mean direction of axes, in [0, 180)."""
    twice = np.exp(2j * np.radians(degrees)).mean()
    return float(np.degrees(np.angle(twice)) / 2 % 180)
