"""timm's convolutional networks as backbones that return all their maps."""

import difflib
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.encoders.kdsr import SIZES as KDSR_SIZES
from shared.inference import eval_mode

MIN_IMAGE_SIDE = 16  # pixels, of the images that every encoder accepts
# minimum and divisor of a side; the first that works is used. The smallest images have 4 pixels behind a front-end that
# reduces them to a quarter.
PADDING_RULES = ((MIN_IMAGE_SIDE // 4, 1), (MIN_IMAGE_SIDE, 1), (32, 1), (32, 32))
MAX_POOL_PATHS = ("maxpool", "stem.pool", "features.pool0", "layer0.pool")  # names of the module in timm's families


class TimmBackbone(nn.Module):
    """A convolutional network of timm without its head.

    The last map is the output of the network's `forward_features`, the others are its intermediate maps. If the network
    does not accept images of every size from 16x16 on, they are padded with repeated edge pixels.

    Args:
        name: Name of a timm model, with or without a tag for its weights (`resnet50`, `resnet50.a1_in1k`).
        in_channels: Number of channels of the input; timm adapts the first convolution, pretrained or not.
        stem: `standard`; `3x3` (the first convolution is 3x3 with stride 1); `no_maxpool`; `3x3_no_maxpool`.
        output_stride: 8, 16 or 32, before the stem option divides it; 32 leaves the network unchanged.
        pretrained: Whether to start from timm's weights.

    Attributes:
        network: The network of timm.
        min_side: Smallest side, in pixels, that the network accepts.
        side_divisor: Number by which the sides must be divisible.

    Raises:
        ValueError: The name is unknown, an option does not fit the network, there are no pretrained weights, or the
            network is not convolutional.
    """

    def __init__(self, *, name: str, in_channels: int, stem: str, output_stride: int, pretrained: bool) -> None:
        super().__init__()
        self.network: Any = _create_network(name, in_channels, output_stride, pretrained)
        if output_stride != 32:
            stride = 64 // self._compute_maps(name, in_channels, 64, 64)[-1].shape[-1]
            if stride != output_stride:
                raise ValueError(
                    f"{name} does not support output_stride={output_stride} (it stays at {stride}); use 32"
                )
        if stem in ("3x3", "3x3_no_maxpool"):
            _replace_first_convolution(self.network, name, pretrained)
        if stem in ("no_maxpool", "3x3_no_maxpool"):
            _remove_max_pool(self.network, name, stem)
        self.min_side, self.side_divisor = self._find_padding_rule(name, in_channels)
        self._remove_unused_layers(name, in_channels)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Computes the maps.

        Args:
            x: Input, (B, in_channels, H, W).

        Returns:
            Maps from fine to coarse, (B, C_i, H/s_i, W/s_i).
        """
        missing_rows, missing_columns = self._count_missing(x.shape[2]), self._count_missing(x.shape[3])
        if missing_rows or missing_columns:
            x = F.pad(x, (0, missing_columns, 0, missing_rows), mode="replicate")
        last, maps = self.network.forward_intermediates(x)
        return (*maps[:-1], last)

    def _count_missing(self, side: int) -> int:
        """Counts the pixels that a side lacks."""
        return max(self.min_side, -(-side // self.side_divisor) * self.side_divisor) - side

    def _compute_maps(self, name: str, in_channels: int, height: int, width: int) -> tuple[Tensor, ...]:
        """Computes the maps of an empty image, and refuses networks whose output is not a map."""
        with eval_mode(self):
            last, maps = self.network.forward_intermediates(torch.zeros(1, in_channels, height, width))
        if not torch.is_tensor(last) or last.dim() != 4 or last.shape[2:] != maps[-1].shape[2:]:
            raise ValueError(f"{name} does not end in a (B, C, H, W) map; use a convolutional network")
        return (*maps[:-1], last)

    def _find_padding_rule(self, name: str, in_channels: int) -> tuple[int, int]:
        reason = ""
        for side, divisor in PADDING_RULES:
            try:
                self._compute_maps(name, in_channels, side, side)
                self._compute_maps(name, in_channels, side + max(1, divisor), side + max(7, divisor))
                return side, divisor
            except (RuntimeError, AssertionError, IndexError, AttributeError) as error:
                reason = str(error).split("\n")[0]
        raise ValueError(
            f"{name} with these options does not accept images of every size from {MIN_IMAGE_SIDE} pixels on "
            f"({reason}); use a plain convolutional network such as resnet50 with stem=standard"
        )

    def _remove_unused_layers(self, name: str, in_channels: int) -> None:
        """Removes layers of the head, since DDP refuses parameters without a gradient."""
        called: set[nn.Module] = set()
        hooks = [
            module.register_forward_hook(lambda module, *_: called.add(module)) for module in self.network.modules()
        ]
        self._compute_maps(name, in_channels, 64, 64)
        for hook in hooks:
            hook.remove()
        for child_name, child in list(self.network.named_children()):
            if called.isdisjoint(child.modules()) and any(True for _ in child.parameters()):
                setattr(self.network, child_name, nn.Identity())


def _create_network(name: str, in_channels: int, output_stride: int, pretrained: bool) -> nn.Module:
    import timm  # here, since it needs 4 s

    if not timm.is_model(name):
        nearest = difflib.get_close_matches(name, ["dasr", *KDSR_SIZES, *timm.list_models()], n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(nearest)}?" if nearest else "use dasr or a name of timm.list_models()"
        raise ValueError(f"unknown encoder {name!r}: {hint}")
    try:
        weights = timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        tagged = timm.list_models(name.split(".")[0] + ".*", pretrained=True)
        raise ValueError(f"timm has no weights called {name!r}: use {', '.join(tagged)}") from error
    if pretrained and not (weights and weights.has_weights):
        raise ValueError(f"pretrained=true: timm has no weights for {name}; use pretrained=false")
    stride_option: dict[str, Any] = {} if output_stride == 32 else {"output_stride": output_stride}
    try:
        return timm.create_model(name, pretrained=pretrained, num_classes=0, in_chans=in_channels, **stride_option)
    except (TypeError, AssertionError, NotImplementedError) as error:
        if not stride_option:
            raise ValueError(f"{name} does not support {in_channels} input channels: {error}") from error
        raise ValueError(f"{name} does not support output_stride={output_stride}; use 32") from error
    except Exception as error:  # a download, a cache or a file of weights can raise errors of any kind
        if not pretrained:
            raise
        reason = str(error).split("\n")[0].split(". ")[0]
        raise ValueError(
            f"pretrained=true: the weights of {name} could not be fetched ({reason}); "
            "connect to the network, put them in the cache, or use pretrained=false"
        ) from error


def _replace_first_convolution(network: Any, name: str, pretrained: bool) -> None:
    """Replaces the first convolution by a 3x3 convolution with stride 1."""
    from timm.layers import Conv2dSame

    path = network.pretrained_cfg.get("first_conv")
    convolution = dict(network.named_modules()).get(path) if isinstance(path, str) else None
    if type(convolution) not in (nn.Conv2d, Conv2dSame):
        raise ValueError(f"{name} has no plain first convolution that stem=3x3 could replace; use stem=standard")
    assert isinstance(convolution, nn.Conv2d)
    if convolution.kernel_size == (3, 3):
        if convolution.stride == (1, 1):
            raise ValueError(f"{name} already starts with a 3x3 convolution with stride 1; use stem=standard")
        convolution.stride = (1, 1)
        return
    if pretrained:
        raise ValueError(
            f"pretrained=true: the weights of {name} start with a {convolution.kernel_size[0]}x"
            f"{convolution.kernel_size[1]} convolution and do not fit stem=3x3; use standard or no_maxpool"
        )
    has_bias = convolution.bias is not None
    smaller = nn.Conv2d(convolution.in_channels, convolution.out_channels, 3, padding=1, bias=has_bias)
    nn.init.kaiming_normal_(smaller.weight, mode="fan_out", nonlinearity="relu")
    network.set_submodule(path, smaller)


def _remove_max_pool(network: nn.Module, name: str, stem: str) -> None:
    modules = dict(network.named_modules())
    for path in MAX_POOL_PATHS:
        if path in modules and not isinstance(modules[path], nn.Identity):
            network.set_submodule(path, nn.Identity())
            return
    alternative = "standard" if stem == "no_maxpool" else "3x3"
    raise ValueError(f"{name} has no max-pooling in its stem that could be removed; use stem={alternative}")
