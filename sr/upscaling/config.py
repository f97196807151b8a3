"""Options of `python -m sr.upscale`."""

import math
from dataclasses import dataclass, fields

from shared.bounds import bounded

PIXEL_WIDTH = math.sqrt(1 / 12)  # of the square aperture of a pixel, which the widths of blurs include
MIN_SHORTER_WIDTH = 0.25  # below which no blur is, even if its width and its ratio are rounded as in print


@dataclass
class Steering:
    """Parameters of the degradation that replace those that a model reads, in the units of what is printed.

    Only for a model that was trained on parameters: with conditioning=distilled, where those unset are read from the
    image, or with conditioning=oracle, which reads nothing: it needs `blur`; unset are no noise, no JPEG, a round blur.

    Attributes:
        blur: Width of the blur in output pixels, the geometric mean of the longer and the shorter one. It includes a
            pixel's own 0.29: sigma 1.8 counts as 1.82; up to 0.29 there is no blur.
        blur_ratio: Longer width of the blur over the shorter one, at least 1; 1 = round.
        blur_angle: Direction in which the blur is longer in degrees, from the horizontal, clockwise.
        noise: Standard deviation of the noise in 8-bit levels, 0..255.
        jpeg_quality: JPEG quality, 1..100; 100 = no JPEG.
        strength: From 0, no degradation, to 1, the parameters that were read or given.
    """

    blur: float | None = None
    blur_ratio: float | None = None
    blur_angle: float | None = None
    noise: float | None = None
    jpeg_quality: float | None = None
    strength: float = 1.0

    @property
    def given(self) -> dict[str, float]:
        """The parameters that are given, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(Steering)}
        return {name: value for name, value in values.items() if name != "strength" and value is not None}

    @property
    def replaces_all(self) -> bool:
        """Whether nothing of what is read matters."""
        is_shaped = self.blur_ratio is not None and (self.blur_ratio == 1 or self.blur_angle is not None)
        return self.strength == 0 or (is_shaped and None not in (self.blur, self.noise, self.jpeg_quality))

    def check(self) -> None:
        """Refuses invalid values.

        Raises:
            ValueError: A value is invalid, or two do not fit each other; the message names them.
        """
        valid = {
            "blur": (0, math.inf, "at least 0"),
            "blur_ratio": (1, math.inf, "at least 1"),
            "blur_angle": (-math.inf, math.inf, ""),
            "noise": (0, 255, "within 0..255"),
            "jpeg_quality": (1, 100, "within 1..100"),
            "strength": (0, 1, "within 0..1"),
        }
        for name, value in {**self.given, "strength": self.strength}.items():
            low, high, words = valid[name]
            if not math.isfinite(value):
                raise ValueError(f"{name}={value:g} must be a finite number")
            if not low <= value <= high:
                raise ValueError(f"{name}={value:g} must be {words}")
        if self.blur_ratio == 1 and self.blur_angle is not None:
            raise ValueError(f"blur_angle={self.blur_angle:g}: a blur with blur_ratio=1 is round; remove one of them")
        if self.blur is not None and self.blur_ratio is not None and self.blur_ratio > 1:
            shorter = self.blur / math.sqrt(self.blur_ratio)
            if shorter < MIN_SHORTER_WIDTH:
                raise ValueError(
                    f"blur={self.blur:g} blur_ratio={self.blur_ratio:g}: the shorter width would be {shorter:.2f} px, "
                    f"below a pixel's own {PIXEL_WIDTH:.2f}; give a larger blur or a smaller ratio"
                )


@dataclass
class UpscaleConfig(Steering):
    """Options of upscaling.

    Attributes:
        reference: Path of an image whose degradation is assumed for all images, such as another part of the same
            photograph; empty = each image's own.
        ensemble: Whether to average over the 8 symmetries of the image (self-ensemble), which takes 8 times as long.
        overwrite: Whether to replace existing files; otherwise they are kept.
        tile: Side of the tiles in LR pixels, a multiple of 32, at least 64; memory grows with its square.
        overlap: Margin of each tile that it shares with its neighbours, in LR pixels, a multiple of 16, at most a
            quarter of `tile`.
        estimate: Whether to say what happened to each image, as the encoder of photographs that comes with the package
            reads it, and what steers a model that takes parameters.
        max_megapixels: Size in megapixels above which an image is refused before it is decoded.
        precision: `fp32`, or `bf16` (autocast: faster on a GPU, less exact).
        accelerator: `auto`, `cpu` or `gpu`.
    """

    reference: str = ""
    ensemble: bool = False
    overwrite: bool = False
    tile: int = bounded(256, 1, 2**16)
    overlap: int = bounded(32, 0, 2**16)
    estimate: bool = True
    max_megapixels: float = 100.0
    precision: str = "fp32"
    accelerator: str = "auto"

    def check(self) -> None:
        """Refuses invalid values, except of `tile` and `overlap`, see `sr.upscaling.tiles.Tiling.check`.

        Raises:
            ValueError: An option has an invalid value; the message names the valid ones.
        """
        super().check()
        for option, allowed in (("precision", ("fp32", "bf16")), ("accelerator", ("auto", "cpu", "gpu"))):
            if getattr(self, option) not in allowed:
                raise ValueError(f"{option}={getattr(self, option)!r} must be one of {', '.join(allowed)}")
        if not 0 < self.max_megapixels < 1e6:
            raise ValueError(f"max_megapixels={self.max_megapixels} must be positive and below 1000000")
