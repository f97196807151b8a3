"""Degradation synthesis against a plain batched implementation, both including the sampling of the kernels."""

import torch
from torch import Tensor

from shared.data import source_size
from shared.degradations import Degradation, Space, degrade
from tests.bench.measuring import Row, Settings, speed_row, time_in_turn
from tests.bench.plain_degradations import Widths, degrade_plainly, draw_widths

VIEWS = 2


def measure(settings: Settings) -> list[Row]:
    """Measures blur with down-sampling, and blur only."""
    rows = 4 if settings.tiny else 32
    cases = [(4, 32, 4.0), (1, 24, 1.0)] if settings.tiny else [(4, 192, 4.0), (1, 64, 1.0)]
    return [row for scale, patch, bound in cases for row in _compare(settings, rows, scale, patch, bound)]


def _build_space(scale: int) -> Space:
    gaussian = {"gaussian": {"sigma": [0.2, 4.0], "sigma_y": [0.2, 4.0], "theta": [0, "pi"]}}
    downsample = [{"bicubic": {"relative_size": f"1/{scale}"}}] if scale > 1 else []
    return Space({"scale": scale, "steps": [gaussian, *downsample, {"quantize": {}}]}, "bench")


def _compare(settings: Settings, rows: int, scale: int, patch: int, bound: float) -> list[Row]:
    """Compares on patches of `patch` x `patch` input pixels."""
    space, device = _build_space(scale), settings.device
    margin = space.margin()
    side = source_size(patch // scale, scale, margin)
    generator = torch.Generator().manual_seed(0)
    images = (torch.rand(rows, VIEWS, 3, side, side, generator=generator) * 255).round().div(255).to(device)
    inner = images[..., margin : side - margin, margin : side - margin].contiguous()

    def ours() -> Tensor:
        return degrade(images, space.draw(rows, generator), margin=margin)

    def plain() -> Tensor:
        return degrade_plainly(inner, draw_widths(rows, generator, device), scale)

    what = f"x{scale}, {patch} px to {patch // scale}" if scale > 1 else f"blur only, {patch} px"
    pairs = time_in_turn(ours, plain, settings)
    speed = speed_row(f"{what}, B={rows} V={VIEWS}: speed over plain", pairs, bound)
    levels, share = _compare_inner_pixels(images, space.draw(rows, generator), margin)
    one_level = Row(
        f"{what}: largest difference from plain",
        (levels,),
        1.0,
        at_most=True,
        unit="/255",
        detail=f"in {share:.1e} of the values",
    )
    return [speed, one_level]


def _compare_inner_pixels(images: Tensor, degradation: Degradation, margin: int) -> tuple[float, float]:
    """Returns the largest difference of inner pixels in 8-bit levels, and the fraction of values that differ."""
    sigma_x, sigma_y, theta = degradation.parameters[:, 0, :3].to(images.device).T
    plain = degrade_plainly(images, Widths(sigma_x, sigma_y, theta), degradation.scale)
    cut = margin // degradation.scale
    inner = plain[..., cut : plain.shape[-2] - cut, cut : plain.shape[-1] - cut]
    difference = ((degrade(images, degradation, margin=margin) - inner) * 255).abs().round()
    return float(difference.max()), float((difference > 0).double().mean())
