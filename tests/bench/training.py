"""A real training step against the bare backbone's forward, backward and key forward."""

import copy
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor, nn

from pretrain.methods.base import MomentumMethod
from pretrain.module import Pretraining
from tests.bench.measuring import Row, Settings, speed_row
from tests.bench.real_run import recipe_config, run_in_turn

LONGEST_DATA_WAIT = 5.0  # % of the step
SHARE_OF_BARE = 0.90


def measure(settings: Settings) -> list[Row]:
    """The quick recipe, and the one of MoCo, whose keys pass through a second network, as they are."""
    return [*_compare(settings, "quick"), *_compare(settings, "moco_resnet50")]


def _compare(settings: Settings, recipe: str) -> list[Row]:
    config = recipe_config(settings, recipe)
    every = config.checkpoint_every
    chunk, warmup = (1, 1) if settings.tiny else (20, 20) if settings.device.type == "cuda" else (2, 3)
    timer, saving = run_in_turn(config, settings, bare_step, chunk=chunk, warmup=warmup)
    patches = config.batch_size * sum(size.count for size in config.views.sizes())
    what = f"{recipe}, {config.encoder.name}, {config.batch_size} x {config.views.crops}"
    step = median(real for real, _ in timer.pairs)
    waits = tuple(100 * wait for wait in timer.waits)
    return [
        speed_row(f"{what}: speed over the backbone's", timer.pairs, SHARE_OF_BARE, patches, "patches"),
        Row(f"{what}: data wait", waits, LONGEST_DATA_WAIT, at_most=True, unit="%"),
        Row(
            f"{what}: one checkpoint in {every} steps", (100 * saving / (every * step),), unit="%",
            detail=f"{saving:.2f} s each, not in the rows above",
        ),
    ]  # fmt: skip


def bare_step(module: Pretraining) -> Callable[[], object]:
    """One step of a copy of the backbone alone on random input: no bands, heads, optimiser, or data."""
    method, config = module.trained, module.config
    size = config.views.sizes()[0]
    # MoCo's queries are half of the views, its keys the other half; SimCLR's views all get gradients
    keys = config.batch_size * size.count // 2 if isinstance(method, MomentumMethod) else 0
    queries = config.batch_size * size.count - keys
    backbone = copy.deepcopy(method.encoder.backbone)
    key_backbone = copy.deepcopy(method.encoder.backbone)
    parameters = list(backbone.parameters())
    inputs: dict[str, Tensor] = {}

    def step() -> None:
        device = module.device
        if not inputs:  # Lightning has placed the module only now
            backbone.to(device)
            key_backbone.to(device)
            channels = _input_channels(backbone)
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


def _input_channels(backbone: nn.Module) -> int:
    return next(m.in_channels for m in backbone.modules() if isinstance(m, nn.Conv2d))
