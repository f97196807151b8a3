"""Sources of the representation that steers a network: an encoder, the network's own stem, or a constant."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm

from shared.encoders import DasrBackbone, Encoder, Representation, StatisticsEncoder
from shared.images import CANDIDATES
from shared.inference import eval_mode
from sr.conditioning.adapter import RepresentationShape
from sr.conditioning.encoder_input import EncoderInput
from sr.conditioning.standardisation import Standardisation

FITTING_IMAGES = 256  # LR patches that statistics of representations are computed from


class TrainingSamples(Protocol):
    """What statistics may be fitted to before training: samples of the training data that no step trains on."""

    def images(self, rows: int) -> Iterator[Tensor]:
        """Yields batches of LR patches, (B, 3, p, p) in [0, 1], at least `rows` together."""

    def parameters_of_degradations(self, rows: int) -> Tensor:
        """Returns true parameters of degradations, (N, 6) with N >= `rows`, see `Source.represent`."""


class Source(nn.Module):
    """A module that computes the representation of LR images.

    Attributes:
        shape: The shape of the representation.
        needs_parameters: Whether it needs the true parameters of the degradation.
        reads_images: Whether the representation depends on the images.
        has_positions: Whether positions in the maps correspond to positions in the image.
        is_parametric: Whether the representation is the parameters of the degradation, scaled as
            `summarise_as_vector` returns them, so that a user may replace them.
        encoder_input: What an encoder sees of the image.
    """

    shape: RepresentationShape
    needs_parameters = False
    reads_images = False
    has_positions = False
    is_parametric = False
    encoder_input = EncoderInput()

    def represent(
        self, lr_image: Tensor, parameters: Tensor | None, stem: Callable[[Tensor], Tensor]
    ) -> Representation:
        """Computes the representation of each image.

        Args:
            lr_image: LR images, (B, 3, h, w) in [0, 1].
            parameters: True parameters of the degradations, (B, 6), see `shared.degradations.summarise_as_vector`; read
                only if `needs_parameters`.
            stem: The network's stem, a function from images to features (B, C, h, w).

        Raises:
            ValueError: The parameters are needed and not given.
        """
        return self(lr_image)

    def complete(self, representation: Representation) -> Representation:
        """Completes a representation that a contrastive method computed, to what `represent` returns."""
        return representation

    def fit(self, samples: TrainingSamples) -> None:
        """Fits statistics that are fixed before training; does nothing if there are none."""

    def describe(self) -> str:
        """Describes in a sentence what an encoder sees of an image; empty without an encoder."""
        return ""

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
        encoder_input: What the encoder sees of the images.
        trainable: Whether the encoder learns; otherwise its weights and running statistics never change.
        reads_maps: Whether un-pooled maps are read. Without them, the vector and the means of the maps are averaged
            over a few windows, at a cost that does not grow with the image.

    Attributes:
        has_fixed_norm: Whether batch norms keep their running statistics in training.
    """

    reads_images = True
    has_fixed_norm = False

    def __init__(
        self, encoder: Encoder | StatisticsEncoder, encoder_input: EncoderInput, *, trainable: bool, reads_maps: bool
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.encoder_input = encoder_input
        self.has_positions = reads_maps
        self.shape = RepresentationShape(encoder.dim, encoder.channels)
        self.standardisation = Standardisation(self.shape) if encoder_input.standardise else None
        self.trainable = trainable
        if not trainable:
            encoder.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "EncoderSource":
        """Sets the mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if not self.trainable:
            self.encoder.eval()
        elif self.has_fixed_norm:
            for module in self.encoder.modules():
                if isinstance(module, BatchNorm):
                    module.eval()
        return self

    def forward(self, images: Tensor) -> Representation:
        return self.complete(self.encode(images))

    def complete(self, representation: Representation) -> Representation:
        return representation if self.standardisation is None else self.standardisation(representation)

    @torch.no_grad()
    def fit(self, samples: TrainingSamples) -> None:
        if self.standardisation is not None:
            with eval_mode(self):
                self.standardisation.fit([self.encode(images) for images in samples.images(FITTING_IMAGES)])

    def encode(self, images: Tensor) -> Representation:
        """Computes the representation before its standardisation."""
        if self.has_positions:
            return self.encode_views(images[:, None])
        windows = self.encoder_input.cut(images)
        return average_views(self.encode_views(windows), windows.shape[1])

    def encode_views(self, views: Tensor) -> Representation:
        """Encodes each view by itself, (B, K, 3, s, s) -> B * K rows."""
        with torch.set_grad_enabled(self.trainable and torch.is_grad_enabled()):
            return self.encoder(self.encoder_input.resize(views.flatten(0, 1)))

    def describe(self) -> str:
        upsampling, windows, side = self.encoder_input.upsampling, self.encoder_input.windows, self.encoder_input.side
        grid = "the LR image" if upsampling == 1 else f"the LR image up-sampled by {upsampling}"
        if self.has_positions:
            return f"The encoder sees {grid}; the network reads its map of the whole image."
        extent = "the whole image"
        if windows == CANDIDATES**2:
            extent = f"{windows} windows of {side} LR pixels, spread over the image"
        elif windows:
            extent = f"the {windows} windows of {side} LR pixels with most texture"
        return f"The encoder sees {grid}; the network reads its vector, the mean over {extent}."

    def trained_encoder(self) -> Encoder | None:
        return self.encoder if self.trainable and isinstance(self.encoder, Encoder) else None

    def contrastive_encoder(self, network: Any) -> nn.Module:
        if isinstance(self.encoder, StatisticsEncoder):
            return super().contrastive_encoder(network)
        if self.encoder_input.upsampling == 1:
            return self.encoder
        return UpsamplingEncoder(self.encoder, self.encoder_input)


class UpsamplingEncoder(nn.Module):
    """An encoder that up-samples LR images first.

    Args:
        encoder: The encoder of the up-sampled images.
        encoder_input: Says by how much they are up-sampled.
    """

    def __init__(self, encoder: Encoder, encoder_input: EncoderInput) -> None:
        super().__init__()
        self.encoder, self.encoder_input, self.dim = encoder, encoder_input, encoder.dim

    def forward(self, images: Tensor) -> Representation:
        """Computes the representation of images (B, 3, h, w) in [0, 1]."""
        return self.encoder(self.encoder_input.resize(images))


def average_views(representation: Representation, views: int) -> Representation:
    """Averages the pooled representation over the views of each row, (B * V, ...) -> (B, ...), row by row.

    Returns:
        The mean vector, (B, D), and the means of the maps as maps with one position, (B, C_i, 1, 1).
    """
    means = (map_.mean((2, 3), keepdim=True) for map_ in representation.maps)
    maps = tuple(mean.unflatten(0, (-1, views)).mean(1) for mean in means)
    return Representation(representation.vector.unflatten(0, (-1, views)).mean(1), maps)


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
