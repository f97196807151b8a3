"""Sources of the representation that steers a network: an encoder, the network's own stem, or one of the controls."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from shared.degradations import SUMMARY_RANGES
from shared.encoders import DasrBackbone, Encoder, Representation
from sr.conditioning.adapter import RepresentationShape


class Source(nn.Module):
    """A module that computes the representation of LR images.

    Attributes:
        shape: The shape of the representation.
        needs_parameters: Whether it needs the true parameters of the degradation.
        reads_images: Whether the representation depends on the images.
        has_positions: Whether positions in the maps correspond to positions in the image.
    """

    shape: RepresentationShape
    needs_parameters = False
    reads_images = False
    has_positions = False

    def represent(
        self, lr_image: Tensor, parameters: Tensor | None, stem: Callable[[Tensor], Tensor]
    ) -> Representation:
        """Computes the representation of each image.

        Args:
            lr_image: LR images, (B, 3, h, w) in [0, 1].
            parameters: True parameters of the degradations, (B, 6), see `shared.degradations.summary.targets`; read
                only if `needs_parameters`.
            stem: The network's stem, a function from images to features (B, C, h, w).

        Raises:
            ValueError: The parameters are needed and not given.
        """
        return self(lr_image)

    def trained_encoder(self) -> Encoder | None:
        """Returns the encoder if it learns in a training run, else None."""
        return None

    def contrastive_encoder(self, network: Any) -> nn.Module:
        """Returns the module that a contrastive method trains, a function from images to a representation.

        Args:
            network: The SR network, whose stem may be part of the encoder.

        Raises:
            ValueError: Nothing in this source learns from a contrastive loss.
        """
        raise ValueError(f"{type(self).__name__} has no encoder that a contrastive loss could train")


class EncoderSource(Source):
    """An encoder of LR images (B, 3, h, w) in [0, 1].

    Args:
        encoder: Any encoder.
        trainable: Whether the encoder learns; otherwise its weights and running statistics never change.
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
    """DASR's convolutions on the features (B, C, h, w) of the stem that encoder and network share.

    Args:
        features: C, the number of channels of the features.

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
    """A network's stem followed by a `StemSource`, as an encoder of images that can be copied.

    Args:
        network: The SR network.
        tower: The source that reads the features of its stem.
    """

    mean: Tensor

    def __init__(self, network: Any, tower: StemSource) -> None:
        super().__init__()
        self.stem, self.tower = network.stem, tower
        self.register_buffer("mean", network.mean, persistent=False)
        self.image_range = network.image_range
        self.dim = tower.shape.dim

    def forward(self, images: Tensor) -> Representation:
        """Computes the representation of images (B, 3, H, W) in [0, 1]."""
        return self.tower(self.stem((images - self.mean) * self.image_range))


class ConstantSource(Source):
    """The same representation for all images: a control that shows what a condition without information is worth.

    Args:
        shape: The shape of the representation that it replaces, so that the network has the same number of weights.
    """

    def __init__(self, shape: RepresentationShape) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, images: Tensor) -> Representation:
        maps = tuple(images.new_ones(len(images), channels, 1, 1) for channels in self.shape.channels)
        return Representation(images.new_ones(len(images), self.shape.dim), maps)


class OracleSource(Source):
    """The true parameters (B, 6), see `shared.degradations.summary.targets`: the ceiling of what a condition gives."""

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
