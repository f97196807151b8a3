"""The command line of every entry point: recipe + overrides -> a checked dataclass, or one sentence."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from shared.command.options import ConfigError, Group, OptionTree, near_match
from shared.command.yaml_text import parse_yaml

Schema = TypeVar("Schema")
Shorthand = Callable[[str, str], list[str]]
"""From the key and the value of an override to the overrides that it stands for."""


class Override(NamedTuple):
    """`key=value`, and the argument of the command line that it comes from."""

    key: str
    value: str
    argument: str


def load_config(
    schema: type[Schema],
    recipes: Path | None,
    arguments: list[str],
    *,
    groups: Mapping[str, Group] = {},
    shorthands: Mapping[str, Shorthand] = {},
    aliases: Mapping[str, str] = {},
) -> tuple[str, Schema]:
    """Composes a recipe with the overrides of the command line.

    A recipe is a YAML mapping of options; a group is `method: {name: moco, temperature: 0.1}` or `method: moco` there.
    On the command line `method=moco` chooses, `method.temperature=0.1` sets. `${` means nothing anywhere.

    Args:
        schema: The dataclass of all options; the field of a group is of type `Any`, or of a base of all its choices.
        recipes: Folder of the built-in recipes; None where there are none.
        arguments: `--config-name=RECIPE` (a name, or the path of a user's .yaml) and overrides `key=value`.
        groups: Dotted key -> its choices; a group may stand inside the dataclass that another one chooses.
        shorthands: Dotted key -> function to the overrides that `key=value` stands for.
        aliases: Old key -> new one, for the option itself and for those inside it; of the command line alone.

    Returns:
        The recipe's name (`options` without recipes) and the filled dataclass.

    Raises:
        ConfigError: A recipe, option or choice is unknown (the near match is named), or a value has the wrong type.
    """
    recipe, arguments = _split(arguments, recipes)
    path = _find_recipe(recipe or "quick", recipes) if recipes else None
    overrides = [new for old in arguments for new in _expand(old, aliases, shorthands, groups)]
    of_recipe = _read_recipe(path) if path else {}
    tree = OptionTree(schema, groups)
    choices = {override.key: override for override in overrides if override.key in groups}
    for key in sorted(groups, key=lambda key: key.count(".")):
        if tree.has(key):  # the choice around it has such a group
            _choose(tree, key, groups[key], choices.pop(key, None), of_recipe, path)
    with _errors_about(f"recipe {path}"):
        for name, value in of_recipe.items():
            tree.set(str(name), value)
    for override in overrides:
        if override.key not in groups or override.key in choices:  # left in choices: a group that is not there
            with _errors_about(override):
                tree.set(override.key, tree.parse(override.key, override.value))
    filled = tree.to_dataclass()
    assert isinstance(filled, schema)
    return path.stem if path else "options", filled


def named_options(name: str, options: type) -> type:
    """Puts a field `name` before a dataclass of options, so that a stored configuration says which choice it was."""
    return dataclasses.make_dataclass(
        options.__name__,
        [("name", str, dataclasses.field(default=name))],
        bases=(options, _Named),
        namespace={"__doc__": options.__doc__},
    )


@dataclass
class _Named:
    """The last of the bases of a dataclass, whose fields come first."""

    name: str = ""


def to_plain(config: Any) -> dict[str, Any]:
    """Turns a dataclass of options into plain dicts, lists, numbers and strings."""
    return dataclasses.asdict(config)


def _split(arguments: list[str], recipes: Path | None) -> tuple[str, list[str]]:
    recipe, overrides = "", []
    for argument in arguments:
        if argument.startswith("--config-name="):
            if recipes is None:
                raise ConfigError(f"{argument}: there are no recipes here, only options key=value")
            recipe = argument.partition("=")[2]
        elif argument in ("-m", "--multirun"):
            raise ConfigError("--multirun is not supported: start one run per command")
        elif argument.startswith("-") or "=" not in argument:
            hint = " (the recipe is --config-name=NAME)" if recipes else ""
            raise ConfigError(f"{argument!r} is not of the form key=value{hint}")
        else:
            overrides.append(argument)
    return recipe, overrides


def _find_recipe(recipe: str, recipes: Path) -> Path:
    path = Path(recipe)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(f"recipe {recipe}: no such file")
        return path
    known = sorted(p.stem for p in recipes.glob("*.yaml"))
    if recipe not in known:
        raise ConfigError(f"unknown recipe {recipe!r}{near_match(recipe, known)} (there are {', '.join(known)})")
    return recipes / f"{recipe}.yaml"


def _read_recipe(path: Path) -> dict[str, Any]:
    try:
        recipe = parse_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"recipe {path}: {error}") from error
    if not isinstance(recipe, dict):
        raise ConfigError(f"recipe {path}: must be a mapping of options, such as `steps: 100`")
    if "defaults" in recipe:
        raise ConfigError(
            f"recipe {path}: `defaults` is no longer read; leave it out, and write each choice as an option, such as "
            "`method: {name: moco, temperature: 0.1}`"
        )
    return recipe


def _expand(
    argument: str, aliases: Mapping[str, str], shorthands: Mapping[str, Shorthand], groups: Mapping[str, Group]
) -> list[Override]:
    """The overrides that an argument stands for."""
    key, _, value = argument.partition("=")
    old = max((old for old in aliases if key == old or key.startswith(f"{old}.")), key=len, default=None)
    if old is not None:
        key = aliases[old] + key.removeprefix(old)
    expanded = shorthands[key](key, value) if key in shorthands else [f"{key}={value}"]
    found = []
    for override in expanded:
        key, _, value = override.partition("=")
        group = key.removesuffix(".name")
        found.append(Override(group if group in groups else key, value, argument))
    return found


def _choose(
    tree: OptionTree, key: str, group: Group, override: Override | None, recipe: dict[str, Any], path: Path | None
) -> None:
    """Makes the choice of a group; what the recipe sets for another choice goes, and its name goes from the recipe."""
    *parents, name = key.split(".")
    owner: Any = recipe
    for part in parents:
        owner = owner.get(part) if isinstance(owner, dict) else None
    options = owner.pop(name, None) if isinstance(owner, dict) else None
    options = {"name": options} if isinstance(options, str) else options or {}
    with _errors_about(f"recipe {path}"):
        if not isinstance(options, dict):
            raise ConfigError(f"{key} is not a choice: write `{name}: {{name: {next(iter(group.choices))}}}`")
        if "name" in options:
            tree.choose(key, str(options.pop("name")))
    before = tree.choice(key)
    if override is not None:
        with _errors_about(override):
            tree.choose(key, override.value)
        if override.value != before:
            common = tree.names_in(key) if group.keeps_common else []
            options = {option: value for option, value in options.items() if option in common}
    elif before is None:
        raise ConfigError(f"{key} is not chosen: give {key}=NAME (there are {', '.join(group.choices)})")
    if options:
        owner[name] = options


@contextmanager
def _errors_about(source: Override | str) -> Iterator[None]:
    """Says in an error where the option comes from, unless it is as the user wrote it."""
    try:
        yield
    except ConfigError as error:
        if isinstance(source, Override):
            if source.argument.startswith((f"{source.key}=", f"{source.key}.name=")):
                raise
            source = source.argument
        raise ConfigError(f"{source}: {error}") from error
