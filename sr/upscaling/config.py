"""Options of `python -m sr.upscale`."""

from dataclasses import dataclass


@dataclass
class UpscaleConfig:
    """Options of upscaling.

    Attributes:
        reference: Path of an image whose degradation is assumed for all images, such as another part of the same
            photograph; empty = each image's own.
        ensemble: Whether to average over the 8 symmetries of the image (self-ensemble), which takes 8 times as long.
        overwrite: Whether to replace existing files; otherwise they are kept.
        tile: Side of the tiles in LR pixels, a multiple of 32, at least 64; memory grows with its square.
        overlap: Margin of each tile that it shares with its neighbours, in LR pixels, a multiple of 16, at most a
            quarter of `tile`.
        estimate: Whether to describe in words the degradation that the model reads from each image.
        max_megapixels: Size in megapixels above which an image is refused before it is decoded.
        precision: `fp32`, or `bf16` (autocast: faster on a GPU, less exact).
        accelerator: `auto`, `cpu` or `gpu`.
        cache_dir: Folder for what `estimate` computes once per model, a few MB each.
    """

    reference: str = ""
    ensemble: bool = False
    overwrite: bool = False
    tile: int = 256
    overlap: int = 32
    estimate: bool = True
    max_megapixels: float = 100.0
    precision: str = "fp32"
    accelerator: str = "auto"
    cache_dir: str = "~/.cache/unblind"

    def check(self) -> None:
        """Refuses invalid values, except of `tile` and `overlap`, see `sr.upscaling.tiles.Tiling.check`.

        Raises:
            ValueError: An option has an invalid value; the message names the valid ones.
        """
        for option, allowed in (("precision", ("fp32", "bf16")), ("accelerator", ("auto", "cpu", "gpu"))):
            if getattr(self, option) not in allowed:
                raise ValueError(f"{option}={getattr(self, option)!r} must be one of {', '.join(allowed)}")
        if not 0 < self.max_megapixels < 1e6:
            raise ValueError(f"max_megapixels={self.max_megapixels} must be positive and below 1000000")
