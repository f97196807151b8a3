"""Options of `python -m pretrain.train`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from omegaconf import MISSING

from pretrain.methods import METHODS
from pretrain.methods.moco import MoCoConfig
from pretrain.positives import Positives, PositivesConfig, positives_overrides
from pretrain.time_constants import (
    AUTO,
    RunPace,
    check_key_momentum,
    choose_key_momentum,
    choose_last_key_momentum,
    count_lag,
    keep_started,
)
from pretrain.views import ViewsConfig
from shared.bounds import bounded
from shared.command import Group, Shorthand, make_choice
from shared.encoders import EncoderConfig
from shared.readings.samples import FEWEST_SAMPLES
from shared.training.run_config import RunConfig


@dataclass
class PretrainConfig(RunConfig):
    """Options of pretraining, in addition to those of `RunConfig`.

    Attributes:
        encoder: Degradation encoder to train (`encoder=NAME` chooses, `encoder.OPTION=...` sets).
        method: Self-supervised method and its options (`method=NAME` chooses, `method.OPTION=...` sets).
        views: Crops per degradation and the images they come from (`views=2x64+4x48` sets the crops).
        positives: Number of positives per row and their aggregation (`positives=5` or `positives=center5`).
        key_momentum: Share of its weights that the target network keeps at each step, within 0..1; `auto` fits it to
            the number of steps.
        key_momentum_end: Key momentum at the last step, reached along a cosine; below 0 it stays constant. `auto` is
            1, as in BYOL, in a run of at least 100 lags of the target network, and constant in others.
        probe_every: Optimiser steps between probe scores on held-out images; 0 scores only at the end.
        figures_every: Optimiser steps between maps of the embedding in TensorBoard, drawn by a second process; 0 draws
            none.
        readings: Number of degraded photographs that are stored with the encoder as it sees them, so that it reads
            photographs at once (`python -m analysis.embed PHOTO`); 0 stores none: they are drawn when they are needed.
    """

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    method: Any = MISSING
    views: ViewsConfig = field(default_factory=ViewsConfig)
    positives: PositivesConfig = field(default_factory=PositivesConfig)
    key_momentum: int | float | str = AUTO
    key_momentum_end: int | float | str = -1.0
    probe_every: int = bounded(0, 0)
    figures_every: int = bounded(0, 0)
    readings: int = bounded(0, 0, 100_000)

    def check(self) -> None:
        """Refuses values out of range and combinations of options that do not fit.

        Raises:
            ValueError: An option is out of range, or two options exclude each other.
        """
        super().check()
        check_key_momentum(self.key_momentum, "key_momentum")
        end = self.key_momentum_end
        if end != AUTO and (isinstance(end, str) or end > 1):
            raise ValueError(f"key_momentum_end={end} must be within 0..1, below 0 to keep it constant, or auto")
        if self.accumulation > 1 and getattr(self.method, "keys_per_step", None):
            raise ValueError(
                f"method.keys_per_step={self.method.keys_per_step} counts per micro-batch and needs accumulation=1"
            )
        if 0 < self.readings < FEWEST_SAMPLES:
            raise ValueError(f"readings={self.readings} must be 0 or at least {FEWEST_SAMPLES}, a predictor's fewest")
        self.views.sources()
        Positives(self.positives).check(self.views.sizes()[0].count)

    def fit_time_constants(self, earlier: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Replaces `auto` by numbers that fit the run, or by those with which it was started.

        Args:
            earlier: Configuration with which the run was started; empty for a new run.
        """
        start, end = self.key_momenta
        self.key_momentum = keep_started(self.key_momentum, start, earlier.get("key_momentum"))
        self.key_momentum_end = keep_started(self.key_momentum_end, end, earlier.get("key_momentum_end"))
        if isinstance(self.method, MoCoConfig):
            started = earlier.get("method", {}).get("queue_size")
            self.method = self.method.fit_to(self.pace, Positives(self.positives), started)

    def count_per_step(self) -> dict[str, float]:
        """Counts what an optimiser step sees, after `fit_time_constants`.

        Returns:
            `degradations`, `patches` and `pixels` that a step sees; its `forward_passes`, patches that pass through the
            encoder or the target network; and, which do not add up over the steps, the `negative_degradations` of a
            query in the batch or in a full queue and the `target_lag` in steps, where the method has them.
        """
        sizes, positives = self.views.sizes(), Positives(self.positives)
        method = METHODS[self.method_name].method
        rows, views = self.batch_size, sum(size.count for size in sizes)
        smaller_views = views - sizes[0].count
        embedded = positives.query_views + smaller_views + positives.key_views if method.has_target else views
        counts: dict[str, float] = {
            "degradations": rows,
            "patches": rows * views,
            "pixels": rows * sum(size.count * size.patch**2 for size in sizes),
            "forward_passes": rows * embedded,
        }
        if method.has_target:
            counts["target_lag"] = round(count_lag(self.pace.key_momentum), 2)
        if isinstance(self.method, MoCoConfig) and self.method.queue_size:
            counts["negative_degradations"] = round(int(self.method.queue_size) / positives.enqueued_keys)
        elif method.compares_rows or isinstance(self.method, MoCoConfig):
            counts["negative_degradations"] = self.micro_batch_size - 1
        return counts

    @property
    def key_momenta(self) -> tuple[float, float]:
        """Key momentum at the first and at the last step."""
        given, end = self.key_momentum, self.key_momentum_end
        start = choose_key_momentum(self.steps) if given == AUTO else float(given)
        if end == AUTO:
            return start, choose_last_key_momentum(self.steps, start)
        return start, float(end) if float(end) >= 0 else start

    @property
    def pace(self) -> RunPace:
        """The pace of the run; if the key momentum changes, with the lowest one, at which the target can follow."""
        start, end = self.key_momenta
        option = "key_momentum_end" if end < start else "key_momentum"
        return RunPace(self.steps, self.accumulation, self.micro_batch_size, min(start, end), option)

    @property
    def method_name(self) -> str:
        """The chosen method's name in `METHODS`."""
        return str(self.method.name)


GROUPS = {"method": Group({name: make_choice(name, entry.config) for name, entry in METHODS.items()})}

SHORTHANDS: dict[str, Shorthand] = {
    "encoder": lambda key, value: [f"{key}.name={value}"],
    "data": lambda key, value: [f"{key}.kind={value}"],
    "views": lambda key, value: [f"{key}.crops={value}"],
    "positives": positives_overrides,
}
