"""An SR model: the source of its representation, and the network that the representation steers."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from shared.bounds import bounded, check_bounds, within
from shared.encoders import Encoder, EncoderConfig, Representation, build_encoder
from sr.conditioning import CONDITIONINGS, Adapter, EncoderInput, Source, SourceParts
from sr.conditioning.sources import average_views
from sr.fusion import FUSIONS
from sr.fusion.affine import AffineConfig
from sr.networks import NETWORKS
from sr.networks.base import RGB_MEAN, FusionSlot, SRNetwork
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
        adapter: How the vector is compressed, see `Adapter`.
        rgb_mean: Mean of the images in [0, 1], which the network subtracts first and adds last; that of DIV2K except in
            models whose weights were imported and had another.
    """

    scale: int = field(metadata=within(2, 4))
    network: str
    network_options: Any
    conditioning: str
    fusion: str = "affine"
    fusion_options: Any = field(default_factory=AffineConfig)
    width: int = bounded(64, 1, 4096)
    shared_blocks: int = bounded(2, 0, 512)
    r2: float = bounded(1.0, above=0, high=1)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    encoder_input: EncoderInput = field(default_factory=EncoderInput)
    adapter: str = "linear"
    rgb_mean: tuple[float, float, float] = bounded(RGB_MEAN, 0, 1)


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


def count_fewest_weights(config: ModelConfig) -> int:
    """Counts weights that a network of this configuration has at least, without building it."""
    options = config.network_options
    return options.features**2 * options.blocks * getattr(options, "groups", 1)  # each block mixes all features


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
    check_bounds(config)
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
            adapter = Adapter(source.shape, config.width, uses, config.adapter)

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
    network.mean.copy_(torch.tensor(config.rgb_mean).view(1, 3, 1, 1))
    return SRModel(config, source, network)


def _check_name(option: str, name: str, valid: Collection[str]) -> None:
    if name not in valid:
        raise ValueError(f"{option}={name!r} is unknown (valid: {', '.join(valid)})")
