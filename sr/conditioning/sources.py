"""Sources of the representation that steers a network: an encoder, the network's own stem, or one of the controls."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from shared.degradations import SUMMARY_RANGES
from shared.encoders import DasrBackbone, Encoder, Representation
from sr.conditioning.adapter import RepresentationShape


class Source(nn.Module):
    """Gives the representation of LR images.

    Attributes:
        shape: Of the representation.
        needs_parameters: Whether the true parameters of the degradation must be given.
        reads_images: Whether the representation depends on the images.
        has_positions: Whether positions of the maps belong to positions of the image.
    """

    shape: RepresentationShape
    needs_parameters = False
    reads_images = False
    has_positions = False

    def represent(
        self, lr_image: Tensor, parameters: Tensor | None, stem: Callable[[Tensor], Tensor]
    ) -> Representation:
        """The representation of each image.

        Args:
            lr_image: (B, 3, h, w) in [0, 1].
            parameters: (B, 6), see `shared.degradations.summarise_as_vector`; read where `needs_parameters`.
            stem: The network's stem, images -> features (B, C, h, w).

        Raises:
            ValueError: The parameters are needed and not given.
        """
        return self(lr_image)

    def trained_encoder(self) -> Encoder | None:
        """The encoder that learns in a training run, None without one."""
        return None

    def contrastive_encoder(self, network: Any) -> nn.Module:
        """What a contrastive method trains: images -> representation.

        Args:
            network: The SR network, whose stem may be part of it.

        Raises:
            ValueError: Nothing here learns from a contrastive loss.
        """
        raise ValueError(f"{type(self).__name__} has no encoder that a contrastive loss could train")


class EncoderSource(Source):
    """An encoder of LR images (B, 3, h, w) in [0, 1].

    Args:
        encoder: Any encoder.
        trainable: Whether it learns; otherwise neither a weight nor a running statistic of it ever changes.
    """

    reads_images = True
    has_positions = True

    def __init__(self, encoder: Encoder, *, trainable: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.shape = RepresentationShape(encoder.dim, encoder.channels)
        self.trainable = trainable
        if not trainable:
            encoder.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "EncoderSource":
        """Sets the mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if not self.trainable:
            self.encoder.eval()
        return self

    def forward(self, images: Tensor) -> Representation:
        if self.trainable:
            return self.encoder(images)
        with torch.no_grad():
            return self.encoder(images)

    def trained_encoder(self) -> Encoder | None:
        return self.encoder if self.trainable else None

    def contrastive_encoder(self, network: Any) -> nn.Module:
        return self.encoder


class StemSource(Source):
    """DASR's convolutions on the features (B, C, h, w) of the network's stem, which both share.

    Args:
        features: C.

    Source: idea S4 of the project's research notes: one backbone for two tasks, as in Faster R-CNN.
    """

    reads_images = True
    has_positions = True

    def __init__(self, features: int) -> None:
        super().__init__()
        self.tower = DasrBackbone(in_channels=features)
        self.shape = RepresentationShape(256, (64, 128, 256))

    def forward(self, features: Tensor) -> Representation:
        maps = self.tower(features)
        return Representation(maps[-1].mean((2, 3)), maps)

    def represent(
        self, lr_image: Tensor, parameters: Tensor | None, stem: Callable[[Tensor], Tensor]
    ) -> Representation:
        return self(stem(lr_image))

    def contrastive_encoder(self, network: Any) -> nn.Module:
        return StemEncoder(network, self)


class StemEncoder(nn.Module):
    """A network's stem with the tower on it, as an encoder of images that can be copied.

    Args:
        network: The SR network.
        tower: On its stem.
    """

    mean: Tensor

    def __init__(self, network: Any, tower: StemSource) -> None:
        super().__init__()
        self.stem, self.tower = network.stem, tower
        self.register_buffer("mean", network.mean, persistent=False)
        self.image_range = network.image_range
        self.dim = tower.shape.dim

    def forward(self, images: Tensor) -> Representation:
        """(B, 3, H, W) in [0, 1] -> representation."""
        return self.tower(self.stem((images - self.mean) * self.image_range))


class ConstantSource(Source):
    """The same representation for all images: what a condition without information is worth.

    Args:
        shape: Of the representation that it stands in for, so that the network has as many weights.
    """

    def __init__(self, shape: RepresentationShape) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, images: Tensor) -> Representation:
        maps = tuple(images.new_ones(len(images), channels, 1, 1) for channels in self.shape.channels)
        return Representation(images.new_ones(len(images), self.shape.dim), maps)


class OracleSource(Source):
    """The true parameters (B, 6), see `shared.degradations.summarise_as_vector`: the ceiling."""

    needs_parameters = True

    def __init__(self) -> None:
        super().__init__()
        count = len(SUMMARY_RANGES)
        self.shape = RepresentationShape(count, (count,))

    def forward(self, parameters: Tensor) -> Representation:
        return Representation(parameters, (parameters[:, :, None, None],))

    def represent(
        self, lr_image: Tensor, parameters: Tensor | None, stem: Callable[[Tensor], Tensor]
    ) -> Representation:
        if parameters is None:
            raise ValueError("this model is an oracle: it needs the true parameters of each image's degradation")
        return self(parameters)
