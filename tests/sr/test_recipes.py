"""Every SR recipe, and each choice of each group, composes, builds and steps."""

import pytest
import torch

from pretrain.methods import Positives, build_method
from shared.artefacts import save_encoder
from shared.command import load_config
from shared.encoders import EncoderConfig, build_encoder
from sr.conditioning import CONDITIONINGS
from sr.train import RECIPES
from sr.training.config import ALIASES, GROUPS, SHORTHANDS, SRConfig
from sr.training.run import build
from tests.pretrain.linear_encoder import LinearEncoder
from tests.sr.small_models import SMALL_OPTIONS

NAMES = sorted(path.stem for path in RECIPES.glob("*.yaml"))
TINY = ["batch_size=2", "precision=fp32", "data.dead_leaves=2", "patch=24"]
SMALLER = {"dasr": "dasr_small", "swin2sr": "swin2sr_small", "edsr": "edsr_small", "rcan": "rcan_small"}


@pytest.fixture(scope="module")
def encoder_path(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(0)
    encoder = build_encoder(EncoderConfig(name="dasr"))
    save_encoder(folder / "encoder", encoder, card="", metadata={"recipe": "test"})
    return str(folder)


def load_options(*arguments: str) -> SRConfig:
    return load_config(SRConfig, RECIPES, list(arguments), groups=GROUPS, shorthands=SHORTHANDS, aliases=ALIASES)[1]


def build_module(encoder_path: str, *arguments: str):
    config = load_options(*arguments, *TINY)
    config.name = "test"
    config.check()
    name = SMALLER.get(config.network.name, config.network.name)
    config.network = GROUPS["network"].choices[name](**SMALL_OPTIONS[name])
    starts_trained = config.conditioning.name == "frozen" or getattr(config.conditioning, "fixed_norm", False)
    if starts_trained and not config.conditioning.encoder:
        config.conditioning.encoder = encoder_path
    config.conditioning.choose_encoder(config.runs_dir, {})
    return build(config)[0]


def train_one_step(module) -> None:
    optimizer = module.configure_optimizers()["optimizer"]
    last = [part for part in module.ema_source.network.tail.modules() if isinstance(part, torch.nn.Conv2d)][-1]
    before = last.weight.detach().clone()
    loss, logs = module.loss(module.planner.plan(0))
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(torch.as_tensor(value)) for value in logs.values())
    lr_image, sr_image, hr_image = module.last_images
    assert sr_image.shape == hr_image.shape
    assert hr_image.shape[-1] == lr_image.shape[-1] * module.config.scale
    assert not torch.equal(before, last.weight)


@pytest.mark.parametrize("recipe", NAMES)
def test_every_recipe_builds_and_steps(recipe, encoder_path):
    train_one_step(build_module(encoder_path, f"--config-name={recipe}"))


@pytest.mark.parametrize(
    ("options", "slow"),
    [
        *(([f"--config-name={recipe}"], []) for recipe in NAMES),
        (["conditioning=joint"], []),
        (
            ["conditioning=joint", "key_momentum=0.999", "method.queue_size=8192"],
            ["conditioning.key_momentum=auto", "conditioning.method.queue_size=auto"],
        ),
        (["conditioning=shared", "method=byol", "key_momentum=0.999"], ["conditioning.key_momentum=auto"]),
        (["conditioning=joint", "method=simclr"], []),
    ],
    ids=str,
)
def test_time_constants_fit_the_recipes_or_are_told(options, slow):
    config = load_options(*options)
    if not config.conditioning.trains_by_contrast:
        return
    config.fit_time_constants()
    name, positives = config.conditioning.method.name, Positives(config.conditioning.positives)
    method = build_method(name, LinearEncoder(), positives, config.conditioning.method)
    told = method.describe_misfits(config.pace)
    assert [sentence.split(": use ")[1].split(", which is")[0] for sentence in told] == slow


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@pytest.mark.parametrize("recipe", NAMES)
def test_every_recipe_has_its_controls_by_one_option(recipe, conditioning):
    config = load_options(f"--config-name={recipe}", f"conditioning={conditioning}")
    config.check()
    assert config.conditioning.name == conditioning


