"""An SR model: where its representation comes from, and the network that it steers; LR image in, SR image out."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from shared.artefacts import WEIGHTS_FILE, Artefact, serialise
from shared.encoders import Encoder, EncoderConfig, Representation, build_encoder
from sr.conditioning import CONDITIONINGS, Adapter, Source
from sr.fusion import FUSIONS
from sr.fusion.affine import AffineConfig
from sr.networks import NETWORKS
from sr.networks.base import FusionSlot, SRNetwork
from sr.networks.random_stream import RandomStream


@dataclass
class ModelConfig:
    """Everything a model is built from, but its weights.

    Attributes:
        scale: 2, 3 or 4.
        network, network_options: A name in `sr.networks` and its options.
        conditioning: A name in `sr.conditioning.CONDITIONINGS`.
        fusion, fusion_options: A name in `sr.fusion` and its options; not read without a condition.
        width: W, channels of the condition.
        shared_blocks: Residual blocks that encoder and network share, with conditioning=shared.
        encoder: How the encoder is built; for `constant` the one that it stands in for.
    """

    scale: int
    network: str
    network_options: Any
    conditioning: str
    fusion: str = "affine"
    fusion_options: Any = field(default_factory=AffineConfig)
    width: int = 64
    shared_blocks: int = 2
    encoder: EncoderConfig = field(default_factory=EncoderConfig)


class SRModel(nn.Module):
    """A source of representations and a network.

    Attributes:
        config: how it was built.
        source: None where there is no condition.
    """

    def __init__(self, config: ModelConfig, source: Source | None, network: SRNetwork) -> None:
        super().__init__()
        self.config = config
        self.scale = config.scale
        self.source = source
        self.network = network

    @property
    def needs_parameters(self) -> bool:
        """Whether the true parameters of the degradation must be given."""
        return self.source is not None and self.source.needs_parameters

    @property
    def reads_images(self) -> bool:
        """Whether the representation depends on the images."""
        return self.source is not None and self.source.reads_images

    def represent(self, lr_image: Tensor, parameters: Tensor | None = None) -> Representation | None:
        """The representation of each image, None without a condition.

        Args:
            lr_image: the LR images, (B, 3, h, w) in [0, 1], h and w at least 16.
            parameters: the true parameters, (B, 6), for the oracle, see `shared.degradations.summarise_as_vector`.

        Raises:
            ValueError: The model is an oracle, and the parameters are not given.
        """
        return None if self.source is None else self.source.represent(lr_image, parameters, self.network.shallow)

    def forward(
        self, lr_image: Tensor, *, parameters: Tensor | None = None, representation: Representation | None = None
    ) -> Tensor:
        """Super-resolves a batch.

        Args:
            lr_image: the LR images, (B, 3, h, w) RGB in [0, 1], h and w at least 16.
            parameters: as in `represent`.
            representation: a representation to use instead, such as that of the whole of which this is a tile.

        Returns:
            (B, 3, scale * h, scale * w), not clipped.

        Raises:
            ValueError: the images are of another kind or too small for an encoder, or an oracle is not given
                the parameters.
        """
        if lr_image.dim() != 4 or lr_image.shape[1] != 3 or not lr_image.is_floating_point():
            raise ValueError(
                f"images must be (B, 3, h, w), floating point in [0, 1], not {lr_image.dtype} {tuple(lr_image.shape)}"
            )
        if representation is None:
            representation = self.represent(lr_image, parameters)
        return self.network(lr_image, representation)


def build_model(config: ModelConfig, encoder: Encoder | None = None) -> SRModel:
    """Builds a model in training mode; parameters drawn from torch's global generator.

    From one state of the generator a network has the same weights whatever its condition, so that runs of one seed
    differ by the condition alone; fusions and the adapter draw from a stream of their own.

    Args:
        config: what to build.
        encoder: a trained one, for `frozen`, `finetune` or `joint`; None builds a new one by `config.encoder`.

    Raises:
        ValueError: a name is unknown, or two choices do not fit each other.
    """
    for what, name, known in (
        ("network", config.network, NETWORKS), ("fusion", config.fusion, FUSIONS),
        ("conditioning", config.conditioning, CONDITIONINGS),
    ):  # fmt: skip
        if name not in known:
            raise ValueError(f"{what}={name!r} is unknown: there are {', '.join(known)}")
    if config.width < 1:
        raise ValueError(f"width={config.width} must be at least 1")
    _check_sizes("network", config.network_options)
    _check_sizes("fusion", config.fusion_options)
    fusion = FUSIONS[config.fusion].fusion
    network_stream, condition_stream = RandomStream.spawn(2)
    source = CONDITIONINGS[config.conditioning].build_source(
        lambda: encoder or build_encoder(config.encoder), config.network_options.features
    )
    adapter = None
    if source is not None:
        with condition_stream.active():
            adapter = Adapter(source.shape, config.width, fusion.uses(config.fusion_options))

    def make_slot(features: int) -> FusionSlot:
        if source is None:
            return FusionSlot(None)
        with condition_stream.active():
            return FusionSlot(fusion(features, config.width, config.fusion_options))

    with network_stream.active():
        network = NETWORKS[config.network].build(
            config.network_options,
            scale=config.scale,
            make_slot=make_slot,
            adapter=adapter,
            shared_blocks=config.shared_blocks if config.conditioning == "shared" else 0,
        )
    return SRModel(config, source, network)


def _check_sizes(what: str, options: Any) -> None:
    """Every number among the options is a size or a factor."""
    for name, value in vars(options).items():
        if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
            raise ValueError(f"{what}.{name}={value} must be positive")


class ModelArtefact(Artefact):
    """An SR model on disk: `ModelArtefact.open(path)`."""

    name: ClassVar[str] = "model"
    format: ClassVar[str] = "unblind-sr-model"
    object_keys: ClassVar[tuple[str, ...]] = ("model", "metadata")
    tags: ClassVar[str] = "[super-resolution, blind-super-resolution]"

    @property
    def model_config(self) -> ModelConfig:
        """How the model is built.

        Raises:
            ValueError: The configuration does not describe a model.
        """
        values = dict(self.config["model"])
        tables: tuple[tuple[str, Any], ...] = (("network", NETWORKS), ("fusion", FUSIONS))
        for what, known in tables:
            name, key = values.get(what), f"{what}_options"
            if name not in known or not isinstance(values.get(key), dict):
                raise self.corrupt_error(f'"model" has {what} {name!r}, there are {", ".join(known)}')
            values[key] = self.read_options(key, values[key], known[name].config)
        if not isinstance(values.get("encoder"), dict):
            raise self.corrupt_error('"model" must hold "encoder"')
        values["encoder"] = self.read_options("encoder", values["encoder"], EncoderConfig)
        for name in ("scale", "width", "shared_blocks"):
            if type(values.get(name)) is not int:
                raise self.corrupt_error(f'"model" has {name} {values.get(name)!r}, not a whole number')
        try:
            return ModelConfig(**values)
        except TypeError as error:
            raise self.corrupt_error(f'"model" {error}') from error

    def load(self) -> SRModel:
        """Reads the model; executes and downloads nothing, and leaves torch's global generator as it was.

        Returns:
            The model in evaluation mode, on the CPU: `model(lr_image)`, see `SRModel.forward`.

        Raises:
            FileNotFoundError: The weights are missing.
            ValueError: A file is corrupt, or the weights do not fit.
        """
        config = self.model_config
        with torch.random.fork_rng(devices=[]):
            model = build_model(replace(config, encoder=replace(config.encoder, pretrained=False)))
        model.config = config
        self.load_weights(model, f"the network {config.network}")
        return model.eval()


def save_model(folder: Path, model: SRModel, *, card: str, metadata: dict[str, Any]) -> None:
    """Writes a model with its encoder, see `Artefact.write`.

    Args:
        folder: created if missing; other files in it stay.
        model: on any device.
        card: the model card in Markdown.
        metadata: plain JSON values, such as recipe, degradation space, scores.

    Raises:
        ValueError: the metadata is not plain JSON.
        OSError: the folder cannot be written, the disk is full.
    """
    described = asdict(model.config)
    for options in (described["network_options"], described["fusion_options"]):
        options.pop("name", None)  # a run's options carry their choice's name
    weights = {WEIGHTS_FILE: serialise(model.state_dict())}
    ModelArtefact.write(folder, weights, {"model": described, "metadata": metadata}, card)


def load_model(path: str | Path) -> SRModel:
    """Reads a model in evaluation mode, on the CPU.

    Args:
        path: The artefact's folder, or a run's folder that has it in `model/`.

    Raises:
        FileNotFoundError: There is no such folder, or no complete model in it.
        ValueError: A file is corrupt, of another format or version, or the weights do not fit.
    """
    return ModelArtefact.open(path).load()
