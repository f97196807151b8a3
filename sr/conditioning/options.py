"""The conditionings, each a dataclass of the options that it reads (`conditioning=NAME conditioning.OPTION=...`)."""

from dataclasses import dataclass, replace
from typing import Any

from omegaconf import MISSING

from shared.artefacts import EncoderArtefact
from shared.bounds import bounded
from shared.encoders import Encoder, EncoderConfig
from shared.images import CANDIDATES
from sr.conditioning.adapter import check_adapter
from sr.conditioning.encoder_choice import check_scale, find_newest_encoder, is_network_name, read_scale
from sr.conditioning.encoder_input import GRIDS, EncoderInput


@dataclass
class Conditioning:
    """The interface of every conditioning.

    Attributes:
        name: Name of the conditioning that these options belong to.
        trains_by_contrast: Whether a contrastive loss is part of the training.
        patches: Number of LR patches of an image that the representation is averaged over in training.
    """

    name: str = ""
    trains_by_contrast = False
    patches = 1

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

    def encoder_input(self, scale: int, patch: int) -> EncoderInput:
        """Returns what the encoder sees of an LR image.

        Args:
            scale: Scale of the SR network.
            patch: Side of the LR patches in pixels.
        """
        return EncoderInput()

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
        adapter: How the vector is compressed: `linear`, one layer (DASR), or `mlp`, three layers (KDSR).
    """

    fusion: Any = MISSING
    width: int = bounded(64, 1, 4096)
    adapter: str = "linear"

    def check(self) -> None:
        super().check()
        check_adapter(self.adapter)

    def describe(self) -> str:
        return f"{self.name}, fused by {self.fusion.name}"

    def model_options(self) -> dict[str, Any]:
        return {"fusion": self.fusion.name, "fusion_options": self.fusion} | {
            "width": self.width,
            "adapter": self.adapter,
        }


@dataclass
class Oracle(Conditioned):
    """oracle: a control, the true parameters of the degradation.

    Attributes:
        r2: Share of each parameter's variance that is known; below 1, Gaussian errors are added, as if it were read.
    """

    r2: float = bounded(1.0, above=0, high=1)

    def model_options(self) -> dict[str, Any]:
        return super().model_options() | {"r2": self.r2}


@dataclass
class ReadsWindows(Conditioned):
    """Options of the conditionings that read the LR image.

    Attributes:
        windows: Number of windows that the representation of an image is averaged over if the fusion reads the vector:
            25, a grid spread over the image; fewer, those of them with most texture; 0 = the whole image.
        patches: Number of LR patches of an image that the representation is averaged over in training.
    """

    windows: int = bounded(CANDIDATES**2, 0, CANDIDATES**2)
    patches: int = bounded(1, 1, 1024)


@dataclass
class Statistics(ReadsWindows):
    """statistics: a control, hand-made statistics of the LR image, standardised."""

    patches: int = bounded(4, 1, 1024)

    def encoder_input(self, scale: int, patch: int) -> EncoderInput:
        return EncoderInput(windows=self.windows, side=patch, standardise=True)


@dataclass
class ReadsImages(ReadsWindows):
    """Options of the conditionings whose encoder sees the LR image.

    Attributes:
        encoder: Path of a run or of an encoder's folder; empty = the newest finished pretraining run.
        grid: Pixel grid on which the encoder sees the image: `lr`, `hr` (up-sampled bicubically by the scale), or
            `auto`: `hr` for a trained encoder of images that are not down-sampled.
        standardise: Whether the representation is standardised by statistics of the training images.
    """

    encoder: str = ""
    grid: str = "auto"
    standardise: bool = False

    def check(self) -> None:
        super().check()
        if self.grid not in GRIDS:
            raise ValueError(f"conditioning.grid={self.grid!r} must be one of {', '.join(GRIDS)}")

    def encoder_input(self, scale: int, patch: int) -> EncoderInput:
        grid = self.grid
        if grid == "auto":
            is_hr = not is_network_name(self.encoder) and read_scale(EncoderArtefact.open(self.encoder)) == 1
            grid = "hr" if is_hr else "lr"
        return EncoderInput(
            upsampling=scale if grid == "hr" else 1, windows=self.windows, side=patch, standardise=self.standardise
        )


@dataclass
class TrainsEncoder(ReadsImages):
    """Options of the conditionings whose encoder learns.

    Attributes:
        lr: Learning rate of the encoder; 0 = that of the network.
        fixed_norm: Whether the encoder's batch norms keep the running statistics that it starts with, since those of
            the few rows of a batch are noisy.
    """

    lr: float = bounded(0.0, 0, 1000)
    fixed_norm: bool = False


@dataclass
class Frozen(ReadsImages):
    """frozen: a trained encoder whose weights stay fixed."""

    patches: int = bounded(4, 1, 1024)

    def choose_encoder(self, runs_dir: str, earlier: dict[str, Any]) -> None:
        if not self.encoder:
            self.encoder = str(earlier.get("encoder", "")) or find_newest_encoder(runs_dir)
        if is_network_name(self.encoder):
            raise ValueError(
                f"encoder={self.encoder}: no such folder; conditioning={self.name} needs a trained encoder, the path "
                "of a finished `make pretrain` run"
            )

    def open_encoder(self, scale: int) -> tuple[Encoder | None, EncoderConfig]:
        return open_trained_encoder(self.encoder, scale)

    def encoder_metadata(self) -> dict[str, Any]:
        return EncoderArtefact.open(self.encoder).metadata


@dataclass
class Finetune(TrainsEncoder, Frozen):
    """finetune: a trained encoder that is trained further together with the network."""

    patches: int = bounded(4, 1, 1024)
    lr: float = bounded(2e-5, 0, 1000)
    fixed_norm: bool = True


@dataclass
class EncoderOrName(Conditioned):
    """Options of the conditionings whose encoder may also be an untrained network, given by its name.

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
class Random(ReadsImages, EncoderOrName):
    """random: a control, an untrained encoder whose weights stay fixed."""

    patches: int = bounded(4, 1, 1024)


@dataclass
class Constant(EncoderOrName):
    """constant: a control, the same representation for all images, of the same size as the encoder's."""


def open_trained_encoder(path: str, scale: int) -> tuple[Encoder, EncoderConfig]:
    """Loads a trained encoder with its configuration.

    Raises:
        ValueError, FileNotFoundError: It cannot be read, or was trained for another scale.
    """
    artefact = EncoderArtefact.open(path)
    check_scale(path, artefact, scale)
    return artefact.load(), artefact.encoder_config
