"""Options of `python -m sr.train`."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from omegaconf import MISSING

from pretrain.methods import METHODS, Positives, positives_overrides
from pretrain.views import ViewsConfig
from shared.command import Group, make_choice
from shared.encoders import MIN_IMAGE_SIDE
from shared.training.run_config import RunConfig
from sr.conditioning import CONDITIONINGS
from sr.fusion import FUSIONS
from sr.networks import NETWORKS
from sr.training.augmentation import AugmentationConfig
from sr.training.losses import LossConfig


@dataclass
class SRConfig(RunConfig):
    """An SR training run; see `RunConfig` for the rest.

    Attributes:
        degradation: Space name or the path of a YAML; empty takes DASR's isotropic blurs at the scale.
        scale: 2, 3 or 4; the degradation space must have it too.
        network: Options of the chosen network (`network=NAME` chooses, `network.OPTION=...` sets).
        conditioning: What steers the network (`conditioning=NAME` chooses, `conditioning.OPTION=...` sets).
        patch: Side of the LR patches in pixels.
        loss: See `LossConfig`.
        augmentation: See `AugmentationConfig`.
        views: Crops of one degradation; empty takes one LR patch, or as many as the contrastive loss needs. The first
            is super-resolved.
        validate_every: Optimiser steps between scores on held-out images; 0 = at the end alone.
        validation_size: Largest side of the HR images that are scored, cut from the centre; 16 times the scale or more.
    """

    degradation: str = ""
    scale: int = 2
    network: Any = MISSING
    conditioning: Any = field(default_factory=lambda: GROUPS["conditioning"].choices["frozen"]())
    patch: int = 48
    loss: LossConfig = field(default_factory=LossConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    views: ViewsConfig = field(default_factory=lambda: ViewsConfig(crops=""))
    validate_every: int = 0
    validation_size: int = 256

    def check(self) -> None:
        """Refuse values that no run can have, and combinations that do not fit.

        Raises:
            ValueError: names the option or the combination.
        """
        super().check()
        if self.scale not in (2, 3, 4):
            raise ValueError(f"scale={self.scale} must be 2, 3 or 4")
        if self.patch < MIN_IMAGE_SIDE:
            raise ValueError(f"patch={self.patch} must be at least {MIN_IMAGE_SIDE}")
        if self.validate_every < 0:
            raise ValueError(f"validate_every={self.validate_every} must not be negative")
        if self.validation_size < self.scale * MIN_IMAGE_SIDE:
            raise ValueError(
                f"validation_size={self.validation_size} must be at least {self.scale * MIN_IMAGE_SIDE} for scale="
                f"{self.scale}: LR images have {MIN_IMAGE_SIDE} pixels a side or more"
            )
        if self.augmentation.mixup and self.devices * self.nodes > 1:
            raise ValueError("augmentation.mixup blends rows of one device: take one device, or leave it out")
        self.conditioning.check()
        self.loss.check()
        self.augmentation.check()
        self.views.sources()
        self._check_views()

    def _check_views(self) -> None:
        sizes = self.view_config.sizes()
        if self.conditioning.trains_by_contrast:
            Positives(self.conditioning.positives).check(sizes[0].count)
            return
        if len(sizes) > 1 or sizes[0].count > 1:
            raise ValueError(
                f"views={self.views.crops}: with conditioning={self.conditioning.name} one LR patch of each "
                "degradation is used; leave views out, or take conditioning=joint"
            )
        for option in ("other_images", "images"):
            if getattr(self.views, option):
                raise ValueError(
                    f"views.{option}={getattr(self.views, option)}: conditioning={self.conditioning.name} uses one LR "
                    "patch of each degradation; leave it out, or take conditioning=joint"
                )

    @property
    def view_config(self) -> ViewsConfig:
        """The views with the crops filled in."""
        contrasts = self.conditioning.trains_by_contrast
        count = Positives(self.conditioning.positives).views_needed() if contrasts else 1
        return replace(self.views, crops=self.views.crops or f"{count}x{self.patch}")


def _named(table: Any, attribute: str) -> dict[str, type]:
    return {name: make_choice(name, getattr(entry, attribute)) for name, entry in table.items()}


GROUPS: dict[str, Group] = {
    "network": Group(_named(NETWORKS, "config")),
    "conditioning": Group(_named(CONDITIONINGS, "options"), keeps_common=True),
    "conditioning.fusion": Group(_named(FUSIONS, "config")),
    "conditioning.method": Group(_named(METHODS, "config")),
}

SHORTHANDS: dict[str, Callable[[str, str], list[str]]] = {
    "data": lambda key, value: [f"{key}.kind={value}"],
    "views": lambda key, value: [f"{key}.crops={value}"],
    "loss": lambda key, value: [f"{key}.name={value}"],
    "conditioning.positives": positives_overrides,
}

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
