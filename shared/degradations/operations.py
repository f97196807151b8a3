"""The operations of degradations: their names, their parameters, and the functions that apply them.

A new operation is a function in the module of its kind in `filters` and one line here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from shared.degradations.filters import jpeg, kernels, noise, resize, sharpen

MAX_PARAMETERS = 5


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: Name in the YAML of a space.
        kind: How the pipeline calls the function: `blur` (size, *arguments -> kernels), `resize` (images, output size,
            *arguments -> images), `noise` (images, *arguments, seed, stream, views -> images), `jpeg`, `rescale`
            and `sharpen` (images, *arguments -> images). `none` and `quantize` (rounding to 8 bits) have no function.
        parameters: Defaults by name. None marks a required parameter; a name stands for the value of that parameter.
        function: Function that applies the operation, or makes its kernels.
    """

    name: str
    kind: str
    parameters: dict[str, float | str | None]
    function: Callable[..., Tensor] | None = None

    @property
    def arguments(self) -> dict[str, int]:
        """The parameters that the function takes, with their indices; the pipeline itself uses the others."""
        return {name: i for i, name in enumerate(self.parameters) if name not in ("kernel_size", "relative_size")}


_WIDTHS: dict[str, float | str | None] = {"sigma": None, "sigma_y": "sigma", "theta": 0.0}
_SIDE: dict[str, float | str | None] = {"kernel_size": 0.0}  # 0: the one of the space
_SHAPED = {**_WIDTHS, "beta": None}
_RELATIVE: dict[str, float | str | None] = {"relative_size": None}
_NOISE: dict[str, float | str | None] = {"noise_sigma": None}

OPERATIONS = (
    Operation("none", "none", {}),
    Operation("gaussian", "blur", {**_WIDTHS, **_SIDE}, kernels.gaussian),
    Operation("generalized_gaussian", "blur", {**_SHAPED, **_SIDE}, kernels.generalized_gaussian),
    Operation("plateau", "blur", {**_SHAPED, **_SIDE}, kernels.plateau),
    Operation("sinc", "blur", {"cutoff": None, **_SIDE}, kernels.sinc),
    Operation("disk", "blur", {"radius": None}, kernels.disk),
    Operation("motion", "blur", {"length": None, "theta": 0.0, "curvature": 0.0}, kernels.motion),
    Operation("bicubic", "resize", _RELATIVE, resize.bicubic),
    Operation("plain_bicubic", "resize", _RELATIVE, resize.plain_bicubic),
    Operation("bilinear", "resize", _RELATIVE, resize.bilinear),
    Operation("area", "resize", _RELATIVE, resize.area),
    Operation("nearest", "resize", _RELATIVE, resize.nearest),
    Operation("s_fold", "resize", _RELATIVE, resize.s_fold),
    Operation("gaussian_s_fold", "resize", {**_RELATIVE, "sigma": None}, resize.gaussian_s_fold),
    Operation("rescale", "rescale", {"factor": None}, resize.rescale),
    Operation("gaussian_noise", "noise", _NOISE, noise.gaussian_noise),
    Operation("gray_noise", "noise", _NOISE, noise.gray_noise),
    Operation("speckle", "noise", _NOISE, noise.speckle),
    Operation("poisson", "noise", {"peak": None}, noise.poisson),
    Operation("gray_poisson", "noise", {"peak": None}, noise.gray_poisson),
    Operation("jpeg", "jpeg", {"quality": None}, jpeg.jpeg),
    Operation("cropped_jpeg", "jpeg", {"quality": None, "offset_x": None, "offset_y": None}, jpeg.cropped_jpeg),
    Operation("quantize", "quantize", {}),
    Operation("unsharp_mask", "sharpen", {"amount": 0.5, "threshold": 10 / 255}, sharpen.unsharp_mask),
)
# parameter -> (minimum, maximum, whether the minimum itself is valid)
VALID_RANGES: dict[str, tuple[float, float, bool]] = {
    "sigma": (0, 1000, True),
    "sigma_y": (0, 1000, True),
    "beta": (0, 1000, False),
    "cutoff": (0, math.pi, False),
    "radius": (0, 1000, True),
    "length": (0, 1000, True),  # and at most the side of the kernel
    "relative_size": (0, 8, False),
    "factor": (0.25, 1, True),  # as `RESCALE_REACH` assumes
    "noise_sigma": (0, 1, True),
    "peak": (0, 1e9, False),
    "quality": (1, 100, True),
    "theta": (-1000, 1000, True),  # radians, of any turn
    "curvature": (-1000, 1000, True),
    "kernel_size": (0, 101, True),  # and 0 or odd, and at most that of the space
    "amount": (0, 10, True),
    "threshold": (0, 1, True),
    "offset_x": (0, 15, True),
    "offset_y": (0, 15, True),
}
CODES = {operation.name: code for code, operation in enumerate(OPERATIONS)}
NONE = CODES["none"]
BICUBIC = CODES["bicubic"]


def list_codes(kind: str) -> list[int]:
    """Lists the codes of all operations of a kind."""
    return [code for code, operation in enumerate(OPERATIONS) if operation.kind == kind]
