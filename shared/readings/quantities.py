"""What is read from a photograph: the kind of its blur, and quantities in users' units."""

from dataclasses import dataclass

import numpy as np
import torch

from shared.degradations import CODES, Degradation, summarise
from shared.degradations.operations import NONE, list_codes
from shared.degradations.summary import PIXEL_VARIANCE, ROUND_THRESHOLD

KINDS = ("sharp", "round blur", "oblong blur", "motion blur", "defocus", "rescaled")
SHARP, ROUND, OBLONG, MOTION, DEFOCUS, RESCALED = range(len(KINDS))


@dataclass(frozen=True)
class Quantity:
    """A quantity that is read with an interval.

    Attributes:
        name: Its name in results, with its unit.
        low, high: The smallest and the largest possible value.
        offset: What is added before the logarithm in which the quantity is fitted; None if it is fitted as it is.
    """

    name: str
    low: float
    high: float
    offset: float | None

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Converts values to the scale in which they are fitted."""
        return values if self.offset is None else np.log(values + self.offset)

    def decode(self, values: np.ndarray) -> np.ndarray:
        """Converts fitted values back, and cuts them to what is possible."""
        if self.offset is None:
            return np.clip(values, self.low, self.high)
        return np.clip(np.exp(np.minimum(values, np.log(self.high + self.offset))) - self.offset, self.low, self.high)


BLUR = Quantity("blur_px", 0.0, 100.0, 0.3)  # standard deviation, the geometric mean of the two of an oblong blur
MOTION_LENGTH = Quantity("motion_px", 0.0, 1000.0, 0.0)
NOISE = Quantity("noise", 0.0, 255.0, 1.0)  # standard deviation in 8-bit levels
JPEG = Quantity("jpeg_quality", 1.0, 100.0, None)  # 100: no JPEG
QUANTITIES = (BLUR, MOTION_LENGTH, NOISE, JPEG)
ANGLE = "angle_degrees"  # of the longer axis of an oblong blur, or of a motion, in [0, 180)


def find_kinds(degradation: Degradation) -> np.ndarray:
    """Finds the kind of blur of each row, (B,) indices into `KINDS`; the last of several blurs counts."""
    blurs = torch.isin(degradation.operation, torch.tensor(list_codes("blur")))
    last = torch.full((len(degradation),), NONE)
    for is_blur, codes in zip(blurs.unbind(1), degradation.operation.unbind(1), strict=True):
        last = torch.where(is_blur, codes, last)
    code = last.numpy()
    is_long = summarise(degradation)["anisotropy"].numpy() > ROUND_THRESHOLD
    kind = np.where(is_long, OBLONG, ROUND)
    kind = np.where(code == CODES["motion"], MOTION, kind)
    kind = np.where(code == CODES["disk"], DEFOCUS, kind)
    is_rescaled = (degradation.operation == CODES["rescale"]).any(1).numpy()
    return np.where(code == NONE, np.where(is_rescaled, RESCALED, SHARP), kind)


def measure(degradation: Degradation) -> dict[str, np.ndarray]:
    """Computes the true quantities of each row.

    Returns:
        Values by name, (B,) each, NaN where a quantity does not apply: the width of a blur does not to motions and to
        rescaled images, whose blur is of another kind.
    """
    known = {name: values.numpy() for name, values in summarise(degradation).items()}
    kind = find_kinds(degradation)
    width = np.sqrt(np.maximum(np.exp(2 * known["log_sigma"]) - PIXEL_VARIANCE, 0))
    is_motion = degradation.operation == CODES["motion"]
    length = torch.where(is_motion, degradation.parameters[..., 0], 0).amax(1).double().numpy()
    angle = np.degrees(np.arctan2(known["sin_2theta"], known["cos_2theta"])) / 2 % 180
    return {
        BLUR.name: np.where((kind == MOTION) | (kind == RESCALED), np.nan, width),
        MOTION_LENGTH.name: np.where(kind == MOTION, length, np.nan),
        NOISE.name: 255 * known["noise_sigma"],
        JPEG.name: known["jpeg_quality"],
        ANGLE: np.where((kind == MOTION) | (kind == OBLONG), angle, np.nan),
    }
