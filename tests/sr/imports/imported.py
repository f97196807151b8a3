"""Checkpoints with random weights, saved as their authors do, and the command that imports them."""

from pathlib import Path

import torch
from torch import Tensor, nn

from sr.import_weights import main

SIZES = ((16, 16), (17, 21), (24, 40))


def randomise(module: nn.Module, *, peak: float = 255.0, std: float = 0.05) -> nn.Module:
    """Makes all weights random, in evaluation mode, with the running statistics that a training would leave.

    Deep networks need a small deviation, since otherwise they amplify the rounding of each layer.
    """
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "_mean" not in name:
                parameter.add_(std * torch.randn_like(parameter))
        module.train()
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0
        module(peak * smooth_images(3, 32, 32))
    return module.eval()


def smooth_images(count: int, height: int, width: int) -> Tensor:
    """Draws images in [0, 1] of the colours and contrasts of photographs."""
    coarse = torch.rand(count, 3, 1 + height // 4, 1 + width // 4)
    fine = torch.rand(count, 3, height, width)
    return 0.8 * nn.functional.interpolate(coarse, (height, width), mode="bilinear") + 0.2 * fine


def save(module: nn.Module, path: Path, *, under: str = "") -> Path:
    state = module.state_dict()
    torch.save({under: state} if under else state, path)
    return path


def import_weights(kind: str, path: Path, out: Path, *options: str) -> Path:
    assert main([kind, str(path), str(out), *options]) == 0
    return out


@torch.no_grad()
def largest_difference(model: nn.Module, published: nn.Module, *, peak: float = 255.0) -> float:
    """Computes the largest difference of the SR images, borders included, over several sizes.

    Returns:
        The difference in units of the images' range; of the largest value, where random weights leave that range.
    """
    found = 0.0
    for height, width in SIZES:
        lr_image = smooth_images(2, height, width)
        expected = published(peak * lr_image) / peak
        difference = (model(lr_image) - expected).abs().max() / expected.abs().max().clamp(min=1)
        found = max(found, float(difference))
    print(f"largest difference: {found:.1e}")
    return found
