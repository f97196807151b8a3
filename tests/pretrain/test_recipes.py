"""Recipes, methods and combinations of options build and train for one step."""

import pytest
import torch

from pretrain.config import GROUPS, SHORTHANDS, PretrainConfig
from pretrain.run import build
from pretrain.train import RECIPES
from pretrain.views import ViewBatch, convert_crops, degrade_crops
from shared.command import load_config
from shared.degradations.summary import summarise_as_vector

NAMES = sorted(path.stem for path in RECIPES.glob("*.yaml"))
TINY = ["batch_size=4", "precision=fp32", "data.dead_leaves=2"]


def build_module(*arguments: str):
    _, config = load_config(PretrainConfig, RECIPES, [*arguments, *TINY], groups=GROUPS, shorthands=SHORTHANDS)
    config.check()
    if config.encoder.name == "resnet50":
        config.encoder.name = "resnet10t"  # same family, a tenth of the time
    return build(config)[0]


def train_one_step(module) -> None:
    optimizer = torch.optim.SGD(module.trained.parameters(), lr=0.01)
    first_convolution = next(p for p in module.ema_source.parameters() if p.ndim == 4)
    weight_before = first_convolution.detach().clone()
    plan = module.planner.plan(0)
    sharp = convert_crops(module.fetch(plan), len(plan.degradation), torch.device("cpu"))
    views = degrade_crops(sharp, plan.degradation, module.planner.margin)
    loss, logs, _ = module.trained(ViewBatch(views, summarise_as_vector(plan.degradation), sharp))
    loss.backward()
    optimizer.step()
    module.trained.after_step()
    assert torch.isfinite(loss)
    assert not torch.equal(weight_before, first_convolution)
    assert all(torch.isfinite(torch.as_tensor(value)) for value in logs.values())


@pytest.mark.parametrize("recipe", NAMES)
def test_every_recipe_builds_and_trains_its_encoder(recipe):
    train_one_step(build_module(f"--config-name={recipe}"))


@pytest.mark.parametrize("method", sorted(GROUPS["method"].choices))
def test_every_method_is_one_override_on_the_quick_recipe(method):
    more = ["positives=center3", "views=4x32"] if method == "fastsiam" else ["views=2x32"]
    train_one_step(build_module("--config-name=quick", f"method={method}", *more))


@pytest.mark.parametrize(
    "options",
    [
        ["views=2x32+4x24"],
        ["views=2x32+6x24", "method=moco"],
        ["method=moco", "positives.symmetric=false", "positives=center5", "views=6x32", "positives.enqueue=center"],
        ["method=moco", "positives.symmetric=false", "positives=all_pairs2", "positives.side=both", "views=4x32"],
        ["method=moco", "positives.symmetric=false", "positives=logit_mean3", "views=4x32", "positives.enqueue=all"],
        ["method=moco", "positives.symmetric=false", "positives=center3", "positives.side=query", "views=4x32"],
        ["method=moco", "positives.symmetric=false", "positives=combination3", "views=4x32", "method.keys_per_step=2"],
        [
            "method=fastmoco",
            "positives.symmetric=false",
            "positives=2",
            "positives.side=query",
            "views=3x32",
            "method.combine=images",
        ],
        ["degradation=dasr_aniso", "views=2x32"],
        ["degradation=blur_noise", "encoder.input=bands_level", "views=2x32", "views.images=2", "views.other_images=0"],
        ["encoder=dasr", "encoder.downsample=false", "views=2x24"],
        ["encoder.stem=no_maxpool", "views=2x32"],
        ["optimizer.name=lars", "views=2x32"],
    ],
    ids=" ".join,
)
def test_an_idea_is_a_few_overrides(options):
    train_one_step(build_module("--config-name=quick", *options))
