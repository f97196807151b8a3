"""Options of `python -m analysis.report` and `python -m analysis.embed`."""

from dataclasses import dataclass, field

from shared.command import Shorthand
from shared.data import DataConfig
from shared.training.run_config import PRECISIONS

LAYERS = ("vector", "map", "projection")
MAPS = ("umap", "pca")
MOST_PATCHES = 10_000  # scored in 200 s on one core, in 1.9 GB


@dataclass
class AnalysisConfig:
    """A look at encoders.

    Attributes:
        name: folder under `runs_dir/analysis/`; empty takes the encoder's name and the probe's.
        runs_dir: root of all runs.
        probe: what the images are degraded with: a built-in probe (`grid`, `continuous`, `unseen`, `dasr_figure`), a
            degradation space, or the path of a YAML of the same form.
        layer: `vector` (pooled), `map` (the middle position of the last map, not pooled) or `projection` (after the
            head that the contrastive loss saw).
        data: whose held-out images are degraded.
        seed: of patches, drawn degradations, clusters, maps and intervals.
        size: patches, about; at most 10,000.
        patch: their side in pixels.
        repeats: draws of the images behind each interval.
        map: `umap`, or `pca` at once.
        projector: also export to TensorBoard's projector, with a picture of every patch.
        precision: `bf16` (autocast) or `fp32`; `auto` is what training takes on this device.
        accelerator: `auto`, `cpu` or `gpu`.
    """

    name: str = ""
    runs_dir: str = "runs"
    probe: str = "grid"
    layer: str = "vector"
    data: DataConfig = field(default_factory=DataConfig)
    seed: int = 0
    size: int = 2000
    patch: int = 64
    repeats: int = 500
    map: str = "umap"
    projector: bool = False
    precision: str = "auto"
    accelerator: str = "auto"

    def check(self) -> None:
        """Refuse values that mean nothing.

        Raises:
            ValueError: names the option, its value and what would be right.
        """
        for option, allowed in (
            ("layer", LAYERS), ("map", MAPS), ("precision", ("auto", *PRECISIONS)),
            ("accelerator", ("auto", "cpu", "gpu")),
        ):  # fmt: skip
            if getattr(self, option) not in allowed:
                raise ValueError(f"{option}={getattr(self, option)!r} must be one of {', '.join(allowed)}")
        for option, least in (("seed", 0), ("size", 2), ("patch", 16), ("repeats", 0)):
            if getattr(self, option) < least:
                raise ValueError(f"{option}={getattr(self, option)} must be at least {least}")
        if self.size > MOST_PATCHES:
            raise ValueError(
                f"size={self.size} must be at most {MOST_PATCHES}: the measures compare each patch with all others, "
                "which takes minutes and 2 GB for so many"
            )


@dataclass
class OwnImagesConfig(AnalysisConfig):
    """A look at a user's own images; the probe set is what they are held against.

    Attributes:
        encoder: path of a run or an artefact; empty takes the newest finished pretraining run.
        patches: cut from each image, evenly spread.
    """

    encoder: str = ""
    patches: int = 16

    def check(self) -> None:
        """Refuse values that mean nothing.

        Raises:
            ValueError: names the option, its value and what would be right.
        """
        super().check()
        if self.patches < 1:
            raise ValueError(f"patches={self.patches} must be at least 1")
        if self.projector:
            raise ValueError("projector=true: only `make embed-viz` exports to the projector")


SHORTHANDS: dict[str, Shorthand] = {"data": lambda key, value: [f"{key}.kind={value}"]}
