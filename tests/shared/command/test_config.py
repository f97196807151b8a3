"""The loader of configurations: recipes, overrides, groups in groups, and what is refused."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest
from omegaconf import MISSING

from shared.command import ConfigError, Group, load_config, make_choice, to_plain


@dataclass
class Sgd:
    momentum: float = 0.9
    nesterov: bool = False


@dataclass
class Adam:
    beta: float = 0.999


@dataclass
class Frozen:
    path: str = ""


OPTIMIZERS = Group({"sgd": make_choice("sgd", Sgd), "adam": make_choice("adam", Adam)})


@dataclass
class Tuned:
    path: str = ""
    lr: float = 0.1
    optimizer: Any = field(default_factory=OPTIMIZERS.choices["adam"])


@dataclass
class Fixed:
    path: str = ""
    optimizer: Any = MISSING


SOURCES = Group(
    {name: make_choice(name, kind) for name, kind in (("frozen", Frozen), ("tuned", Tuned), ("fixed", Fixed))},
    keeps_common=True,
)


@dataclass
class Data:
    kind: str = "builtin"
    root: str | None = None
    names: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)


@dataclass
class Config:
    name: str = ""
    steps: int = 10
    lr: float = 0.5
    fast: bool = False
    limit: int | None = 3
    data: Data = field(default_factory=Data)
    source: Any = field(default_factory=SOURCES.choices["frozen"])
    model: Any = field(default_factory=OPTIMIZERS.choices["sgd"])


@dataclass
class Required:
    title: str = MISSING
    model: Any = MISSING


GROUPS = {"source.optimizer": OPTIMIZERS, "source": SOURCES, "model": OPTIMIZERS}
ALIASES = {"path": "source.path", "optimizer": "source.optimizer", "optimizer.beta1": "source.optimizer.beta"}
SHORTHANDS = {
    "data": lambda key, value: [f"{key}.kind={value}"],
    "source.path": lambda key, value: [f"{key}=/{value}"],
}


def load(*arguments: str, schema: type = Config, recipes: Path | None = None, **options) -> Any:
    options = {"groups": GROUPS, "aliases": ALIASES, "shorthands": SHORTHANDS} | options
    return load_config(schema, recipes, list(arguments), **options)[1]


@pytest.fixture
def compose(tmp_path):
    """Composes a recipe that is given as text."""

    def compose(text: str, *arguments: str) -> Any:
        (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
        return load("--config-name=mine", *arguments, recipes=tmp_path)

    return compose


def test_without_recipe_and_overrides_all_options_have_their_defaults():
    assert load_config(Config, None, [], groups=GROUPS) == ("options", Config())


def test_the_recipe_is_named_and_quick_is_the_default(tmp_path):
    (tmp_path / "quick.yaml").write_text("steps: 7")
    (tmp_path / "other.yml").write_text("steps: 8")
    assert load_config(Config, tmp_path, [])[0] == "quick"
    name, config = load_config(Config, tmp_path, [f"--config-name={tmp_path / 'other.yml'}"])
    assert (name, config.steps) == ("other", 8)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("", ""),
        ("plain", "plain"),
        ("a b  c", "a b  c"),
        ("a=b=c", "a=b=c"),
        ("C:\\new\\table", "C:\\new\\table"),
        ("$HOME/${oc.env:HOME}", "$HOME/${oc.env:HOME}"),
        ("\\${a} \\\\${b} ${", "\\${a} \\\\${b} ${"),
        ("[a, b]", "[a, b]"),
        ("{a: b}", "{a: b}"),
        ("1e-4", "1e-4"),
        ("true", "true"),
        ("null", "null"),
        ("# no comment", "# no comment"),
        ("'a b'", "a b"),
        ('"it\'s"', "it's"),
        ("'null'", "null"),
        ("''", ""),
        ("'", "'"),
        ("'a' and 'b'", "'a' and 'b'"),
        ("'a\"", "'a\""),
        ("it's", "it's"),
        ("ä\nö", "ä\nö"),
    ],
)
def test_text_is_taken_literally(argument, value):
    config = load(f"name={argument}")
    assert config.name == value
    assert to_plain(config)["name"] == value


def test_an_optional_text_may_be_null_and_the_word_in_quotes():
    assert load("data.root=a", "data.root=null").data.root is None
    assert load("data.root='null'").data.root == "null"


@pytest.mark.parametrize(
    ("key", "argument", "value"),
    [
        ("lr", "1e-4", 1e-4),
        ("lr", "2.0e-3", 2e-3),
        ("lr", "-.5E+2", -50.0),
        ("lr", "3", 3.0),
        ("steps", "010", 10),
        ("steps", "-3", -3),
        ("steps", "5  # of many", 5),
        ("fast", "true", True),
        ("fast", "False", False),
        ("limit", "null", None),
        ("limit", "", None),
        ("limit", "4", 4),
        ("data.names", "[a, 'b c', '${x}']", ["a", "b c", "${x}"]),
        ("data.names", '["${oc.env:HOME}", "\\\\${x}"]', ["${oc.env:HOME}", "\\${x}"]),
        ("data.names", "[]", []),
        ("data.sizes", "[1,2]", [1, 2]),
        ("data", "folder", Data(kind="folder")),
    ],
)
def test_all_other_options_are_yaml_of_their_type(key, argument, value):
    found: Any = load(f"{key}={argument}")
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value
    assert type(found) is type(value)


def test_the_last_of_two_overrides_counts():
    config = load("steps=1", "model=adam", "steps=2", "model=sgd")
    assert (config.steps, config.model.name) == (2, "sgd")


def test_a_choice_and_its_options_in_any_order():
    for arguments in (
        ["model=adam", "model.beta=0.5"],
        ["model.beta=0.5", "model=adam"],
        ["model.beta=0.5", "model.name=adam"],
    ):
        config = load(*arguments)
        assert isinstance(config.model, Adam)
        assert to_plain(config)["model"] == {"name": "adam", "beta": 0.5}


def test_the_name_is_the_first_field_and_the_docstring_stays():
    kind = make_choice("tuned", Tuned)
    assert [field.name for field in fields(kind)] == ["name", "path", "lr", "optimizer"]
    assert kind().name == "tuned"
    assert issubclass(kind, Tuned)
    assert kind.__doc__ == Tuned.__doc__


@pytest.mark.parametrize("model", ["{name: adam, beta: 1e-4}", "\n  name: adam\n  beta: 1.0e-4"])
def test_a_choice_of_the_recipe(compose, model):
    config = compose(f"model: {model}\nlr: 2e-3\ndata: {{names: [a]}}")
    assert to_plain(config)["model"] == {"name": "adam", "beta": 1e-4}
    assert (config.lr, config.data.names) == (2e-3, ["a"])
    assert compose(f"model: {model}", "model=adam").model.beta == 1e-4
    assert compose(f"model: {model}", "model.beta=2").model.beta == 2
    assert compose(f"model: {model}", "model=sgd").model.momentum == 0.9


def test_a_choice_of_the_recipe_without_options(compose):
    assert compose("model: adam").model == OPTIMIZERS.choices["adam"]()
    assert compose("model: adam", "model=sgd", "model.nesterov=true").model.nesterov


def test_options_of_the_default_choice(compose):
    assert compose("model: {momentum: 0.1}").model.momentum == 0.1
    assert compose("model: {momentum: 0.1}", "model=sgd").model.momentum == 0.1
    assert compose("model: {momentum: 0.1}", "model=adam").model == OPTIMIZERS.choices["adam"]()


def test_common_options_are_kept_if_the_group_keeps_them(compose):
    recipe = "source: {name: tuned, path: /a, lr: 3, optimizer: {name: sgd, momentum: 0.2}}"
    assert to_plain(compose(recipe, "source=frozen"))["source"] == {"name": "frozen", "path": "/a"}
    fixed = compose(recipe, "source=fixed")
    assert (fixed.source.path, fixed.source.optimizer.momentum) == ("/a", 0.2)
    assert compose(recipe, "source=fixed", "source.optimizer=adam").source.optimizer.beta == 0.999
    assert compose(recipe, "source=tuned").source.lr == 3


def test_a_group_inside_a_choice(compose):
    assert load("source=tuned").source.optimizer.name == "adam"
    config = load("source.optimizer.momentum=0.3", "source.optimizer=sgd", "source=tuned")
    assert config.source.optimizer.momentum == 0.3
    recipe = "source:\n  name: tuned\n  optimizer: sgd"
    assert compose(recipe).source.optimizer.name == "sgd"
    assert compose(recipe, "source.optimizer=adam", "source.optimizer.beta=0").source.optimizer.beta == 0
    assert not hasattr(compose(recipe, "source=frozen").source, "optimizer")


def test_aliases_are_resolved_only_on_the_command_line(compose):
    config = load("source=tuned", "optimizer=sgd", "optimizer.momentum=0.4")
    assert (config.source.optimizer.name, config.source.optimizer.momentum) == ("sgd", 0.4)
    assert load("source=tuned", "optimizer.beta1=0.4").source.optimizer.beta == 0.4
    assert load("path=a").source.path == "/a"  # the shorthand of the new key
    with pytest.raises(ConfigError, match="mine.yaml: unknown option 'path'"):
        compose("path: a")
    with pytest.raises(
        ConfigError, match="optimizer=sgd: unknown option 'source.optimizer' .valid with source=frozen: "
    ):
        load("optimizer=sgd")


def test_nothing_is_an_interpolation_in_a_recipe(compose, monkeypatch):
    monkeypatch.setenv("SECRET", "7")
    config = compose("name: ${oc.env:SECRET}\ndata: {root: 'a${', names: ['${name}', \"\\\\${x}\"]}")
    assert (config.name, config.data.root, config.data.names) == ("${oc.env:SECRET}", "a${", ["${name}", "\\${x}"])
    with pytest.raises(ConfigError, match=r"mine.yaml: steps: Value '\$\{oc.env:SECRET\}' is text"):
        compose("steps: ${oc.env:SECRET}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["stesp=5"],
            r"^unknown option 'stesp'; did you mean steps\? \(valid: name, steps, lr, fast, limit, data, source",
        ),
        (["=5"], "^unknown option '' "),
        (["a..b=5"], "^unknown option 'a..b' "),
        (["steps.x=5"], r"^unknown option 'steps.x'; did you mean steps\? \(valid: name, steps"),
        (["dta.root=5"], "^unknown option 'dta.root'; did you mean data.root?"),
        (
            ["data.rot=5"],
            r"^unknown option 'data.rot'; did you mean data.root\? \(valid: data.kind, data.root, data.names",
        ),
        (["+steps=5"], r"^unknown option '\+steps'; did you mean steps"),
        (["model.moment=5"], r"^unknown option 'model.moment'; did you mean model.momentum\? \(valid with model=sgd: "),
        (
            ["model.beta=5"],
            "^unknown option 'model.beta' .valid with model=sgd: model.momentum, model.nest",
        ),
        (["model=adm"], r"^unknown model 'adm'; did you mean adam\? \(there are sgd, adam\)$"),
        (["model="], r"^unknown model '' \(there are sgd, adam\)$"),
        (["source=tuned", "source.optimizer=adm"], "^unknown source.optimizer 'adm'; did you mean adam"),
        (["source.optimizer=adam"], "^unknown option 'source.optimizer' .valid with source=frozen: source.path"),
        (["source.optimizer.beta=1"], "^unknown option 'source.optimizer.beta' .valid with source=frozen: source.path"),
        (["steps=many"], "^steps: Value 'many' of type 'str' could not be converted to Integer$"),
        (["steps=1.5"], "^steps: Value '1.5' of type 'float' could not be converted to Integer$"),
        (["steps="], "^steps: field 'steps' is not Optional$"),
        (["steps=${x}"], r"^steps: Value '\$\{x\}' is text, which this option does not accept$"),
        (["lr=fast"], "^lr: Value 'fast' of type 'str' could not be converted to Float$"),
        (["fast=maybe"], "^fast: Value 'maybe' is not a valid bool"),
        (["steps=[1"], r"^steps: '\[1' is not valid YAML, line 1: expected ',' or '\]'"),
        (["steps=*x"], "^steps: '[*]x' is not valid YAML, line 1: found undefined alias"),
        (["data.names=a"], "^data.names: Invalid value assigned: str is not a ListConfig, list or tuple.$"),
        (["data.sizes=[1,a]"], "^data.sizes: Value 'a' of type 'str' could not be converted to Integer$"),
        (["data.sizes=['${x}']"], "^data.sizes: .*could not be converted to Integer$"),
        (["data.names={a: 1, a: 2}"], "^data.names: .* is not valid YAML, line 1: 'a' is given twice$"),
        (["name=???"], "^name: Missing mandatory value: name$"),
        (["steps"], "^'steps' is not of the form key=value$"),
        (["--fast"], "^'--fast' is not of the form key=value$"),
        (["~steps"], "^'~steps' is not of the form key=value$"),
        (["-m", "steps=1,2"], "^--multirun is not supported: start one run per command$"),
        (["--config-name=quick"], "^--config-name=quick: there are no recipes here"),
        (["na\nme=5"], "^unknown option 'na.*nme'"),
    ],
)
def test_an_error_on_the_command_line_is_one_sentence(arguments, message):
    with pytest.raises(ConfigError, match=message) as raised:
        load(*arguments)
    assert "\n" not in str(raised.value)


def test_a_group_of_options_cannot_have_a_single_value():
    message = "^data is a group of options: set data.kind, data.root, data.names, data.sizes$"
    with pytest.raises(ConfigError, match=message):
        load("data=folder", shorthands={})
    assert load("data={kind: folder, root: /a}", shorthands={}).data == Data("folder", "/a")


def test_the_name_of_a_choice_cannot_be_set(compose):
    with pytest.raises(ConfigError, match="mine.yaml: model.name cannot be set: give model=adam$"):
        compose("model.name: adam")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("stesp: 5", "unknown option 'stesp'; did you mean steps"),
        ("5: 5", "unknown option '5'"),
        ("data: {rot: a}", "unknown option 'data.rot'; did you mean data.root"),
        ("data: folder", "data is a group of options: set data.kind, data.root"),
        ("data:", "data is a group of options"),
        ("model: adm", r"unknown model 'adm'; did you mean adam\? \(there are sgd, adam\)"),
        ("model: {name: adam, momentum: 1}", "unknown option 'model.momentum' .valid with model=adam: "),
        ("model: [adam]", "model is not a choice: write `model: {name: sgd}`"),
        ("model: 5", "model is not a choice"),
        ("source: {name: frozen, optimizer: adam}", "unknown option 'source.optimizer' .valid with source=frozen"),
        ("source: {name: tuned, optimizer: adm}", "unknown source.optimizer 'adm'; did you mean adam"),
        ("source: fixed", None),
        ("steps: many", "steps: Value 'many' of type 'str' could not be converted to Integer"),
        ("steps: null", "steps: field 'steps' is not Optional"),
        ("name: [a]", "name: Cannot convert 'list' to string"),
        ("steps: 1\nlr: [", "not valid YAML, line 2: "),
        ("steps: 1\nsteps: 2", "not valid YAML, line 2: 'steps' is given twice"),
        ("- steps", "must be a mapping of options"),
        ("", "must be a mapping of options"),
        ("defaults: [schema, {model: adam}, _self_]", "`defaults` is no longer supported; .*`method: {name: moco, "),
    ],
)
def test_an_error_in_a_recipe_names_the_file(compose, tmp_path, recipe, message):
    if message is None:
        message, start = r"source.optimizer is not chosen: give source.optimizer=NAME \(there are sgd, adam\)", "^"
    else:
        start = f"^recipe {tmp_path}/mine.yaml: "
    with pytest.raises(ConfigError, match=start + message) as raised:
        compose(recipe)
    assert "\n" not in str(raised.value)


def test_errors_in_the_name_of_a_recipe(tmp_path):
    for name in ("quick", "other"):
        (tmp_path / f"{name}.yaml").write_text("steps: 1")
    with pytest.raises(ConfigError, match=r"^unknown recipe 'quik'; did you mean quick\? \(there are other, quick\)$"):
        load("--config-name=quik", recipes=tmp_path)
    with pytest.raises(ConfigError, match="^recipe /no/such.yaml: no such file$"):
        load("--config-name=/no/such.yaml", recipes=tmp_path)
    with pytest.raises(
        ConfigError, match=r"^'steps' is not of the form key=value \(the recipe is --config-name=NAME\)$"
    ):
        load("steps", recipes=tmp_path)


def test_an_option_without_default_is_required():
    groups = {"model": OPTIMIZERS}
    with pytest.raises(ConfigError, match=r"^model is not chosen: give model=NAME \(there are sgd, adam\)$"):
        load("title=a", schema=Required, groups=groups)
    with pytest.raises(ConfigError, match=r"^title has no value: give title=\.\.\.$"):
        load("model=adam", schema=Required, groups=groups)
    assert load("model=adam", "title=a", schema=Required, groups=groups).model.name == "adam"


def test_an_error_in_a_shorthand_or_an_alias_quotes_the_argument():
    with pytest.raises(ConfigError, match="^data=3: steps: Value 'x'"):
        load("data=3", shorthands={"data": lambda key, value: ["steps=x"]})
    with pytest.raises(ConfigError, match="^old=x: steps: Value 'x'"):
        load("old=x", aliases={"old": "steps"})
