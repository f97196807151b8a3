"""Options of training runs, in both stages."""

from dataclasses import dataclass, field

from shared.bounds import bounded
from shared.data import DataConfig
from shared.training.optimizers import OptimizerConfig

PRECISIONS = ("fp32", "bf16")


@dataclass
class RunConfig:
    """Options of a training run.

    Attributes:
        name: Name of the run's folder under `runs_dir/<stage>/`; empty for the name of the recipe.
        runs_dir: Root folder of all runs.
        seed: Seed of weights, crops and degradations.
        steps: Number of optimiser steps.
        batch_size: Rows (degradations) per optimiser step on all devices.
        accumulation: Number of micro-batches per optimiser step.
        precision: `bf16` (autocast; the weights stay fp32), `fp32`, or `auto`, which is bf16 on devices with
            instructions for it.
        optimizer: Optimiser and learning-rate schedule, see `OptimizerConfig`.
        ema: Decay of an exponential moving average of the weights, which becomes the artefact; 0 for the weights
            themselves.
        channels_last: Whether the network uses the channels-last memory format, which is faster for convolutions.
        compile: Whether to compile the network with `torch.compile`, which is worthwhile for long runs.
        data: Training images.
        degradation: Degradation space, by name or by the path of a YAML.
        accelerator: `auto`, `cpu` or `gpu`.
        devices: Number of devices per node.
        nodes: Number of machines.
        sync_batchnorm: Whether batch statistics are computed over all devices; only on GPUs.
        workers: Number of loader processes, used only if the images do not fit the device.
        checkpoint_every: Optimiser steps between two checkpoints.
        log_every: Optimiser steps between two points in TensorBoard.
        panel_every: Optimiser steps between two pictures of the views; 0 for the first step only.
        dry_run: Whether to check everything, run two steps, print the cost of the full run, and keep nothing.
        show_config: Whether to print all options, with those that fit the run, and what a step sees, as JSON, and to do
            nothing else.
    """

    name: str = ""
    runs_dir: str = "runs"
    seed: int = bounded(0, 0, 2**32 - 1)
    steps: int = bounded(1000, 1)
    batch_size: int = bounded(64, 1, 2**20)
    accumulation: int = bounded(1, 1, 2**20)
    precision: str = "auto"
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    ema: float = 0.0
    channels_last: bool = True
    compile: bool = False
    data: DataConfig = field(default_factory=DataConfig)
    degradation: str = "blur"
    accelerator: str = "auto"
    devices: int = bounded(1, 1, 1024)
    nodes: int = bounded(1, 1, 1024)
    sync_batchnorm: bool = False
    workers: int = bounded(2, 0, 1024)
    checkpoint_every: int = bounded(100, 1)
    log_every: int = bounded(10, 1)
    panel_every: int = bounded(0, 0)
    dry_run: bool = False
    show_config: bool = False

    def check(self) -> None:
        """Refuses invalid values and combinations; bounds of numbers are checked when they are read.

        Raises:
            ValueError: A value is invalid. The message names the option and says what would be right.
        """
        if self.precision not in ("auto", *PRECISIONS):
            raise ValueError(f"precision={self.precision!r} must be one of auto, {', '.join(PRECISIONS)}")
        if self.accelerator not in ("auto", "cpu", "gpu"):
            raise ValueError(f"accelerator={self.accelerator!r} must be auto, cpu or gpu")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema={self.ema} must be within 0 (off) .. 1 (excluded)")
        if self.batch_size % self.accumulation:
            raise ValueError(
                f"batch_size={self.batch_size} cannot be divided into accumulation={self.accumulation} equal parts"
            )
        if self.micro_batch_size % (self.devices * self.nodes):
            raise ValueError(
                f"batch_size={self.batch_size} with accumulation={self.accumulation} cannot be divided among "
                f"{self.devices * self.nodes} devices"
            )
        self.optimizer.check()

    @property
    def micro_batch_size(self) -> int:
        """Rows (degradations) per micro-batch on all devices."""
        return self.batch_size // self.accumulation
