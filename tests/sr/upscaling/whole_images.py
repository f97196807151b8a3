"""A model in which the condition acts, photographs, and what the model gives for the whole at once."""

import torch
from torch import Tensor

from sr.model import SRModel, build_model
from tests.sr.small_models import small_config

SMALL = {"tile": 96, "overlap": 16}  # exact for what reaches 12 pixels


def small_model(network: str = "edsr_small", fusion: str = "affine", conditioning: str = "joint", **options) -> SRModel:
    """A model in which the condition acts, since no layer is zero, over the bicubic image."""
    torch.manual_seed(0)
    model = build_model(small_config(network, fusion, conditioning, bicubic_skip=True, **options))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # from now on as for images, not as for numbers around 0
    with torch.no_grad():
        if model.source is not None and not model.needs_parameters:
            model.represent(photograph(100, 200)[None])
        for parameter in model.network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
        if model.network.adapter is not None:
            for parameter in model.network.adapter.parameters():
                parameter.mul_(5)  # an untrained encoder says little
    return model.eval()


def photograph(height: int, width: int, *, top: int = 0) -> Tensor:
    from skimage import data

    image = torch.from_numpy(data.astronaut()[top : top + height, :width].copy())
    return image.permute(2, 0, 1).float() / 255


@torch.no_grad()
def at_once(model: SRModel, image: Tensor, **options) -> Tensor:
    return model(image[None], **options)[0].clamp(0, 1)


def largest_difference(one: Tensor, other: Tensor) -> float:
    assert one.shape == other.shape
    return float((one - other).abs().max())
