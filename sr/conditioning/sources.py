"""Where the representation comes from: an encoder, the network's own stem, or one of the controls."""

import torch
from torch import Tensor, nn

from shared.degradations.summary import SUMMARY_RANGES
from shared.encoders import DasrBackbone, Encoder, Representation
from sr.conditioning.adapter import RepresentationShape

OF_AN_ENCODER = ("frozen", "finetune", "joint", "random")
CONDITIONINGS = (*OF_AN_ENCODER, "shared", "constant", "oracle", "none")
MEANING = """\
frozen: a trained encoder, left as it is; finetune: a trained encoder that learns on, at a rate of its own;
joint: an encoder that learns from the contrastive loss too (DASR); shared: encoder and network share the stem.
Controls: none: no condition; constant: the same for all images; random: an untrained encoder, left as it is;
oracle: the true parameters."""


class Source(nn.Module):
    """Gives the representation of LR images.

    Attributes:
        shape: of the representation.
        needs_parameters: whether it is told the true parameters instead of looking.
    """

    shape: RepresentationShape
    needs_parameters = False

    def forward(self, images: Tensor) -> Representation:
        """The representation of what the source looks at, see the subclasses."""
        raise NotImplementedError


class EncoderSource(Source):
    """An encoder that looks at LR images (B, 3, h, w) in [0, 1].

    Args:
        encoder: any.
        trained: whether it learns; otherwise neither a weight nor a running statistic of it ever changes.
    """

    def __init__(self, encoder: Encoder, *, trained: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.shape = RepresentationShape(encoder.dim, encoder.channels)
        self.trained = trained
        if not trained:
            encoder.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "EncoderSource":
        """A frozen encoder stays in evaluation mode."""
        super().train(mode)
        if not self.trained:
            self.encoder.eval()
        return self

    def forward(self, images: Tensor) -> Representation:
        if self.trained:
            return self.encoder(images)
        with torch.no_grad():
            return self.encoder(images)


class StemSource(Source):
    """DASR's convolutions on the features (B, C, h, w) of the network's stem, which both share.

    Args:
        features: C.

    Source: idea S4 of the project's research notes: one backbone for two tasks, as in Faster R-CNN.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.tower = DasrBackbone(in_channels=features)
        self.shape = RepresentationShape(256, (64, 128, 256))

    def forward(self, images: Tensor) -> Representation:
        maps = self.tower(images)
        return Representation(maps[-1].mean((2, 3)), maps)


class ConstantSource(Source):
    """The same for all images: what a condition is worth that says nothing.

    Args:
        shape: of the representation that it stands in for, so that the network has as many weights.
    """

    def __init__(self, shape: RepresentationShape) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, images: Tensor) -> Representation:
        maps = tuple(images.new_ones(len(images), channels, 1, 1) for channels in self.shape.channels)
        return Representation(images.new_ones(len(images), self.shape.dim), maps)


class OracleSource(Source):
    """The true parameters (B, 6), see `shared.degradations.summary.targets`: the ceiling."""

    needs_parameters = True

    def __init__(self) -> None:
        super().__init__()
        count = len(SUMMARY_RANGES)
        self.shape = RepresentationShape(count, (count,))

    def forward(self, images: Tensor) -> Representation:
        return Representation(images, (images[:, :, None, None],))
