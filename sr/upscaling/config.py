"""Options of `python -m sr.upscale`."""

from dataclasses import dataclass


@dataclass
class UpscaleConfig:
    """How images are super-resolved.

    Attributes:
        reference: image whose degradation is taken for all, such as a sharper or larger part of the same photograph;
            empty takes each image's own.
        ensemble: take the mean over the 8 symmetries of the image, 8 times as slow.
        overwrite: replace files that are there already; otherwise they are kept.
        tile: side in LR pixels of what the network sees at once; memory goes with its square.
        overlap: LR pixels around a tile's own part that the network sees too.
        estimate: tell in words what the model takes the degradation for.
        max_megapixels: larger images are refused before they are decoded.
        precision: `fp32`, or `bf16` (autocast, faster on a GPU, less exact).
        accelerator: `auto`, `cpu` or `gpu`.
        cache_dir: where what a model's estimates need is kept, a few MB a model.
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
        """Refuses values that mean nothing; tiles are checked where they are cut.

        Raises:
            ValueError: names the option, its value and what would be right.
        """
        for option, allowed in (("precision", ("fp32", "bf16")), ("accelerator", ("auto", "cpu", "gpu"))):
            if getattr(self, option) not in allowed:
                raise ValueError(f"{option}={getattr(self, option)!r} must be one of {', '.join(allowed)}")
        if not 0 < self.max_megapixels < 1e6:
            raise ValueError(f"max_megapixels={self.max_megapixels} must be positive and below 1000000")
