"""An SR model: where its representation comes from, and the network that it steers; LR image in, SR image out."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shared.artefacts.artefact import CONFIG_FILE, WEIGHTS_FILE, ArtefactKind, load_fitting, options_from, serialised
from shared.encoders import Encoder, EncoderConfig, Representation, build_encoder
from sr.conditioning.adapter import Adapter, RepresentationShape
from sr.conditioning.sources import (
    CONDITIONINGS,
    OF_AN_ENCODER,
    ConstantSource,
    EncoderSource,
    OracleSource,
    Source,
    StemSource,
)
from sr.fusion import FUSIONS
from sr.networks import NETWORKS
from sr.networks.base import FusionSlot, SRNetwork
from sr.networks.random_stream import RandomStream

KIND = ArtefactKind(
    name="model", format="unblind-sr-model", version=1, objects=("model", "metadata"),
    tags="[super-resolution, blind-super-resolution]",
)  # fmt: skip


@dataclass
class ModelConfig:
    """Everything a model is built from, but its weights.

    Attributes:
        scale: 2, 3 or 4.
        network, network_options: a name in `sr.networks` and its options.
        fusion, fusion_options: a name in `sr.fusion` and its options.
        conditioning: one of `sr.conditioning.sources.CONDITIONINGS`.
        width: W, channels of the condition.
        shared_blocks: residual blocks that encoder and network share, with conditioning=shared.
        encoder: how the encoder is built; for `constant` the one that it stands in for.
    """

    scale: int
    network: str
    network_options: Any
    fusion: str
    fusion_options: Any
    conditioning: str
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
        """Whether it needs the true parameters of the degradation."""
        return self.source is not None and self.source.needs_parameters

    @property
    def looks_at_images(self) -> bool:
        """Whether what it knows of a degradation comes from an image."""
        return isinstance(self.source, EncoderSource | StemSource)

    def represent(self, lr_image: Tensor, parameters: Tensor | None = None) -> Representation | None:
        """Represents the degradation of each image; None without a condition.

        Args:
            lr_image: the LR images, (B, 3, h, w) in [0, 1], h and w at least 16.
            parameters: the true parameters, (B, 6), for the oracle, see `shared.degradations.summary.targets`.

        Raises:
            ValueError: an oracle is not given the parameters.
        """
        if self.source is None:
            return None
        if isinstance(self.source, StemSource):
            return self.source(self.network.shallow(lr_image))
        if not self.source.needs_parameters:
            return self.source(lr_image)
        if parameters is None:
            raise ValueError("this model is an oracle: it needs the true parameters of each image's degradation")
        return self.source(parameters)

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
    source = _source(config, encoder)
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


def _source(config: ModelConfig, encoder: Encoder | None) -> Source | None:
    if config.conditioning == "none":
        return None
    if config.conditioning == "oracle":
        return OracleSource()
    if config.conditioning == "shared":
        return StemSource(config.network_options.features)
    encoder = encoder or build_encoder(config.encoder)
    if config.conditioning in OF_AN_ENCODER:
        return EncoderSource(encoder, trained=config.conditioning in ("finetune", "joint"))
    return ConstantSource(RepresentationShape(encoder.dim, encoder.channels))


def save_model(folder: Path, model: SRModel, *, card: str, metadata: dict[str, Any]) -> None:
    """Writes a model with its encoder, see `ArtefactKind.write`.

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
    KIND.write(folder, {WEIGHTS_FILE: serialised(model.state_dict())}, {"model": described, "metadata": metadata}, card)


def load_model(path: str | Path) -> SRModel:
    """Reads a model; executes and downloads nothing, and leaves torch's global generator as it was.

    Args:
        path: the artefact's folder, or a run's folder that has it in `model/`.

    Returns:
        The model in evaluation mode, on the CPU: `model(lr_image)`, see `SRModel.forward`.

    Raises:
        FileNotFoundError: there is no such folder, or no complete model in it.
        ValueError: a file is corrupt, of another format or version, or the weights do not fit.
    """
    folder = KIND.folder(path)
    config = KIND.read_config(folder)
    model_config = _model_config(folder / CONFIG_FILE, config["model"])
    with torch.random.fork_rng(devices=[]):
        model = build_model(replace(model_config, encoder=replace(model_config.encoder, pretrained=False)))
    model.config = model_config
    load_fitting(model, folder / WEIGHTS_FILE, config["weights_sha256"], f"the network {model_config.network}")
    return model.eval()


def model_metadata(path: str | Path) -> dict[str, Any]:
    """What `save_model` was given as metadata. Raises as `load_model`."""
    return KIND.read_config(KIND.folder(path))["metadata"]


def _model_config(path: Path, values: dict[str, Any]) -> ModelConfig:
    values = dict(values)
    tables: tuple[tuple[str, Any], ...] = (("network", NETWORKS), ("fusion", FUSIONS))
    for what, known in tables:
        name = values.get(what)
        if name not in known or not isinstance(values.get(f"{what}_options"), dict):
            raise ValueError(f'{path} is corrupt: "model" has {what} {name!r}, there are {", ".join(known)}')
        key = f"{what}_options"
        values[key] = options_from(path, key, values[key], known[name].config)
    if not isinstance(values.get("encoder"), dict):
        raise ValueError(f'{path} is corrupt: "model" must hold "encoder"')
    values["encoder"] = options_from(path, "encoder", values["encoder"], EncoderConfig)
    for name in ("scale", "width", "shared_blocks"):
        if type(values.get(name)) is not int:
            raise ValueError(f'{path} is corrupt: "model" has {name} {values.get(name)!r}, not a whole number')
    try:
        return ModelConfig(**values)
    except TypeError as error:
        raise ValueError(f'{path} is corrupt: "model" {error}') from error
