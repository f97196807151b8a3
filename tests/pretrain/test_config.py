"""Options and recipes of pretraining: overrides, refused values, and the headers of recipes."""

from pathlib import Path

import pytest

from pretrain.config import GROUPS, SHORTHANDS, PretrainConfig
from pretrain.train import RECIPES
from shared.command import ConfigError, load_config, to_plain


def load(*arguments: str) -> PretrainConfig:
    _, config = load_config(PretrainConfig, RECIPES, list(arguments), groups=GROUPS, shorthands=SHORTHANDS)
    config.check()
    return config


@pytest.mark.parametrize("recipe", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_recipe_composes_and_stays_short(recipe):
    config = load(f"--config-name={recipe}")
    assert config.method_name in GROUPS["method"].choices
    lines = (RECIPES / f"{recipe}.yaml").read_text().splitlines()
    assert len(lines) <= 60
    assert lines[0].startswith("# ")


def test_documented_overrides():
    config = load(
        "name=a",
        "runs_dir=/tmp/x",
        "seed=3",
        "steps=7",
        "batch_size=6",
        "checkpoint_every=2",
        "precision=fp32",
        "data=folder",
        "data.root=/p q/ä",
        "encoder=resnet18",
        "method=byol",
        "degradation=blur_noise",
        "views=2x48+4x32",
        "positives=1",
    )
    assert (config.name, config.runs_dir, config.seed, config.steps) == ("a", "/tmp/x", 3, 7)
    assert (config.batch_size, config.checkpoint_every, config.precision) == (6, 2, "fp32")
    assert (config.data.kind, config.data.root) == ("folder", "/p q/ä")
    assert (config.encoder.name, config.method_name, config.degradation) == ("resnet18", "byol", "blur_noise")
    assert (config.views.crops, config.positives.count) == ("2x48+4x32", 1)


def test_one_idea_is_one_override():
    config = load("--config-name=moco_resnet50", "positives=center5", "views=6x64", "key_momentum=0.995")
    assert (config.positives.aggregate, config.positives.count, config.key_momentum) == ("center", 5, 0.995)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stpes=5"], "unknown option 'stpes'; did you mean steps?"),
        (["steps=many"], "steps: Value 'many'.*Integer"),
        (["method=mocco"], "unknown method 'mocco'; did you mean moco?"),
        (["method=moco", "method.temprature=1"], "'method.temprature'; did you mean method.temperature?"),
        (["optimizer.lrr=1"], "'optimizer.lrr'; did you mean optimizer.lr?"),
        (["--config-name=quik"], "unknown recipe 'quik'; did you mean quick?"),
        (["--config-name=/no/such.yaml"], "no such file"),
        (["seed"], "not of the form key=value"),
        (["--multirun", "seed=1,2"], "--multirun is not supported"),
        (["positives=centre5"], "positives='centre5' is not"),
        (["positives=center5"], "uses 6 large views per row, the views give 2"),
        (["precision=fp8"], "precision='fp8' must be one of auto, fp32, bf16"),
        (["steps=0"], "steps=0 must be at least 1"),
        (["batch_size=6", "accumulation=4"], "cannot be divided into accumulation=4"),
        (["batch_size=6", "devices=4"], "cannot be divided among 4 devices"),
        (["key_momentum=1.5"], r"key_momentum=1.5 must be within 0\.\.1, or auto"),
        (["key_momentum=fast"], r"key_momentum=fast must be within 0\.\.1, or auto"),
        (["key_momentum_end=high"], r"key_momentum_end=high must be within 0\.\.1"),
        (["ema=1"], "ema=1.0 must be within"),
        (["optimizer.name=adam"], "optimizer.name='adam' must be one of adamw, sgd, lars"),
        (["views=2x8"], "at least 16 pixels"),
        (["views.other_images=0.5", "views.images=2"], "give one of the two"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as raised:
        load(*arguments)
    assert "\n" not in str(raised.value).strip()


def test_typos_inside_a_users_recipe_are_refused(tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("method: moco\nsteps: 4\nviews: {crosp: 2x64}\n")
    with pytest.raises(ConfigError, match=r"'views.crosp'; did you mean views.crops\?"):
        load(f"--config-name={recipe}")
    recipe.write_text("method: moco\nsteps: 4\n")
    assert load(f"--config-name={recipe}").steps == 4


def test_the_stored_configuration_is_plain_and_names_the_method():
    plain = to_plain(load("method=fastsiam", "positives=center3", "views=4x64"))
    assert plain["method"]["name"] == "fastsiam"
    assert isinstance(plain["encoder"], dict)


def test_recipe_headers_give_the_command_and_the_scores():
    for path in sorted(Path(RECIPES).glob("*.yaml")):
        header = [line for line in path.read_text().splitlines() if line.startswith("#")]
        assert any("make pretrain" in line for line in header), path.name
        assert any("kNN" in line for line in header), path.name
