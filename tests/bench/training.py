"""Training step of a run against forward, backward and key forward pass of the backbone."""

import copy
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor, nn

from pretrain.methods.base import MomentumMethod
from pretrain.module import Pretraining
from tests.bench.measuring import Row, Settings, speed_row
from tests.bench.real_run import recipe_config, run_in_turn

MAX_DATA_WAIT = 5.0  # % of the step
MIN_SPEED = 0.90  # of the backbone


def measure(settings: Settings) -> list[Row]:
    """Measures the quick recipe, and that of MoCo, whose keys pass through a second network."""
    return [*_compare(settings, "quick"), *_compare(settings, "moco_resnet50")]


def _compare(settings: Settings, recipe: str) -> list[Row]:
    config = recipe_config(settings, recipe)
    checkpoint_every = config.checkpoint_every
    chunk, warmup = (1, 1) if settings.tiny else (20, 20) if settings.device.type == "cuda" else (2, 3)
    timer, save_seconds = run_in_turn(config, settings, build_backbone_step, chunk=chunk, warmup=warmup)
    patches = config.batch_size * sum(size.count for size in config.views.sizes())
    what = f"{recipe}, {config.encoder.name}, {config.batch_size} x {config.views.crops}"
    step_seconds = median(seconds for seconds, _ in timer.pairs)
    waits = tuple(100 * wait for wait in timer.waits)
    return [
        speed_row(f"{what}: speed over the backbone's", timer.pairs, MIN_SPEED, patches, "patches"),
        Row(f"{what}: data wait", waits, MAX_DATA_WAIT, at_most=True, unit="%"),
        Row(
            f"{what}: one checkpoint in {checkpoint_every} steps",
            (100 * save_seconds / (checkpoint_every * step_seconds),),
            unit="%",
            detail=f"{save_seconds:.2f} s each, not included in the rows above",
        ),
    ]


def build_backbone_step(module: Pretraining) -> Callable[[], object]:
    """Returns a step of a copy of the backbone on random input, without bands, heads, optimiser and data."""
    method, config = module.trained, module.config
    size = config.views.sizes()[0]
    # keys pass through the target network, without gradients; methods without one have gradients in all views
    is_momentum, positives = isinstance(method, MomentumMethod), method.positives
    keys = config.batch_size * positives.key_views if is_momentum else 0
    queries = config.batch_size * (positives.query_views if is_momentum else size.count)
    backbone = copy.deepcopy(method.encoder.backbone)
    key_backbone = copy.deepcopy(method.encoder.backbone)
    parameters = list(backbone.parameters())
    inputs: dict[str, Tensor] = {}

    def step() -> None:
        device = module.device
        if not inputs:  # at the first step, when Lightning has moved the module to its device
            backbone.to(device)
            key_backbone.to(device)
            channels = _count_input_channels(backbone)
            for name, count in (("query", queries), ("key", keys)):
                images = torch.randn(count, channels, size.patch, size.patch, device=device)
                inputs[name] = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            loss = backbone(inputs["query"])[-1].float().square().mean()
            if keys:
                with torch.no_grad():
                    key_backbone(inputs["key"])
        loss.backward()
        for parameter in parameters:
            parameter.grad = None

    return step


def _count_input_channels(backbone: nn.Module) -> int:
    return next(m.in_channels for m in backbone.modules() if isinstance(m, nn.Conv2d))
