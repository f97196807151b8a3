"""What can steer a network, each with the options that it alone reads (`conditioning=NAME conditioning.OPTION=...`)."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from pretrain.methods import METHODS, PositivesConfig
from shared.artefacts import EncoderArtefact
from shared.command import make_choice
from shared.degradations import load_space
from shared.encoders import Encoder, EncoderConfig
from shared.run_folders import find_newest_run


@dataclass
class Conditioning:
    """What every conditioning answers.

    Attributes:
        name: The choice that these options belong to.
        trains_by_contrast: Whether a contrastive loss is part of the training.
    """

    name: str = ""
    trains_by_contrast = False

    def check(self) -> None:
        """Refuses values that no run can have.

        Raises:
            ValueError: Names the option.
        """

    def describe(self) -> str:
        """The conditioning in a few words."""
        return self.name

    def model_options(self) -> dict[str, Any]:
        """What a `ModelConfig` takes of these options."""
        return {}

    def choose_encoder(self, runs_dir: str, earlier: dict[str, Any]) -> None:
        """Fills in the encoder where it is left open.

        Args:
            runs_dir: Root of all runs.
            earlier: The conditioning that a run of this name was started with; empty for a new run.

        Raises:
            ValueError: There is none, or it does not fit.
        """

    def open_encoder(self, scale: int) -> tuple[Encoder | None, EncoderConfig]:
        """The trained encoder where one is used, and how the encoder is built.

        Raises:
            ValueError, FileNotFoundError: It cannot be read, or belongs to another scale.
        """
        return None, EncoderConfig()

    def encoder_metadata(self) -> dict[str, Any]:
        """The metadata of the trained encoder that a run begins with; empty where there is none."""
        return {}


@dataclass
class NoCondition(Conditioning):
    """none: a control, the network without a condition."""


@dataclass
class Conditioned(Conditioning):
    """Options of everything that steers.

    Attributes:
        fusion: How the condition acts in the network (`fusion=NAME` chooses, `fusion.OPTION=...` sets).
        width: Channels that the representation is compressed to.
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
    """frozen: a trained encoder, left as it is.

    Attributes:
        encoder: Path of a run or an artefact; empty takes the newest finished pretraining run.
    """

    encoder: str = ""

    def choose_encoder(self, runs_dir: str, earlier: dict[str, Any]) -> None:
        if not self.encoder:
            self.encoder = str(earlier.get("encoder", "")) or _newest_encoder(runs_dir)
        if is_network_name(self.encoder):
            raise ValueError(
                f"encoder={self.encoder}: no such folder; this conditioning takes a trained encoder, the path of a "
                "finished `make pretrain` run"
            )

    def open_encoder(self, scale: int) -> tuple[Encoder | None, EncoderConfig]:
        artefact = EncoderArtefact.open(self.encoder)
        _check_scale(self.encoder, artefact, scale)
        return artefact.load(), artefact.encoder_config

    def encoder_metadata(self) -> dict[str, Any]:
        return EncoderArtefact.open(self.encoder).metadata


@dataclass
class Finetune(Frozen):
    """finetune: a trained encoder that learns on.

    Attributes:
        lr: Learning rate of the encoder; 0 takes that of the network.
    """

    lr: float = 0.0

    def check(self) -> None:
        super().check()
        _check_lr(self.lr)


