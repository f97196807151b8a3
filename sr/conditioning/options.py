"""The conditionings, each a dataclass of the options that it reads (`conditioning=NAME conditioning.OPTION=...`)."""

from dataclasses import dataclass, field, replace
from typing import Any

from omegaconf import MISSING

from pretrain.methods import METHODS, PositivesConfig
from shared.artefacts import EncoderArtefact
from shared.command import make_choice
from shared.encoders import Encoder, EncoderConfig
from sr.conditioning.encoder_choice import check_scale, find_newest_encoder, is_network_name


@dataclass
class Conditioning:
    """The interface of every conditioning.

    Attributes:
        name: Name of the conditioning that these options belong to.
        trains_by_contrast: Whether a contrastive loss is part of the training.
    """

    name: str = ""
    trains_by_contrast = False

    def check(self) -> None:
        """Refuses invalid values.

        Raises:
            ValueError: An option has an invalid value; the message names it.
        """

    def describe(self) -> str:
        """Describes the conditioning in a few words."""
        return self.name

    def model_options(self) -> dict[str, Any]:
        """Returns the arguments of `ModelConfig` that these options determine."""
        return {}

    def choose_encoder(self, runs_dir: str, earlier: dict[str, Any]) -> None:
        """Fills in the encoder if the user gave none.

        Args:
            runs_dir: Root of all runs.
            earlier: The conditioning with which a run of this name was started; empty for a new run.

        Raises:
            ValueError: There is no encoder, or the one given does not fit.
        """

    def open_encoder(self, scale: int) -> tuple[Encoder | None, EncoderConfig]:
        """Returns the trained encoder, None if none is used, and the configuration that the encoder is built from.

        Raises:
            ValueError, FileNotFoundError: The encoder cannot be read, or was trained for another scale.
        """
        return None, EncoderConfig()

    def encoder_metadata(self) -> dict[str, Any]:
        """Returns the metadata of the trained encoder that a run starts from; empty if there is none."""
        return {}


@dataclass
class NoCondition(Conditioning):
    """none: a control, the network without a condition."""


@dataclass
class Conditioned(Conditioning):
    """Options of every conditioning except `none`.

    Attributes:
        fusion: How the condition acts in the network (`fusion=NAME` chooses, `fusion.OPTION=...` sets).
        width: Number of channels that the representation is compressed to.
    """

    fusion: Any = MISSING
    width: int = 64

    def check(self) -> None:
        if self.width < 1:
            raise ValueError(f"conditioning.width={self.width} must be at least 1")

    def describe(self) -> str:
        return f"{self.name}, fused by {self.fusion.name}"

    def model_options(self) -> dict[str, Any]:
        return {"fusion": self.fusion.name, "fusion_options": self.fusion, "width": self.width}


@dataclass
class Oracle(Conditioned):
    """oracle: a control, the true parameters of the degradation."""


@dataclass
class Frozen(Conditioned):
    """frozen: a trained encoder whose weights stay fixed.

    Attributes:
        encoder: Path of a run or of an encoder's folder; empty = the newest finished pretraining run.
    """

    encoder: str = ""

    def choose_encoder(self, runs_dir: str, earlier: dict[str, Any]) -> None:
        if not self.encoder:
            self.encoder = str(earlier.get("encoder", "")) or find_newest_encoder(runs_dir)
        if is_network_name(self.encoder):
            raise ValueError(
                f"encoder={self.encoder}: no such folder; conditioning={self.name} needs a trained encoder, the path "
                "of a finished `make pretrain` run"
            )

    def open_encoder(self, scale: int) -> tuple[Encoder | None, EncoderConfig]:
        return _open_trained_encoder(self.encoder, scale)

    def encoder_metadata(self) -> dict[str, Any]:
        return EncoderArtefact.open(self.encoder).metadata


@dataclass
class Finetune(Frozen):
    """finetune: a trained encoder that is trained further together with the network.

    Attributes:
        lr: Learning rate of the encoder; 0 = that of the network.
    """

    lr: float = 0.0

    def check(self) -> None:
        super().check()
        _check_lr(self.lr)


