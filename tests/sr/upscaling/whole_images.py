"""Models whose condition has an effect, photographs, and the result of a model on a whole image."""

from dataclasses import replace

import torch
from torch import Tensor

from sr.conditioning import EncoderInput
from sr.model import SRModel, build_model
from tests.sr.small_models import small_config

SMALL = {"tile": 96, "overlap": 16}  # exact for receptive fields up to 12 pixels


def small_model(
    network: str = "edsr_small",
    fusion: str = "affine:map",
    conditioning: str = "joint",
    *,
    encoder_input: EncoderInput | None = None,
    **options,
) -> SRModel:
    """Builds a model whose condition has an effect, since no layer is zero, added to the bicubic image."""
    torch.manual_seed(0)
    config = small_config(network, fusion, conditioning, bicubic_skip=True, **options)
    model = build_model(replace(config, encoder_input=encoder_input or EncoderInput()))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # running statistics of images instead of the initial ones
    with torch.no_grad():
        if model.source is not None and not model.needs_parameters:
            model.represent(photograph(100, 200)[None])
        for parameter in model.network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
        if model.network.adapter is not None:
            for parameter in model.network.adapter.parameters():
                parameter.mul_(5)  # representations of an untrained encoder differ little
    return model.eval()


def photograph(height: int, width: int, *, top: int = 0) -> Tensor:
    from skimage import data

    image = torch.from_numpy(data.astronaut()[top : top + height, :width].copy())
    return image.permute(2, 0, 1).float() / 255


@torch.no_grad()
def upscale_whole(model: SRModel, image: Tensor, **options) -> Tensor:
    return model(image[None], **options)[0].clamp(0, 1)


def largest_difference(one: Tensor, other: Tensor) -> float:
    assert one.shape == other.shape
    return float((one - other).abs().max())
