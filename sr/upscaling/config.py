"""What `python -m sr.upscale` is told beside its paths."""

from dataclasses import dataclass


@dataclass
class UpscaleConfig:
    """How images are super-resolved.

    Attributes:
        tile: side in LR pixels of what the network sees at once; memory goes with its square.
        overlap: LR pixels around a tile's own part that the network sees too.
        estimate: tell in words what the model takes the degradation for.
        max_megapixels: larger images are refused before they are decoded.
        precision: `fp32`, or `bf16` (autocast, faster on a GPU, less exact).
        accelerator: `auto`, `cpu` or `gpu`.
        cache_dir: where what a model's estimates need is kept, a few MB a model.
    """

    tile: int = 256
    overlap: int = 32
    estimate: bool = True
    max_megapixels: float = 100.0
    precision: str = "fp32"
    accelerator: str = "auto"
    cache_dir: str = "~/.cache/unblind"

    def check(self) -> None:
        """Refuse values that mean nothing; tiles are checked where they are cut.

        Raises:
            ValueError: names the option, its value and what would be right.
        """
        for option, allowed in (("precision", ("fp32", "bf16")), ("accelerator", ("auto", "cpu", "gpu"))):
            if getattr(self, option) not in allowed:
                raise ValueError(f"{option}={getattr(self, option)!r} must be one of {', '.join(allowed)}")
        if not 0 < self.max_megapixels < 1e6:
            raise ValueError(f"max_megapixels={self.max_megapixels} must be positive and below 1000000")


@dataclass(frozen=True)
class Request:
    """One command line.

    Attributes:
        source: image or folder.
        target: image or folder.
        model: of a run or an artefact.
        overwrite: whether files that are there already are replaced.
        ensemble: mean over the 8 symmetries.
        reference: image that the representation is taken from; empty for each image's own.
        config: everything else.
    """

    source: str
    target: str
    model: str
    overwrite: bool
    ensemble: bool
    reference: str
    config: UpscaleConfig