@dataclass
class EncoderOrName(Conditioned):
    """Options of `joint`, `random` and `constant`, whose encoder may also be an untrained network, given by its name.

    Attributes:
        encoder: Path of a run or of an encoder's folder, or the name of a network, such as `dasr` or `resnet50`;
            empty = the newest finished pretraining run (`joint`: `dasr`).
        input: Input of an encoder given by name: `rgb`, `bands` or `bands_level`.
        downsample: Whether DASR's encoder, given by name, has strides; without them its maps have the image's size.
    """

    encoder: str = ""
    input: str = "rgb"
    downsample: bool = True

    def choose_encoder(self, runs_dir: str, earlier: dict[str, Any]) -> None:
        self.encoder = self.encoder or str(earlier.get("encoder", "")) or self._find_default_encoder(runs_dir)
        if not is_network_name(self.encoder) and (self.input != "rgb" or not self.downsample):
            raise ValueError(
                f"encoder={self.encoder} is a trained encoder and has its own input and strides: remove "
                "conditioning.input and conditioning.downsample"
            )

    def _find_default_encoder(self, runs_dir: str) -> str:
        return find_newest_encoder(runs_dir)

    def open_encoder(self, scale: int) -> tuple[Encoder | None, EncoderConfig]:
        if is_network_name(self.encoder):
            return None, EncoderConfig(name=self.encoder, input=self.input, downsample=self.downsample)
        return self._open_artefact(scale)

    def _open_artefact(self, scale: int) -> tuple[Encoder | None, EncoderConfig]:
        """Returns no weights: the encoder of a control is a new one of the same architecture."""
        return None, replace(EncoderArtefact.open(self.encoder).encoder_config, pretrained=False)


@dataclass
class Random(EncoderOrName):
    """random: a control, an untrained encoder whose weights stay fixed."""


@dataclass
class Constant(EncoderOrName):
    """constant: a control, the same representation for all images, of the same size as the encoder's."""


@dataclass
class Contrast(Conditioned):
    """Options of `joint` and `shared`, which train the encoder with a contrastive loss too.

    Attributes:
        contrastive: Weight of the contrastive loss relative to the image loss; 1 in DASR.
        method: Method of the contrastive loss (`method=NAME` chooses, `method.OPTION=...` sets).
        positives: Positives of the contrastive loss, see `PositivesConfig`.
        key_momentum: Momentum of the method's target network, 0 to 1.
    """

    contrastive: float = 1.0
    method: Any = field(default_factory=make_choice("moco", METHODS["moco"].config))  # DASR's
    positives: PositivesConfig = field(default_factory=PositivesConfig)
    key_momentum: float = 0.999

    def check(self) -> None:
        super().check()
        if self.contrastive < 0:
            raise ValueError(f"conditioning.contrastive={self.contrastive} must not be negative")
        if not 0 <= self.key_momentum <= 1:
            raise ValueError(f"conditioning.key_momentum={self.key_momentum} must be within 0..1")

    @property
    def trains_by_contrast(self) -> bool:  # type: ignore[override]
        return self.contrastive > 0


@dataclass
class Joint(Contrast, EncoderOrName):
    """joint: an encoder trained together with the network and with a contrastive loss, as in DASR.

    Attributes:
        lr: Learning rate of the encoder; 0 = that of the network.
    """

    lr: float = 0.0

    def check(self) -> None:
        super().check()
        _check_lr(self.lr)

    def _find_default_encoder(self, runs_dir: str) -> str:
        return "dasr"

    def _open_artefact(self, scale: int) -> tuple[Encoder | None, EncoderConfig]:
        return _open_trained_encoder(self.encoder, scale)

    def encoder_metadata(self) -> dict[str, Any]:
        return {} if is_network_name(self.encoder) else EncoderArtefact.open(self.encoder).metadata


@dataclass
class Shared(Contrast):
    """shared: the encoder reads the features of the network's stem, which the contrastive loss trains too.

    Attributes:
        blocks: Number of residual blocks in the stem that both share.
    """

    blocks: int = 2

    def check(self) -> None:
        super().check()
        if self.blocks < 0:
            raise ValueError(f"conditioning.blocks={self.blocks} must not be negative")

    def model_options(self) -> dict[str, Any]:
        return super().model_options() | {"shared_blocks": self.blocks}


def _open_trained_encoder(path: str, scale: int) -> tuple[Encoder, EncoderConfig]:
    artefact = EncoderArtefact.open(path)
    check_scale(path, artefact, scale)
    return artefact.load(), artefact.encoder_config


def _check_lr(lr: float) -> None:
    if lr < 0:
        raise ValueError(f"conditioning.lr={lr} must not be negative")