@dataclass
class EncoderOrName(Conditioned):
    """Options of an encoder that may be given by its network's name, and then is untrained.

    Attributes:
        encoder: Path of a run or an artefact, or a network's name; empty takes the newest finished pretraining run.
        input: Of an encoder given by name: `rgb`, `bands` or `bands_level`.
        downsample: Of DASR's encoder given by name; false keeps its maps at the size of the image.
    """

    encoder: str = ""
    input: str = "rgb"
    downsample: bool = True

    def choose_encoder(self, runs_dir: str, earlier: dict[str, Any]) -> None:
        self.encoder = self.encoder or str(earlier.get("encoder", "")) or self._default_encoder(runs_dir)
        if not is_network_name(self.encoder) and (self.input != "rgb" or not self.downsample):
            raise ValueError(
                f"encoder={self.encoder} is a trained encoder and has its own input and strides: leave out "
                "conditioning.input and conditioning.downsample"
            )

    def _default_encoder(self, runs_dir: str) -> str:
        return _newest_encoder(runs_dir)

    def open_encoder(self, scale: int) -> tuple[Encoder | None, EncoderConfig]:
        if is_network_name(self.encoder):
            return None, EncoderConfig(name=self.encoder, input=self.input, downsample=self.downsample)
        return self._open_artefact(scale)

    def _open_artefact(self, scale: int) -> tuple[Encoder | None, EncoderConfig]:
        return None, replace(EncoderArtefact.open(self.encoder).encoder_config, pretrained=False)


@dataclass
class Random(EncoderOrName):
    """random: a control, an untrained encoder, left as it is."""


@dataclass
class Constant(EncoderOrName):
    """constant: a control, the same representation for all images, of the size of the encoder's."""


@dataclass
class Contrast(Conditioned):
    """Options of the contrastive loss.

    Attributes:
        contrastive: Weight of the contrastive loss beside the image loss; DASR's is 1.
        method: Of the contrastive loss (`method=NAME` chooses, `method.OPTION=...` sets).
        positives: Of the contrastive loss, see `PositivesConfig`.
        key_momentum: Of the method's target network.
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
    """joint: an encoder that learns from the contrastive loss too (DASR); DASR's own unless one is given.

    Attributes:
        lr: Learning rate of the encoder; 0 takes that of the network.
    """

    lr: float = 0.0

    def check(self) -> None:
        super().check()
        _check_lr(self.lr)

    def _default_encoder(self, runs_dir: str) -> str:
        return "dasr"

    def _open_artefact(self, scale: int) -> tuple[Encoder | None, EncoderConfig]:
        artefact = EncoderArtefact.open(self.encoder)
        _check_scale(self.encoder, artefact, scale)
        return artefact.load(), artefact.encoder_config

    def encoder_metadata(self) -> dict[str, Any]:
        return {} if is_network_name(self.encoder) else EncoderArtefact.open(self.encoder).metadata


@dataclass
class Shared(Contrast):
    """shared: encoder and network share the stem, which learns from the contrastive loss too.

    Attributes:
        blocks: Residual blocks of the stem that both share.
    """

    blocks: int = 2

    def check(self) -> None:
        super().check()
        if self.blocks < 0:
            raise ValueError(f"conditioning.blocks={self.blocks} must not be negative")

    def model_options(self) -> dict[str, Any]:
        return super().model_options() | {"shared_blocks": self.blocks}


def is_network_name(encoder: str) -> bool:
    """Whether the text names a network instead of a folder."""
    return "/" not in encoder and not Path(encoder).exists()


def _newest_encoder(runs_dir: str) -> str:
    newest = find_newest_run(runs_dir, "pretrain")
    if newest is None:
        raise ValueError(
            f"there is no finished encoder in {runs_dir}/pretrain: `make pretrain` makes one; or give encoder=PATH, or "
            "conditioning=joint, which needs none"
        )
    return str(newest)


def _check_lr(lr: float) -> None:
    if lr < 0:
        raise ValueError(f"conditioning.lr={lr} must not be negative")


def _check_scale(path: str, artefact: EncoderArtefact, scale: int) -> None:
    """Refuses an encoder of images of another scale; those of images that are not down-sampled fit all."""
    try:
        space = load_space(str(artefact.metadata.get("degradation", "")))
    except ValueError:
        return  # of a space that is no longer there
    if space.scale not in (1, scale):
        raise ValueError(
            f"encoder={path} was trained on images down-sampled by {space.scale} (space {space.name}), but "
            f"scale={scale}: take one of that scale, or of a space that does not down-sample"
        )