def test_options_that_another_conditioning_reads_too_stay_when_it_is_chosen(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(
        "network: edsr_small\nconditioning: {name: joint, fusion: {name: attention3x3, heads: 2}, encoder: dasr, "
        "input: bands, lr: 1.0e-4, contrastive: 0.5, method: simclr}\nloss: {name: charbonnier}\n"
    )
    constant = load_options(f"--config-name={own}", "conditioning=constant").conditioning
    assert (constant.encoder, constant.input, constant.fusion.name, constant.fusion.heads) == (
        "dasr",
        "bands",
        "attention3x3",
        2,
    )
    shared = load_options(f"--config-name={own}", "conditioning=shared").conditioning
    assert (shared.method.name, shared.contrastive) == ("simclr", 0.5)
    assert load_options(f"--config-name={own}", "conditioning=none").loss.name == "charbonnier"
    own.write_text(own.read_text().replace("joint", "oracle"))
    with pytest.raises(
        ValueError, match=r"own.yaml: unknown option 'conditioning\.\w+' \(valid with conditioning=oracle"
    ):
        load_options(f"--config-name={own}")


def test_short_and_earlier_names_of_options():
    config = load_options(
        "conditioning=joint",
        "encoder=dasr",
        "encoder_input=bands",
        "encoder_downsample=false",
        "encoder_lr=1e-3",
        "width=32",
        "fusion=mutual",
        "fusion.window=3",
        "method=simclr",
        "method.temperature=0.5",
        "positives=center3",
        "key_momentum=0.9",
        "loss.contrastive=2",
    ).conditioning
    assert (config.encoder, config.input, config.downsample, config.lr) == ("dasr", "bands", False, 1e-3)
    assert (config.width, config.fusion.name, config.fusion.window) == (32, "mutual", 3)
    assert (config.method.name, config.method.temperature, config.positives.count) == ("simclr", 0.5, 3)
    assert (config.key_momentum, config.contrastive) == (0.9, 2)
    assert load_options("conditioning=shared", "shared_blocks=3").conditioning.blocks == 3


@pytest.mark.parametrize(
    "options",
    [
        ["conditioning=joint", "encoder=dasr"],
        ["conditioning=joint", "positives=center3", "method.queue_size=32"],
        ["conditioning=joint", "method=simclr", "conditioning.lr=1e-3"],
        ["conditioning=joint", "method=byol", "views=2x24+2x16", "key_momentum=0.99"],
        ["conditioning=joint", "positives=center3", "conditioning.patches=4", "method.queue_size=32"],
        ["encoder=TRAINED", "conditioning.patches=3", "conditioning.grid=hr", "conditioning.standardise=true"],
        ["encoder=TRAINED", "conditioning.windows=0", "fusion.source=map"],
        ["conditioning=shared"],
        ["conditioning=finetune", "conditioning.lr=1e-5"],
        ["conditioning=oracle", "fusion=da_conv"],
        ["conditioning=oracle", "conditioning.r2=0.7"],
        ["conditioning=statistics", "conditioning.patches=2"],
        ["conditioning=distilled", "encoder=TRAINED"],
        ["conditioning=distilled", "encoder=TRAINED", "conditioning.contrastive=1", "method=simclr"],
        ["conditioning=distilled", "encoder=dasr", "conditioning.fixed_norm=false", "conditioning.lr=0"],
        ["conditioning=random", "encoder=dasr"],
        ["conditioning=constant", "encoder=dasr"],
        ["conditioning=none"],
        ["loss=charbonnier", "loss.frequency=0.1", "augmentation.mixup=0.5", "augmentation.channel_shuffle=0.5"],
        ["fusion=attention3x3", "fusion.source=vector", "scale=3"],
        ["degradation=dasr_aniso", "scale=4"],
        ["conditioning=joint", "encoder=dasr", "conditioning.downsample=false", "fusion=cross_attention"],
    ],
    ids=" ".join,
)
def test_ideas_are_overrides(options, encoder_path):
    given = [option.replace("TRAINED", encoder_path) for option in options]
    train_one_step(build_module(encoder_path, "--config-name=quick", *given))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["scale=5"], "scale=5 must be 2, 3 or 4"),
        (["conditioning=frosen"], "unknown conditioning 'frosen'; did you mean frozen?"),
        (["degradation=blur"], "down-samples by 1, but scale=2"),
        (["encoder=resnet50"], "needs a trained encoder"),
        (["views=2x24"], "4 LR patches of one image for each degradation"),
        (["views=2x24", "conditioning.patches=1"], "one LR patch for each degradation"),
        (["conditioning=distilled", "encoder=dasr"], "encoder=dasr is untrained, so that its batch norms have nothing"),
        (["encoder_lr=1e-4"], "encoder_lr=1e-4: unknown option 'conditioning.lr'"),
        (["loss=l2"], "loss='l2' must be one of"),
        (["conditioning=random", "encoder=TRAINED", "conditioning.input=bands"], "has its own input and strides"),
        (["fusion=attention3x3", "fusion.heads=3"], "does not divide"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_fit_is_refused(options, match, encoder_path):
    with pytest.raises(ValueError, match=match):
        build_module(encoder_path, "--config-name=quick", *(one.replace("TRAINED", encoder_path) for one in options))
