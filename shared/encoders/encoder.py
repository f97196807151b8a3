"""The contract of all degradation encoders: images to a pooled vector and un-pooled maps."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.encoders.bands import ContrastFreeBands, ContrastFreeBandsWithLevel
from shared.encoders.dasr import DasrBackbone
from shared.encoders.energies import NoiseFreeEnergies
from shared.encoders.kdsr import SIZES as KDSR_SIZES
from shared.encoders.kdsr import KdsrBackbone
from shared.encoders.timm_backbone import MIN_IMAGE_SIDE, TimmBackbone
from shared.inference import eval_mode

FRONT_ENDS: dict[str, type[ContrastFreeBands | ContrastFreeBandsWithLevel | NoiseFreeEnergies]] = {
    "bands": ContrastFreeBands,
    "bands_level": ContrastFreeBandsWithLevel,
    "energies": NoiseFreeEnergies,
}
INPUTS = ("rgb", *FRONT_ENDS)
STEMS = ("standard", "3x3", "no_maxpool", "3x3_no_maxpool")
OUTPUT_STRIDES = (8, 16, 32)


@dataclass
class EncoderConfig:
    """The architecture of an encoder."""

    name: str = "resnet50"  # a convolutional network of timm, "dasr", or KDSR's "kdsr_m" or "kdsr_l"
    # rgb | bands (without contrast) | bands_level (and the absolute noise level) | energies (without the noise)
    input: str = "rgb"
    stem: str = "standard"  # standard | 3x3 (stride 1) | no_maxpool | 3x3_no_maxpool; timm only
    output_stride: int = 32  # 8 | 16 | 32 (unchanged), before the stem option divides it; timm only
    pretrained: bool = False  # start from timm's ImageNet weights; timm only
    downsample: bool = True  # false: all strides are 1, the map keeps the size of the image; dasr only


@dataclass(frozen=True)
class Representation:
    """The representation of a batch of images (B, 3, H, W).

    Attributes:
        vector: Pooled representation, (B, D), the average of the last map.
        maps: Un-pooled maps from fine to coarse, each (B, C_i, H/s_i, W/s_i), sizes rounded as the network does.
    """

    vector: Tensor
    maps: tuple[Tensor, ...]


class Encoder(nn.Module):
    """A front-end and a backbone with the contract of all encoders.

    Args:
        config: Architecture of the encoder.
        front_end: Module from RGB images to the input of the backbone.
        backbone: Module from this input to maps, fine to coarse.

    Attributes:
        config: Architecture of the encoder.
        dim: Length of the vector, D.
        channels: Number of channels of each map, C_i.
        strides: Stride of each map in pixels, s_i.

    Raises:
        ValueError: The strides of the backbone are not whole.
    """

    def __init__(self, config: EncoderConfig, front_end: nn.Module, backbone: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.front_end = front_end
        self.backbone = backbone
        side = 64 * getattr(front_end, "stride", 1)  # large enough that no network pads it
        with eval_mode(self):
            maps = self(torch.zeros(1, 3, side, side)).maps
        self.channels = tuple(map_.shape[1] for map_ in maps)
        self.strides = tuple(side // map_.shape[2] for map_ in maps)
        self.dim = self.channels[-1]
        if any(stride * map_.shape[2] != side for stride, map_ in zip(self.strides, maps, strict=True)):
            sizes = ", ".join(str(map_.shape[2]) for map_ in maps)
            raise ValueError(
                f"{config.name} has fractional strides: {side} pixels become {sizes} pixels; use another network"
            )

    def forward(self, images: Tensor) -> Representation:
        """Encodes a batch.

        Args:
            images: RGB images, (B, 3, H, W) in [0, 1], floating point; H and W are at least 16.

        Returns:
            The pooled vector, (B, D), and all maps.

        Raises:
            ValueError: The images have another shape or type, or are too small.
        """
        if images.dim() != 4 or images.shape[1] != 3:
            raise ValueError(f"images must be (B, 3, H, W), not {tuple(images.shape)}")
        if min(images.shape[2:]) < MIN_IMAGE_SIDE:
            size = f"{images.shape[2]}x{images.shape[3]}"
            raise ValueError(f"images of {size} pixels are too small: each side needs at least {MIN_IMAGE_SIDE}")
        if not images.is_floating_point():
            raise ValueError(f"images must be floating point in [0, 1], not {images.dtype}: divide by 255")
        # with this layout, CPUs convolve up to a third faster, whatever the layout of the weights
        features = self.front_end(images).contiguous(memory_format=torch.channels_last)
        maps = self.backbone(features)
        return Representation(vector=F.adaptive_avg_pool2d(maps[-1], 1).flatten(1), maps=maps)


class RgbNormalisation(nn.Module):
    """Normalisation by the mean and standard deviation that timm's weights expect; saved with the encoder."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Normalises images (B, 3, H, W) in [0, 1] to about zero mean and unit variance."""
        return (images - self.mean) / self.std


def build_encoder(config: EncoderConfig) -> Encoder:
    """Builds an encoder in training mode.

    Args:
        config: Architecture of the encoder. Options that do not apply to a network must keep their defaults.

    Returns:
        The encoder, on the CPU. Its weights are drawn from torch's global generator unless it is pretrained.

    Raises:
        ValueError: A name or value is unknown, an option does not fit the network, or there are no pretrained weights.
    """
    _check_choice("input", config.input, INPUTS)
    _check_choice("stem", config.stem, STEMS)
    _check_choice("output_stride", config.output_stride, OUTPUT_STRIDES)
    in_channels = 3 if config.input == "rgb" else FRONT_ENDS[config.input].channels
    backbone: nn.Module
    if config.name == "dasr" or config.name in KDSR_SIZES:
        for option, default in (("stem", "standard"), ("output_stride", 32), ("pretrained", False)):
            value = getattr(config, option)
            if value != default:
                raise ValueError(f"{option}={value} does not apply to {config.name}; leave it at {default}")
        if config.name == "dasr":
            backbone = DasrBackbone(in_channels=in_channels, downsample=config.downsample)
        else:
            _check_downsample(config)
            features, blocks = KDSR_SIZES[config.name]
            backbone = KdsrBackbone(in_channels=in_channels, features=features, blocks=blocks)
        rgb_front_end: nn.Module = nn.Identity()
    else:
        _check_downsample(config)
        backbone = TimmBackbone(
            name=config.name,
            in_channels=in_channels,
            stem=config.stem,
            output_stride=config.output_stride,
            pretrained=config.pretrained,
        )
        weights = backbone.network.pretrained_cfg
        rgb_front_end = RgbNormalisation(tuple(weights["mean"]), tuple(weights["std"]))
    front_end = rgb_front_end if config.input == "rgb" else FRONT_ENDS[config.input]()
    return Encoder(config, front_end, backbone)


def _check_downsample(config: EncoderConfig) -> None:
    if not config.downsample:
        is_kdsr = config.name in KDSR_SIZES
        reason = f"{config.name} has no strides" if is_kdsr else f"for {config.name} use stem or output_stride"
        raise ValueError(f"downsample=False applies only to dasr; {reason}")


def _check_choice(option: str, value: Any, choices: tuple[Any, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{option}={value!r} is unknown: use one of {', '.join(map(str, choices))}")
