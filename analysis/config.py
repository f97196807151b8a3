"""Options of `python -m analysis.report`, `python -m analysis.embed` and `python -m analysis.curves`."""

from dataclasses import dataclass, field

from shared.bounds import bounded
from shared.command import Shorthand
from shared.data import DataConfig
from shared.training.run_config import PRECISIONS

LAYERS = ("vector", "map", "projection")
ALL = "all"
MAPS = ("umap", "pca")
BUDGETS = ("patches", "pixels", "steps")
MAX_PATCHES = 10_000  # scored in 200 s on one core, in 1.9 GB


@dataclass
class AnalysisConfig:
    """Options of a report on encoders.

    Attributes:
        name: Name of the folder under `runs_dir/analysis/`; by default built from the names of what is compared.
        runs_dir: Root folder of all runs.
        probe: Degradations of the probe set: a built-in probe (`grid`, `sweep`, `continuous`, `unseen`,
            `dasr_figure`), a
            degradation space, or the path of a YAML file of the same form.
        layer: Layer to analyse: `vector` (pooled), `map` (the centre position of the last feature map, not pooled) or
            `projection` (the output of the projection head, which the contrastive loss compares); `all` shows the
            layers beside each other.
        data: Data set whose held-out images are degraded.
        seed: Seed of patches, drawn degradations, clusters, maps and intervals.
        size: Approximate number of patches, 2 to 10,000.
        patch: Side of a patch in pixels, at least 16.
        repeats: Number of bootstrap draws of the images for each interval; 0 computes no intervals.
        map: Method of the two-dimensional map: `umap`, or `pca`, which is faster.
        projector: Whether to export to TensorBoard's projector too, with a picture of every patch.
        precision: `bf16` (autocast), `fp32`, or `auto`, which uses the precision of training on this device.
        accelerator: `auto`, `cpu` or `gpu`.
    """

    name: str = ""
    runs_dir: str = "runs"
    probe: str = "grid"
    layer: str = "vector"
    data: DataConfig = field(default_factory=DataConfig)
    seed: int = bounded(0, 0, 2**32 - 1)
    size: int = bounded(2000, 2)
    patch: int = bounded(64, 16, 4096)
    repeats: int = bounded(500, 0, 100_000)
    map: str = "umap"
    projector: bool = False
    precision: str = "auto"
    accelerator: str = "auto"

    def check(self) -> None:
        """Refuses invalid values.

        Raises:
            ValueError: An option has an invalid value; the message names both and says what is valid.
        """
        for option, allowed in (
            ("layer", (*LAYERS, ALL)),
            ("map", MAPS),
            ("precision", ("auto", *PRECISIONS)),
            ("accelerator", ("auto", "cpu", "gpu")),
        ):
            if getattr(self, option) not in allowed:
                raise ValueError(f"{option}={getattr(self, option)!r} must be one of {', '.join(allowed)}")
        if self.size > MAX_PATCHES:
            raise ValueError(
                f"size={self.size} must be at most {MAX_PATCHES}: the measures compare all pairs of patches, "
                "which needs minutes and 2 GB at that size"
            )


@dataclass
class OwnImagesConfig(AnalysisConfig):
    """Options of a report on the user's own images, which are read, and shown among those of a probe set.

    Attributes:
        encoder: Path of a run or an artefact; by default the encoder of photographs that comes with the package. Any
            other is first shown photographs of `data` under known degradations, once, which takes minutes.
        patches: Number of patches per image on the page, at least 1, spread evenly over it.
    """

    encoder: str = ""
    patches: int = bounded(16, 1, 10_000)

    def check(self) -> None:
        """Refuses invalid values.

        Raises:
            ValueError: An option has an invalid value; the message names both and says what is valid.
        """
        super().check()
        if self.projector:
            raise ValueError("projector=true: only `make embed-viz` exports to the projector; remove the option")
        if self.layer == ALL:
            raise ValueError(f"layer={ALL}: only `make embed-viz` shows several layers; choose one")


@dataclass
class CurvesConfig:
    """Options of a figure of learning curves.

    Attributes:
        score: Probe score to draw, as TensorBoard names it: knn_accuracy, nmi, content_accuracy, r2_log_sigma, ...
        over: Budget on the horizontal axis: `patches` (degradations x views seen), their `pixels`, or optimiser
            `steps`.
        name: Name of the folder under `runs_dir/analysis/`.
        runs_dir: Root folder of all runs.
    """

    score: str = "knn_accuracy"
    over: str = "patches"
    name: str = ""
    runs_dir: str = "runs"

    def check(self) -> None:
        """Refuses an unknown budget.

        Raises:
            ValueError: The budget is unknown.
        """
        if self.over not in BUDGETS:
            raise ValueError(f"over={self.over} must be one of {', '.join(BUDGETS)}")


SHORTHANDS: dict[str, Shorthand] = {"data": lambda key, value: [f"{key}.kind={value}"]}
