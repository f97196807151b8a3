"""An SR model: the source of its representation, and the network that the representation steers."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from shared.artefacts import WEIGHTS_FILE, Artefact, serialise
from shared.encoders import Encoder, EncoderConfig, Representation, build_encoder
from sr.conditioning import CONDITIONINGS, Adapter, EncoderInput, Source, SourceParts
from sr.conditioning.sources import average_views
from sr.fusion import FUSIONS
from sr.fusion.affine import AffineConfig
from sr.fusion.base import SourceConfig
from sr.networks import NETWORKS
from sr.networks.base import FusionSlot, SRNetwork
from sr.networks.random_stream import RandomStream


@dataclass
class ModelConfig:
    """Everything that a model is built from, except its weights.

    Attributes:
        scale: Up-sampling factor: 2, 3 or 4.
        network, network_options: A name in `sr.networks.NETWORKS`, and its options.
        conditioning: A name in `sr.conditioning.CONDITIONINGS`.
        fusion, fusion_options: A name in `sr.fusion.FUSIONS`, and its options; not read without a condition.
        width: W, the number of channels of the condition.
        shared_blocks: Number of residual blocks that encoder and network share with conditioning=shared.
        r2: Share of the variance of the parameters that conditioning=oracle knows.
        encoder: Configuration of the encoder; with conditioning=constant, of the encoder that is replaced.
        encoder_input: What the encoder sees of an LR image.
    """

    scale: int
    network: str
    network_options: Any
    conditioning: str
    fusion: str = "affine"
    fusion_options: Any = field(default_factory=AffineConfig)
    width: int = 64
    shared_blocks: int = 2
    r2: float = 1.0
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    encoder_input: EncoderInput = field(default_factory=EncoderInput)


class SRModel(nn.Module):
    """A source of representations and the network that they steer, from LR image to SR image.

    Args:
        config: The configuration that the parts were built from.
        source: The source of the representation; None for a network without a condition.
        network: The network.

    Attributes:
        scale: Up-sampling factor.
    """

    def __init__(self, config: ModelConfig, source: Source | None, network: SRNetwork) -> None:
        super().__init__()
        self.config = config
        self.scale = config.scale
        self.source = source
        self.network = network

    @property
    def needs_parameters(self) -> bool:
        """Whether it needs the true parameters of the degradation."""
        return self.source is not None and self.source.needs_parameters

    @property
    def reads_images(self) -> bool:
        """Whether the representation depends on the images."""
        return self.source is not None and self.source.reads_images

    def represent(self, lr_image: Tensor, parameters: Tensor | None = None) -> Representation | None:
        """Computes the representation of each image; None without a condition.

        Args:
            lr_image: LR images, (B, 3, h, w) in [0, 1], h and w at least 16.
            parameters: True parameters of the degradations, (B, 6), for an oracle, see `summarise_as_vector`.

        Raises:
            ValueError: The model is an oracle, and the parameters are missing.
        """
        return None if self.source is None else self.source.represent(lr_image, parameters, self.network.shallow)

    def represent_views(
        self, lr_views: Tensor, parameters: Tensor | None = None, *, first: Representation | None = None
    ) -> Representation | None:
        """Computes the representation of each row, averaged over its views; None without a condition.

        Args:
            lr_views: LR patches of one degradation a row, (B, V, 3, p, p) in [0, 1].
            parameters: As in `represent`, (B, 6).
            first: Representation of the first views, if it is known already.

        Returns:
            The mean over the views; maps whose positions are read are those of the first view.
        """
        first, count = first or self.represent(lr_views[:, 0], parameters), lr_views.shape[1]
        if count == 1 or self.source is None or first is None or not self.reads_images:
            return first
        if self.source.has_positions and (self.network.adapter is None or self.network.adapter.vector is None):
            return first  # only the map of the first view is read
        others = self.represent(lr_views[:, 1:].flatten(0, 1))
        assert others is not None
        others, weight = average_views(others, count - 1), (count - 1) / count
        vector = torch.lerp(first.vector, others.vector, weight)
        if self.source.has_positions:
            return Representation(vector, first.maps)
        means = average_views(first, 1).maps
        return Representation(vector, tuple(torch.lerp(*pair, weight) for pair in zip(means, others.maps, strict=True)))

    def forward(
        self, lr_image: Tensor, *, parameters: Tensor | None = None, representation: Representation | None = None
    ) -> Tensor:
        """Super-resolves a batch.

        Args:
            lr_image: LR images, (B, 3, h, w) RGB in [0, 1], h and w at least 16.
            parameters: As in `represent`.
            representation: Representation that replaces that of the images, such as one of a larger image.

        Returns:
            The SR images, (B, 3, scale * h, scale * w), not clipped.

        Raises:
            ValueError: The images have another shape or type or are too small for the encoder, or the model is an
                oracle and the parameters are missing.
        """
        if lr_image.dim() != 4 or lr_image.shape[1] != 3 or not lr_image.is_floating_point():
            raise ValueError(
                f"images must be (B, 3, h, w), floating point in [0, 1], not {lr_image.dtype} {tuple(lr_image.shape)}"
            )
        if representation is None:
            representation = self.represent(lr_image, parameters)
        return self.network(lr_image, representation)


def build_model(config: ModelConfig, encoder: Encoder | None = None) -> SRModel:
    """Builds a model in training mode, with weights drawn from torch's global generator.

    From one state of the generator a network gets the same weights whatever its condition, so that runs of one seed
    differ only by the condition: fusions and adapter draw from a separate stream.

    Args:
        config: The configuration of the model.
        encoder: A trained encoder, for `frozen`, `finetune` or `joint`; None builds a new one from `config.encoder`.

    Raises:
        ValueError: A name is unknown, an option is invalid, or two choices do not fit each other.
    """
    _check_name("network", config.network, NETWORKS)
    _check_name("fusion", config.fusion, FUSIONS)
    _check_name("conditioning", config.conditioning, CONDITIONINGS)
    if config.width < 1:
        raise ValueError(f"width={config.width} must be at least 1")
    _check_sizes("network", config.network_options)
    _check_sizes("fusion", config.fusion_options)
    fusion = FUSIONS[config.fusion].fusion
    network_stream, condition_stream = RandomStream.spawn(2)
    uses = fusion.uses(config.fusion_options)
    source = CONDITIONINGS[config.conditioning].build_source(
        SourceParts(
            make_encoder=lambda: encoder or build_encoder(config.encoder),
            encoder_input=config.encoder_input,
            features=config.network_options.features,
            reads_maps="last_map" in uses or "all_maps" in uses,
            r2=config.r2,
        )
    )
    adapter = None
    if source is not None:
        with condition_stream.active():
            adapter = Adapter(source.shape, config.width, uses)

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


def _check_name(option: str, name: str, valid: Collection[str]) -> None:
    if name not in valid:
        raise ValueError(f"{option}={name!r} is unknown (valid: {', '.join(valid)})")


def _check_sizes(option: str, values: Any) -> None:
    """Refuses numbers that are not positive: all of them are sizes or factors."""
    for name, value in vars(values).items():
        if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
            raise ValueError(f"{option}.{name}={value} must be positive")


class ModelArtefact(Artefact):
    """An SR model on disk: `ModelArtefact.open(path)`."""

    name: ClassVar[str] = "model"
    format: ClassVar[str] = "unblind-sr-model"
    object_keys: ClassVar[tuple[str, ...]] = ("model", "metadata")
    tags: ClassVar[str] = "[super-resolution, blind-super-resolution]"

    @property
    def model_config(self) -> ModelConfig:
        """The configuration that the model is built from.

        Raises:
            ValueError: The configuration on disk does not describe a model.
        """
        values = dict(self.config["model"])
        tables: tuple[tuple[str, Any], ...] = (("network", NETWORKS), ("fusion", FUSIONS))
        for choice, entries in tables:
            name, key = values.get(choice), f"{choice}_options"
            if name not in entries:
                raise self.corrupt_error(f'"model" has the unknown {choice} {name!r} (valid: {", ".join(entries)})')
            if not isinstance(values.get(key), dict):
                raise self.corrupt_error(f'"model" must hold "{key}"')
            if issubclass(entries[name].config, SourceConfig):
                values[key] = {"source": "map"} | values[key]  # earlier versions had no choice
            values[key] = self.read_options(key, values[key], entries[name].config)
        if not isinstance(values.get("encoder"), dict):
            raise self.corrupt_error('"model" must hold "encoder"')
        values["encoder"] = self.read_options("encoder", values["encoder"], EncoderConfig)
        encoder_input = values.get("encoder_input", asdict(EncoderInput()))  # missing in models of earlier versions
        values["encoder_input"] = self.read_options("encoder_input", encoder_input, EncoderInput)
        for name in ("scale", "width", "shared_blocks"):
            if type(values.get(name)) is not int:
                raise self.corrupt_error(f'"model" has {name} {values.get(name)!r}, not a whole number')
        try:
            return ModelConfig(**values)
        except TypeError as error:
            raise self.corrupt_error(f'"model" {error}') from error

    def load(self) -> SRModel:
        """Reads the model; executes and downloads nothing, and does not change torch's global generator.

        Returns:
            The model in evaluation mode, on the CPU, see `SRModel.forward`.

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
        folder: The artefact's folder, created if missing; other files in it stay.
        model: The model, on any device.
        card: The model card in Markdown.
        metadata: Plain JSON values, such as recipe, degradation space and scores.

    Raises:
        ValueError: The metadata is not plain JSON.
        OSError: The folder cannot be written, or the disk is full.
    """
    config = asdict(model.config)
    for options in (config["network_options"], config["fusion_options"]):
        options.pop("name", None)  # options read from a command line hold the name of the choice too
    weights = {WEIGHTS_FILE: serialise(model.state_dict())}
    ModelArtefact.write(folder, weights, {"model": config, "metadata": metadata}, card)


def load_model(path: str | Path) -> SRModel:
    """Reads a model in evaluation mode, on the CPU.

    Args:
        path: The artefact's folder, or the folder of a run that holds it as `model/`.

    Raises:
        FileNotFoundError: There is no such folder, or no complete model in it.
        ValueError: A file is corrupt, or of another format or version, or the weights do not fit.
    """
    return ModelArtefact.open(path).load()
