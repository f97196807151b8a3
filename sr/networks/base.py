"""What every SR network shares: stem, body with slots for fusions, tail, and options."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from shared.encoders import Representation
from sr.conditioning.adapter import Adapter, Condition
from sr.fusion.base import Fusion
from sr.networks.bicubic import upsample_bicubic
from sr.networks.tail import UpsamplingTail

IMAGE_RANGE = 255.0  # of the stem's input in DASR, EDSR and RCAN; their learning rates belong to it
RGB_MEAN = (0.4488, 0.4371, 0.4040)  # of DIV2K, as published with EDSR


@dataclass
class NetworkConfig:
    """Options of every network.

    Attributes:
        features: C, channels of the stem and the body.
        bicubic_skip: the network adds to the bicubic image, which it gives at the start; without it, it makes the image
            by itself, as published.
    """

    features: int = 64
    bicubic_skip: bool = False


class FusionSlot(nn.Module):
    """A place in a network where the condition may act; the identity where there is no condition.

    Args:
        fusion: the fusion that acts here; None for a network without a condition.
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
"""Makes the next slot of a network, for features of that many channels."""


class ConditionedSequential(nn.Module):
    """Modules in a row; those that take the condition are given it."""

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(modules)

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        for part in self.parts:
            takes_condition = isinstance(part, FusionSlot | ConditionedBlock | ConditionedSequential)
            features = part(features, condition) if takes_condition else part(features)
        return features


class ConditionedBlock(nn.Module):
    """A block of a body: forward(features (B, C, h, w), condition) -> features."""

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        raise NotImplementedError


class SRNetwork(nn.Module):
    """LR image and representation in, SR image out.

    Args:
        scale: 2, 3 or 4.
        features: C, channels of the stem and the body.
        body: (features, condition) -> features, any size.
        adapter: makes the condition; None for a network without one.
        tail: features -> image of `scale` times the size; such as `UpsamplingTail`.
        image_range: the image in [0, 1] is multiplied by it inside, after its mean is taken off.
        shared_blocks: plain residual blocks at the end of the stem, for an encoder that shares the stem.
        bicubic_skip: see `NetworkConfig`.
    """

    def __init__(
        self, *, scale: int, features: int, body: nn.Module, adapter: Adapter | None, tail: nn.Module,
        image_range: float = IMAGE_RANGE, shared_blocks: int = 0, bicubic_skip: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if scale not in (2, 3, 4):
            raise ValueError(f"scale={scale} must be 2, 3 or 4")
        self.scale = scale
        self.features = features
        self.image_range = image_range
        self.bicubic_skip = bicubic_skip
        self.stem = nn.Sequential(
            nn.Conv2d(3, features, 3, padding=1), *(PlainBlock(features) for _ in range(shared_blocks))
        )
        self.adapter = adapter
        self.body = body
        self.tail = tail
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        if bicubic_skip:
            last = [module for module in tail.modules() if isinstance(module, nn.Conv2d)][-1]
            nn.init.zeros_(last.weight)
            assert last.bias is not None
            nn.init.zeros_(last.bias)

    mean: Tensor

    def shallow(self, lr_image: Tensor) -> Tensor:
        """Features of the stem, (B, C, h, w)."""
        return self.stem((lr_image - self.mean) * self.image_range)

    def forward(
        self, lr_image: Tensor, representation: Representation | None = None, *, condition: Condition | None = None
    ) -> Tensor:
        """Super-resolves a batch.

        Args:
            lr_image: (B, 3, h, w) RGB in [0, 1], any h, w.
            representation: of the images, of the shape that the network was built for; None without an adapter.
            condition: instead, where the adapter has made it already, such as for a tile of a larger image.

        Returns:
            (B, 3, scale * h, scale * w), not clipped.
        """
        shallow = self.shallow(lr_image)
        if self.adapter is not None and condition is None:
            if representation is None:
                raise ValueError("this network is conditioned: it needs a representation")
            condition = self.adapter(representation, lr_image.shape[-2:])
        deep = self.body(shallow, condition) + shallow
        deep = deep.contiguous(memory_format=torch.channels_last)  # a CPU then runs the tail a third faster
        sr_image = self.tail(deep) / self.image_range
        return sr_image + (upsample_bicubic(lr_image, self.scale) if self.bicubic_skip else self.mean)


def two_convolutions(features: int) -> list[nn.Module]:
    """conv, ReLU, conv: the branch of EDSR's and RCAN's blocks."""
    return [
        nn.Conv2d(features, features, 3, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(features, features, 3, padding=1),
    ]  # fmt: skip


class PlainBlock(nn.Module):
    """conv, ReLU, conv, and the input: EDSR's residual block without a slot for the condition."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(*two_convolutions(features))

    def forward(self, features: Tensor) -> Tensor:
        return features + self.convolutions(features)


class ResidualGroup(ConditionedBlock):
    """Blocks, a convolution, and the input, as in DASR and RCAN."""

    def __init__(self, features: int, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.inside = ConditionedSequential(*blocks, nn.Conv2d(features, features, 3, padding=1))

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        return features + self.inside(features, condition)


def residual_network(
    config: NetworkConfig, blocks: Sequence[nn.Module], *, scale: int, adapter: Adapter | None, shared_blocks: int,
    image_range: float = IMAGE_RANGE,
) -> SRNetwork:  # fmt: skip
    """What DASR, EDSR, KDSR and RCAN have in common: blocks and a convolution, then sub-pixel convolutions."""
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
