"""Reader of degradations: linear probes that give parameters in users' units, and their description."""

from dataclasses import dataclass

import numpy as np

from shared.probing.probe_set import ProbeSet
from shared.probing.ridge import RidgeProbe, fit_ridge, predict_each, r_squared

MIN_R2 = 0.3  # on held-out images; parameters below it are unreliable
MIN_ANISOTROPY = 0.5  # log ratio of the widths of a blur above which its direction is described
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
        probes: Probe of each parameter that is read reliably, by its name, see `ProbeSet.targets`.
        r2: R^2 of every parameter on images that the probes were not fitted to.
    """

    probes: dict[str, RidgeProbe]
    r2: dict[str, float]

    @property
    def unreliable(self) -> dict[str, float]:
        """R^2 of the parameters that are not read, since it is below `MIN_R2` or undefined."""
        return {name: value for name, value in self.r2.items() if name not in self.probes}

    def read(self, vectors: np.ndarray) -> dict[str, np.ndarray]:
        """Reads the parameters that are reliable.

        Args:
            vectors: Embedding of M patches, (M, D).

        Returns:
            Values of each parameter, (M,), by the names and in the units of `ProbeSet.parameters`.
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
    """Fits linear probes to the vectors of a probe set and keeps those that generalise to held-out images.

    Args:
        vectors: Finite embedding of the patches of the probe set, (N, D).
        probe: Probe set with N patches.

    Raises:
        ValueError: The vectors are not finite.
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
    """Describes the medians of readings, such as "blur 1.8 px, noise 4"; empty if there are none.

    Args:
        readings: Values of each parameter, (M,), see `DegradationReader.read`.
    """
    medians = {name: float(np.median(values)) for name, values in readings.items() if name != "angle"}
    return format_reading(
        blur_width=medians.get("blur_width"),
        anisotropy=medians.get("anisotropy", 0.0),
        angle=_mean_direction(readings["angle"]) if "angle" in readings else None,
        noise=medians.get("noise"),
        jpeg_quality=medians.get("jpeg_quality", 100.0),
    )


def format_reading(
    *,
    blur_width: float | None = None,
    anisotropy: float = 0.0,
    angle: float | None = None,
    noise: float | None = None,
    jpeg_quality: float = 100.0,
) -> str:
    """Formats a reading, such as "blur 1.8 px, longer at 30 degrees, noise 4"; empty if nothing was read.

    Args:
        blur_width: Geometric mean width of the blur in pixels.
        anisotropy: Log ratio of the widths of the blur.
        angle: Direction of the longer axis in degrees.
        noise: Standard deviation of the noise in 8-bit levels.
        jpeg_quality: JPEG quality from 1 to 100; 100 means no JPEG.
    """
    parts = []
    if blur_width is not None:
        parts.append(f"blur {max(0.0, blur_width):.1f} px")
        if anisotropy > MIN_ANISOTROPY and angle is not None:
            parts.append(f"longer at {angle:.0f} degrees")
    if noise is not None:
        parts.append(f"noise {max(0.0, noise):.0f}")
    if jpeg_quality < MAX_JPEG_QUALITY:
        parts.append(f"JPEG quality {max(1.0, jpeg_quality):.0f}")
    return ", ".join(parts)


def format_r2(r2: dict[str, float]) -> str:
    """Formats the R^2 of parameters, such as "blur 0.93, noise 0.88".

    Args:
        r2: R^2 by the name of the parameter, see `ProbeSet.targets`.
    """
    return ", ".join(f"{PARAMETER_NAMES[name]} {value:.2f}" for name, value in r2.items())


def _mean_direction(degrees: np.ndarray) -> float:
    """Returns the mean direction of axes in degrees, in [0, 180)."""
    twice = np.exp(2j * np.radians(degrees)).mean()
    return float(np.degrees(np.angle(twice)) / 2 % 180)
