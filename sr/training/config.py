"""What `python -m sr.train` is told."""

from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass, replace
from typing import Any

from omegaconf import MISSING

from pretrain.methods import METHODS, Positives, PositivesConfig, positives_overrides
from pretrain.views import ViewsConfig
from shared.command.unread_options import Unread
from shared.encoders import MIN_IMAGE_SIDE as SMALLEST_IMAGE
from shared.training.run_config import RunConfig
from sr.conditioning.sources import CONDITIONINGS, OF_AN_ENCODER
from sr.fusion import FUSIONS
from sr.networks import NETWORKS
from sr.training.augmentation import AugmentationConfig
from sr.training.losses import LossConfig

WITH_CONTRAST = ("joint", "shared")
OF_CONTRAST = ["method", "positives", "key_momentum", "views.other_images", "views.images"]


@dataclass
class SRConfig(RunConfig):
    """An SR training run; see `RunConfig` for the rest.

    Attributes:
        degradation: space name or the path of a YAML; empty takes DASR's isotropic blurs at the scale.
        scale: 2, 3 or 4; the degradation space must have it too.
        network: options of the chosen network (`network=NAME` chooses, `network.OPTION=...` sets).
        fusion: options of the chosen fusion, alike.
        conditioning: where the representation comes from: frozen, finetune, joint, shared, or a control: none,
            constant, random, oracle.
        encoder: path of a run or an artefact; or a network's name, untrained; empty takes the newest finished
            pretraining run, and DASR's for joint.
        encoder_input: of an encoder given by name: rgb, bands or bands_level.
        encoder_downsample: of DASR's encoder given by name; false keeps its map at the size of the image.
        encoder_lr: learning rate of the encoder where it learns; 0 = that of the network.
        width: channels that the representation is compressed to.
        shared_blocks: residual blocks that encoder and network share, with conditioning=shared.
        patch: side of the LR patches in pixels.
        loss: see `LossConfig`.
        augmentation: see `AugmentationConfig`.
        method: of the contrastive loss, with conditioning=joint or shared.
        positives: of the contrastive loss.
        views: crops of one degradation; empty takes one LR patch, or as many as the contrastive loss needs. The first
            is super-resolved.
        key_momentum: of the contrastive loss.
        validate_every: optimiser steps between scores on held-out images; 0 = at the end alone.
        validation_size: largest side of the HR images that are scored, cut from the centre; 16 times the scale or more.
    """

    degradation: str = ""
    scale: int = 2
    network: Any = MISSING
    fusion: Any = MISSING
    conditioning: str = "frozen"
    encoder: str = ""
    encoder_input: str = "rgb"
    encoder_downsample: bool = True
    encoder_lr: float = 0.0
    width: int = 64
    shared_blocks: int = 2
    patch: int = 48
    loss: LossConfig = field(default_factory=LossConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    method: Any = MISSING
    positives: PositivesConfig = field(default_factory=PositivesConfig)
    views: ViewsConfig = field(default_factory=lambda: ViewsConfig(crops=""))
    key_momentum: float = 0.999
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
        if self.conditioning not in CONDITIONINGS:
            raise ValueError(f"conditioning={self.conditioning!r} must be one of {', '.join(CONDITIONINGS)}")
        for option, least in (("patch", 16), ("width", 1)):
            if getattr(self, option) < least:
                raise ValueError(f"{option}={getattr(self, option)} must be at least {least}")
        for option in ("encoder_lr", "validate_every", "shared_blocks"):
            if getattr(self, option) < 0:
                raise ValueError(f"{option}={getattr(self, option)} must not be negative")
        if self.validation_size < self.scale * SMALLEST_IMAGE:
            raise ValueError(
                f"validation_size={self.validation_size} must be at least {self.scale * SMALLEST_IMAGE} for scale="
                f"{self.scale}: LR images have {SMALLEST_IMAGE} pixels a side or more"
            )
        if self.augmentation.mixup and self.devices * self.nodes > 1:
            raise ValueError("augmentation.mixup blends rows of one device: take one device, or leave it out")
        if not 0 <= self.key_momentum <= 1:
            raise ValueError(f"key_momentum={self.key_momentum} must be within 0..1")
        self.loss.check()
        self.augmentation.check()
        self.views.sources()
        sizes = self.view_config.sizes()
        if self.has_contrast:
            Positives(self.positives).check(sizes[0].count)
        elif len(sizes) > 1 or sizes[0].count > 1:
            raise ValueError(
                f"views={self.views.crops}: with conditioning={self.conditioning} one LR patch of each degradation is "
                "used; leave views out, or take conditioning=joint"
            )

    @property
    def has_contrast(self) -> bool:
        """Whether the contrastive loss is part of the training."""
        return self.conditioning in WITH_CONTRAST and self.loss.contrastive > 0

    @property
    def view_config(self) -> ViewsConfig:
        """The views with the crops filled in."""
        count = Positives(self.positives).views_needed() if self.has_contrast else 1
        return replace(self.views, crops=self.views.crops or f"{count}x{self.patch}")


def _named(name: str, config: type) -> type:
    """The options with the choice's name in front, so that a stored configuration says which it was."""
    return make_dataclass(config.__name__, [("name", str, field(default=name))], bases=(config,))


GROUPS = {
    "network": {name: _named(name, entry.config) for name, entry in NETWORKS.items()},
    "fusion": {name: _named(name, entry.config) for name, entry in FUSIONS.items()},
    "method": {name: _named(name, entry.config) for name, entry in METHODS.items()},
}

SHORTHANDS: dict[str, Callable[[str], list[str]]] = {
    "data": lambda value: [f"data.kind={value}"],
    "views": lambda value: [f"views.crops={value}"],
    "loss": lambda value: [f"loss.name={value}"],
    "positives": positives_overrides,
}


def _unread_with(conditioning: str) -> list[str]:
    unread = ["fusion", "width"] if conditioning == "none" else []
    unread += [] if conditioning in (*OF_AN_ENCODER, "constant") else ["encoder", "encoder_input", "encoder_downsample"]
    unread += [] if conditioning in ("finetune", "joint") else ["encoder_lr"]
    unread += [] if conditioning == "shared" else ["shared_blocks"]
    return unread + ([] if conditioning in WITH_CONTRAST else [*OF_CONTRAST, "loss.contrastive"])


def _unread_with_weight(of_contrast: str) -> list[str]:
    try:
        return OF_CONTRAST if float(of_contrast) == 0 else []
    except ValueError:  # not a number: refused where the option is read
        return []


UNREAD: Unread = {"conditioning": _unread_with, "loss.contrastive": _unread_with_weight}
