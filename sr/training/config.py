"""Options of `python -m sr.train`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from omegaconf import MISSING

from pretrain.methods import METHODS, Positives, RunPace, choose_key_momentum, keep_started, positives_overrides
from pretrain.views import ViewsConfig
from shared.bounds import bounded
from shared.command import Group, make_choice
from shared.encoders import MIN_IMAGE_SIDE
from shared.training.run_config import RunConfig
from sr.conditioning import CONDITIONINGS
from sr.fusion import FUSIONS
from sr.networks import NETWORKS
from sr.training.augmentation import AugmentationConfig
from sr.training.losses import LossConfig

VALIDATIONS = 10  # in a run, the one at the end included


@dataclass
class SRConfig(RunConfig):
    """Options of an SR training run, in addition to those of every run (`RunConfig`).

    Attributes:
        degradation: Name of a degradation space or path of a YAML; empty = DASR's isotropic blurs at the scale.
        scale: 2, 3 or 4, the same as that of the degradation space.
        network: The network (`network=NAME` chooses, `network.OPTION=...` sets).
        conditioning: What steers the network (`conditioning=NAME` chooses, `conditioning.OPTION=...` sets).
        patch: Side of the LR patches in pixels.
        loss: Loss between SR and HR images, see `LossConfig`.
        augmentation: Augmentation of the HR crops, see `AugmentationConfig`.
        views: LR patches per degradation, see `ViewsConfig`; empty = one, or as many as the contrastive loss needs. The
            first one is super-resolved.
        validate_every: Optimiser steps between validations on held-out images; 0 = only at the end, below 0 = ten
            times in the run.
        validation_size: Largest side, in pixels, of the central crops of HR images that are scored, at least 16 times
            the scale.
    """

    degradation: str = ""
    scale: int = 2
    network: Any = MISSING
    conditioning: Any = field(default_factory=lambda: GROUPS["conditioning"].choices["frozen"]())
    patch: int = bounded(48, MIN_IMAGE_SIDE, 4096)
    loss: LossConfig = field(default_factory=LossConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    views: ViewsConfig = field(default_factory=lambda: ViewsConfig(crops=""))
    validate_every: int = bounded(-1, -1)
    validation_size: int = bounded(256, 1, 65536)

    def check(self) -> None:
        """Refuses invalid values, and combinations that do not fit.

        Raises:
            ValueError: An option is invalid, or two do not fit; the message names them.
        """
        super().check()
        if self.scale not in (2, 3, 4):
            raise ValueError(f"scale={self.scale} must be 2, 3 or 4")
        if self.validation_size < self.scale * MIN_IMAGE_SIDE:
            raise ValueError(
                f"validation_size={self.validation_size} must be at least {self.scale * MIN_IMAGE_SIDE} for scale="
                f"{self.scale}: each side of an LR image needs at least {MIN_IMAGE_SIDE} pixels"
            )
        if self.augmentation.mixup and self.devices * self.nodes > 1:
            raise ValueError("augmentation.mixup blends rows of one device: use a single device, or remove it")
        self.conditioning.check()
        self.loss.check()
        self.views.sources()
        self._check_views()

    @property
    def validation_interval(self) -> int:
        """Optimiser steps between two validations; 0 if there is none before the end."""
        return self.validate_every if self.validate_every >= 0 else -(-self.steps // VALIDATIONS)

    def _check_views(self) -> None:
        sizes, patches = self.view_config.sizes(), self.conditioning.patches
        used = "one LR patch" if patches == 1 else f"{patches} LR patches of one image"
        reason = f"conditioning={self.conditioning.name} uses {used} for each degradation"
        if self.conditioning.trains_by_contrast:
            Positives(self.conditioning.positives).check(self.contrasted_views)
            if sizes[0].count < patches:
                raise ValueError(f"views={self.views.crops}: {reason}; give more views, or lower conditioning.patches")
        elif len(sizes) > 1 or sizes[0].count != patches:
            raise ValueError(f"views={self.views.crops}: {reason}; remove views, or use conditioning=joint")
        if self.conditioning.trains_by_contrast and patches == 1:
            return
        for option in ("other_images", "images"):
            if value := getattr(self.views, option):
                raise ValueError(f"views.{option}={value}: {reason}; remove it")

    @property
    def view_config(self) -> ViewsConfig:
        """The views, with their crops filled in."""
        count = max(self._views_needed, self.conditioning.patches)
        return replace(self.views, crops=self.views.crops or f"{count}x{self.patch}")

    @property
    def contrasted_views(self) -> int:
        """Number of the largest views that the contrastive loss compares; as many as `patches` may only steer."""
        count = self.view_config.sizes()[0].count
        return self._views_needed if count == self.conditioning.patches else count

    @property
    def _views_needed(self) -> int:
        has_contrast = self.conditioning.trains_by_contrast
        return Positives(self.conditioning.positives).views_needed() if has_contrast else 1

    def count_per_step(self) -> dict[str, float]:
        """Counts the degradations that a step sees, the LR patches, with those that only steer, and their pixels."""
        sizes, rows = self.view_config.sizes(), self.batch_size
        return {
            "degradations": rows,
            "patches": rows * sum(size.count for size in sizes),
            "pixels": rows * sum(size.count * size.patch**2 for size in sizes),
            "restored_patches": rows,
        }

    def fit_time_constants(self, earlier: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Replaces `auto` by numbers that fit the run, or by those with which it was started.

        Args:
            earlier: Options of the conditioning with which the run was started; empty for a new run.
        """
        options = self.conditioning
        if not hasattr(options, "key_momentum"):
            return
        fitted = choose_key_momentum(self.steps)
        options.key_momentum = keep_started(options.key_momentum, fitted, earlier.get("key_momentum"))
        if isinstance(options.method, METHODS["moco"].config):
            started = earlier.get("method", {}).get("queue_size")
            options.method = options.method.fit_to(self.pace, Positives(options.positives), started)

    @property
    def pace(self) -> RunPace:
        """The pace of a run with a contrastive loss, after `fit_time_constants`."""
        return RunPace(
            self.steps,
            self.accumulation,
            self.micro_batch_size,
            self.conditioning.key_momentum,
            momentum_option="conditioning.key_momentum",
            method_option="conditioning.method",
        )


def _collect_options(table: Any, attribute: str) -> dict[str, type]:
    return {name: make_choice(name, getattr(entry, attribute)) for name, entry in table.items()}


GROUPS: dict[str, Group] = {
    "network": Group(_collect_options(NETWORKS, "config")),
    "conditioning": Group(_collect_options(CONDITIONINGS, "options"), keeps_common=True),
    "conditioning.fusion": Group(_collect_options(FUSIONS, "config")),
    "conditioning.method": Group(_collect_options(METHODS, "config")),
}

SHORTHANDS: dict[str, Callable[[str, str], list[str]]] = {
    "data": lambda key, value: [f"{key}.kind={value}"],
    "views": lambda key, value: [f"{key}.crops={value}"],
    "loss": lambda key, value: [f"{key}.name={value}"],
    "conditioning.positives": positives_overrides,
}

# short names of options, and names of earlier versions
ALIASES = {
    "encoder": "conditioning.encoder",
    "encoder_input": "conditioning.input",
    "encoder_downsample": "conditioning.downsample",
    "encoder_lr": "conditioning.lr",
    "fusion": "conditioning.fusion",
    "width": "conditioning.width",
    "shared_blocks": "conditioning.blocks",
    "loss.contrastive": "conditioning.contrastive",
    "method": "conditioning.method",
    "positives": "conditioning.positives",
    "key_momentum": "conditioning.key_momentum",
}
