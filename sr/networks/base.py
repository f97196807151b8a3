"""The parts that all SR networks share: stem, body with slots for fusions, tail, and options."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from shared.bounds import bounded
from shared.encoders import Representation
from shared.images import upsample_bicubic
from sr.conditioning.adapter import Adapter, Condition
from sr.fusion.base import Fusion
from sr.networks.tail import UpsamplingTail

IMAGE_RANGE = 255.0  # range of the stem's input in DASR, EDSR and RCAN, for which their learning rates are tuned
RGB_MEAN = (0.4488, 0.4371, 0.4040)  # mean of DIV2K, as published with EDSR


@dataclass
class NetworkConfig:
    """Options of every network.

    Attributes:
        features: C, the number of channels of stem and body.
        bicubic_skip: Whether the network predicts the difference from the bicubic image, with which it starts;
            otherwise it predicts the image itself, as published.
    """

    features: int = bounded(64, 1, 4096)
    bicubic_skip: bool = False


class FusionSlot(nn.Module):
    """A point in a network at which the condition may act; the identity in a network without a condition.

    Args:
        fusion: The fusion that acts here; None for a network without a condition.
    """

    def __init__(self, fusion: Fusion | None) -> None:
        super().__init__()
        self.fusion = fusion

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        if self.fusion is None:
            return features
        assert condition is not None
        return self.fusion(features, condition)


SlotMaker = Callable[[int], FusionSlot]
"""Makes the next slot of a network, for features with that number of channels."""


class ConditionedSequential(nn.Module):
    """Modules in a row, of which slots and conditioned blocks receive the condition too."""

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(modules)

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        for part in self.parts:
            is_conditioned = isinstance(part, FusionSlot | ConditionedBlock | ConditionedSequential)
            features = part(features, condition) if is_conditioned else part(features)
        return features


class ConditionedBlock(nn.Module):
    """A block of a body, a function from features (B, C, h, w) and the condition to features."""

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        raise NotImplementedError


class SRNetwork(nn.Module):
    """A network from LR image and representation to SR image.

    Args:
        scale: Up-sampling factor: 2, 3 or 4.
        features: C, the number of channels of stem and body.
        body: Module from features and condition to features of the same size, which may be any.
        adapter: Module that computes the condition; None for a network without one.
        tail: Module from features to an image of `scale` times their size, such as `UpsamplingTail`.
        image_range: Factor applied to the image in [0, 1] after the RGB mean is subtracted.
        shared_blocks: Number of plain residual blocks at the end of the stem, for an encoder that shares the stem.
        bicubic_skip: See `NetworkConfig`.
        pad: Function that pads images and maps (B, C, h, w) below and on the right, for a body that cannot have every
            size; what it adds is cut off the SR image.

    Raises:
        ValueError: The scale is not 2, 3 or 4.
    """

    def __init__(
        self,
        *,
        scale: int,
        features: int,
        body: nn.Module,
        adapter: Adapter | None,
        tail: nn.Module,
        image_range: float = IMAGE_RANGE,
        shared_blocks: int = 0,
        bicubic_skip: bool = False,
        pad: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        if scale not in (2, 3, 4):
            raise ValueError(f"scale={scale} must be 2, 3 or 4")
        self.scale = scale
        self.features = features
        self.image_range = image_range
        self.bicubic_skip = bicubic_skip
        self.pad = pad
        self.stem = nn.Sequential(
            nn.Conv2d(3, features, 3, padding=1), *(PlainBlock(features) for _ in range(shared_blocks))
        )
        self.adapter = adapter
        self.body = body
        self.tail = tail
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        if bicubic_skip:  # the last convolution starts at 0
            last = [module for module in tail.modules() if isinstance(module, nn.Conv2d)][-1]
            nn.init.zeros_(last.weight)
            assert last.bias is not None
            nn.init.zeros_(last.bias)

    mean: Tensor

    def shallow(self, lr_image: Tensor) -> Tensor:
        """Computes the features of the stem, (B, C, h, w)."""
        return self.stem((lr_image - self.mean) * self.image_range)

    def forward(
        self, lr_image: Tensor, representation: Representation | None = None, *, condition: Condition | None = None
    ) -> Tensor:
        """Super-resolves a batch.

        Args:
            lr_image: LR images, (B, 3, h, w) RGB in [0, 1], of any size.
            representation: Representation of the images, of the shape that the network was built for; None without an
                adapter.
            condition: Condition that replaces the representation, such as that of a tile of a larger image.

        Returns:
            The SR images, (B, 3, scale * h, scale * w), not clipped.

        Raises:
            ValueError: The network is conditioned, and neither representation nor condition is given.
        """
        if self.adapter is not None and condition is None:
            if representation is None:
                raise ValueError("this network is conditioned: it needs a representation")
            condition = self.adapter(representation, lr_image.shape[-2:])
        shallow = self.shallow(lr_image if self.pad is None else self.pad(lr_image))
        if self.pad is not None and condition is not None and condition.map is not None:
            condition = replace(condition, map=self.pad(condition.map))
        deep = self.body(shallow, condition) + shallow
        deep = deep.contiguous(memory_format=torch.channels_last)  # makes the tail a third faster on a CPU
        sr_image = self.tail(deep) / self.image_range
        if self.pad is not None:
            height, width = lr_image.shape[-2:]
            sr_image = sr_image[..., : self.scale * height, : self.scale * width]
        return sr_image + (upsample_bicubic(lr_image, self.scale) if self.bicubic_skip else self.mean)


def build_convolutions(features: int) -> list[nn.Module]:
    """Builds convolution, ReLU, convolution: the branch of EDSR's and RCAN's blocks."""
    return [
        nn.Conv2d(features, features, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(features, features, 3, padding=1),
    ]


class PlainBlock(nn.Module):
    """EDSR's residual block without a slot: convolution, ReLU, convolution, skip connection."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(*build_convolutions(features))

    def forward(self, features: Tensor) -> Tensor:
        return features + self.convolutions(features)


class ResidualGroup(ConditionedBlock):
    """Blocks, a convolution, and a skip connection, as in DASR and RCAN."""

    def __init__(self, features: int, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.inside = ConditionedSequential(*blocks, nn.Conv2d(features, features, 3, padding=1))

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        return features + self.inside(features, condition)


def build_residual_network(
    config: NetworkConfig,
    blocks: Sequence[nn.Module],
    *,
    scale: int,
    adapter: Adapter | None,
    shared_blocks: int,
    image_range: float = IMAGE_RANGE,
) -> SRNetwork:
    """Builds the frame of DASR, EDSR, KDSR and RCAN: blocks, a convolution, and sub-pixel convolutions.

    Args:
        config: Options of every network.
        blocks: Blocks of the body.
        scale, adapter, shared_blocks, image_range: As in `SRNetwork`.
    """
    return SRNetwork(
        scale=scale,
        features=config.features,
        adapter=adapter,
        shared_blocks=shared_blocks,
        body=ConditionedSequential(*blocks, nn.Conv2d(config.features, config.features, 3, padding=1)),
        tail=UpsamplingTail(config.features, scale),
        image_range=image_range,
        bicubic_skip=config.bicubic_skip,
    )
