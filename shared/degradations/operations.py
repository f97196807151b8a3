"""The list of operations a degradation can be made of: names, parameters, and the functions that apply them.

A new operation is one function in its own module and one line here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from shared.degradations import jpeg, kernels, noise, resize

MAX_PARAMETERS = 4


@dataclass(frozen=True)
class Operation:
    """One operation: its kind decides how the pipeline calls `function`.

    Kinds: `none`; `blur` (size, *parameters -> kernels); `resize` (images, output size -> images);
    `noise` (images, *parameters, seed, stream, views -> images); `jpeg` (images, quality -> images);
    `quantize` (no function: rounded to 8 bits by the pipeline).

    `parameters` maps each name to its default; None marks a required one, a name takes that parameter's value.
    """

    name: str
    kind: str
    parameters: dict[str, float | str | None]
    function: Callable[..., Tensor] | None = None


_WIDTHS: dict[str, float | str | None] = {"sigma": None, "sigma_y": "sigma", "theta": 0.0}
_SHAPED = {**_WIDTHS, "beta": None}
_RELATIVE: dict[str, float | str | None] = {"relative_size": None}
_NOISE: dict[str, float | str | None] = {"noise_sigma": None}

OPERATIONS = (
    Operation("none", "none", {}),
    Operation("gaussian", "blur", _WIDTHS, kernels.gaussian),
    Operation("generalized_gaussian", "blur", _SHAPED, kernels.generalized_gaussian),
    Operation("plateau", "blur", _SHAPED, kernels.plateau),
    Operation("sinc", "blur", {"cutoff": None}, kernels.sinc),
    Operation("disk", "blur", {"radius": None}, kernels.disk),
    Operation("motion", "blur", {"length": None, "theta": 0.0, "curvature": 0.0}, kernels.motion),
    Operation("bicubic", "resize", _RELATIVE, resize.bicubic),
    Operation("bilinear", "resize", _RELATIVE, resize.bilinear),
    Operation("area", "resize", _RELATIVE, resize.area),
    Operation("nearest", "resize", _RELATIVE, resize.nearest),
    Operation("s_fold", "resize", _RELATIVE, resize.s_fold),
    Operation("gaussian_noise", "noise", _NOISE, noise.gaussian_noise),
    Operation("gray_noise", "noise", _NOISE, noise.gray_noise),
    Operation("speckle", "noise", _NOISE, noise.speckle),
    Operation("poisson", "noise", {"peak": None}, noise.poisson),
    Operation("jpeg", "jpeg", {"quality": None}, jpeg.jpeg),
    Operation("quantize", "quantize", {}),
)
# parameter -> (least, most, whether the least is included)
VALID: dict[str, tuple[float, float, bool]] = {
    "sigma": (0, float("inf"), True),
    "sigma_y": (0, float("inf"), True),
    "beta": (0, float("inf"), False),
    "cutoff": (0, math.pi, False),
    "radius": (0, float("inf"), True),
    "length": (0, float("inf"), True),  # and within the kernel
    "relative_size": (0, 8, False),
    "noise_sigma": (0, 1, True),
    "peak": (0, float("inf"), False),
    "quality": (1, 100, True),
}
CODES = {operation.name: code for code, operation in enumerate(OPERATIONS)}
NONE = CODES["none"]
BICUBIC = CODES["bicubic"]


def codes_of(kind: str) -> list[int]:
    """The codes of all operations of a kind."""
    return [code for code, operation in enumerate(OPERATIONS) if operation.kind == kind]
