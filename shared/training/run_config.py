"""Options of every training run, in both stages."""

from dataclasses import dataclass, field

from shared.data import DataConfig
from shared.training.optimizers import OptimizerConfig

PRECISIONS = ("fp32", "bf16")


@dataclass
class RunConfig:
    """A training run.

    Attributes:
        name: run folder under `runs_dir/<stage>/`; empty takes the recipe's name.
        runs_dir: root of all runs.
        seed: of weights, crops, degradations.
        steps: optimiser steps.
        batch_size: rows (degradations) per optimiser step over all devices.
        accumulation: micro-batches a step is cut into.
        precision: `bf16` (autocast; the weights stay fp32) or `fp32`; `auto` is bf16 where the device has units for it.
        optimizer: see `OptimizerConfig`.
        ema: decay of the exponential moving average of the encoder's weights that becomes the artefact; 0 = the weights
            themselves.
        channels_last: memory format of the network, the faster one for convolutions.
        compile: `torch.compile` the network; pays in long runs.
        data: training images.
        degradation: space name or the path of a YAML.
        accelerator: `auto`, `cpu` or `gpu`.
        devices: devices per node.
        nodes: machines.
        sync_batchnorm: batch statistics over all devices (GPU).
        workers: loader processes, used only where the images do not fit the device.
        checkpoint_every: optimiser steps between checkpoints.
        log_every: optimiser steps between TensorBoard points.
        panel_every: optimiser steps between pictures of the views; 0 = the first step alone.
        dry_run: check everything, run two steps, say what the full run costs, keep nothing.
    """

    name: str = ""
    runs_dir: str = "runs"
    seed: int = 0
    steps: int = 1000
    batch_size: int = 64
    accumulation: int = 1
    precision: str = "auto"
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    ema: float = 0.0
    channels_last: bool = True
    compile: bool = False
    data: DataConfig = field(default_factory=DataConfig)
    degradation: str = "blur"
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    sync_batchnorm: bool = False
    workers: int = 2
    checkpoint_every: int = 100
    log_every: int = 10
    panel_every: int = 0
    dry_run: bool = False

    def check(self) -> None:
        """Refuse values that no run can have.

        Raises:
            ValueError: names the option, its value and what would be right.
        """
        positive = (
            "steps",
            "batch_size",
            "accumulation",
            "devices",
            "nodes",
            "checkpoint_every",
            "log_every",
        )
        for option in positive:
            if getattr(self, option) < 1:
                raise ValueError(f"{option}={getattr(self, option)} must be at least 1")
        for option in ("panel_every", "workers", "seed"):
            if getattr(self, option) < 0:
                raise ValueError(f"{option}={getattr(self, option)} must not be negative")
        if self.precision not in ("auto", *PRECISIONS):
            raise ValueError(f"precision={self.precision!r} must be one of auto, {', '.join(PRECISIONS)}")
        if self.accelerator not in ("auto", "cpu", "gpu"):
            raise ValueError(f"accelerator={self.accelerator!r} must be auto, cpu or gpu")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema={self.ema} must be within 0 (off) .. 1 (not included)")
        if self.batch_size % self.accumulation:
            raise ValueError(
                f"batch_size={self.batch_size} cannot be cut into accumulation={self.accumulation} equal parts"
            )
        if self.micro_batch_size % (self.devices * self.nodes):
            raise ValueError(
                f"batch_size={self.batch_size} with accumulation={self.accumulation} cannot be divided among "
                f"{self.devices * self.nodes} devices"
            )
        self.optimizer.check()

    @property
    def micro_batch_size(self) -> int:
        """Rows per micro-batch over all devices."""
        return self.batch_size // self.accumulation
