"""Configurations: a recipe and the overrides of the command line are merged into a checked dataclass."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from shared.bounds import check_bounds
from shared.command.options import ConfigError, Group, OptionTree, suggest
from shared.yaml_text import read_yaml

Schema = TypeVar("Schema")
Shorthand = Callable[[str, str], list[str]]
"""Function from the key and the value of an override to the overrides that it abbreviates."""


class Override(NamedTuple):
    """An option `key=value`, and the argument of the command line that it comes from."""

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
    """Merges a recipe with the overrides of the command line.

    A recipe is a YAML mapping of options, in which a group is written as `method: {name: moco, temperature: 0.1}` or
    `method: moco`. On the command line, `method=moco` makes the choice and `method.temperature=0.1` sets an option of
    it. `${` has no special meaning.

    Args:
        schema: Dataclass of all options. The field of a group has the type `Any`, or a base class of all its choices.
        recipes: Folder of the built-in recipes; None if there are none.
        arguments: Overrides `key=value`, and `--config-name=RECIPE`, a name or the path of a user's .yaml.
        groups: Groups by dotted key. A group may be an option of a choice of another group.
        shorthands: Functions from `key=value` to the overrides that it abbreviates, by dotted key.
        aliases: New keys by old key, for options and groups of options; only on the command line.

    Returns:
        Name of the recipe (`options` if there are no recipes) and the filled dataclass.

    Raises:
        ConfigError: A recipe, option or choice is unknown (the message suggests the nearest), a value has the wrong
            type, or a number is out of the bounds of its option.
    """
    recipe, arguments = _split_recipe(arguments, recipes)
    path = _find_recipe(recipe or "quick", recipes) if recipes else None
    overrides = [new for old in arguments for new in _expand(old, aliases, shorthands, groups)]
    recipe_options = _read_recipe(path) if path else {}
    tree = OptionTree(schema, groups)
    choices = {override.key: override for override in overrides if override.key in groups}
    for key in sorted(groups, key=lambda key: key.count(".")):  # outer groups first
        if tree.has(key):
            _choose(tree, key, groups[key], choices.pop(key, None), recipe_options, path)
    with _add_source_to_errors(f"recipe {path}"):
        for name, value in recipe_options.items():
            tree.set(str(name), value)
    for override in overrides:
        # the remaining choices are of groups that the chosen options do not have: `set` refuses them
        if override.key not in groups or override.key in choices:
            with _add_source_to_errors(override):
                tree.set(override.key, tree.parse(override.key, override.value))
    filled = tree.to_dataclass()
    assert isinstance(filled, schema)
    try:
        check_bounds(filled)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return path.stem if path else "options", filled


def make_choice(name: str, options: type) -> type:
    """Makes a choice of a group: a dataclass of options whose first field is `name`.

    A stored configuration then names the choice that was made.

    Args:
        name: Name of the choice.
        options: Dataclass of its options, which becomes a base of the new one.
    """
    return dataclasses.make_dataclass(
        options.__name__,
        [("name", str, dataclasses.field(default=name))],
        bases=(options, _NameField),
        namespace={"__doc__": options.__doc__},
    )


@dataclass
class _NameField:
    """Last base class of a choice: a dataclass puts the fields of its last base first."""

    name: str = ""


def to_plain(config: Any) -> dict[str, Any]:
    """Converts a dataclass of options to plain dicts, lists, numbers and strings."""
    return dataclasses.asdict(config)


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields dotted key and value of nested mappings."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def print_config(config: Any, per_step: Mapping[str, float]) -> None:
    """Prints a dataclass of options, and what an optimiser step sees, as JSON."""
    print(json.dumps({"options": to_plain(config), "per_step": dict(per_step)}, indent=1))


def _split_recipe(arguments: list[str], recipes: Path | None) -> tuple[str, list[str]]:
    """Splits arguments into the name of the recipe, empty if none is given, and the overrides."""
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
        return path
    known = sorted(p.stem for p in recipes.glob("*.yaml"))
    if recipe not in known:
        raise ConfigError(f"unknown recipe {recipe!r}{suggest(recipe, known)} (there are {', '.join(known)})")
    return recipes / f"{recipe}.yaml"


def _read_recipe(path: Path) -> dict[str, Any]:
    try:
        recipe = read_yaml(path)
    except ValueError as error:
        raise ConfigError(f"recipe {error}") from error
    if not isinstance(recipe, dict):
        raise ConfigError(f"recipe {path}: must be a mapping of options, such as `steps: 100`")
    if "defaults" in recipe:
        raise ConfigError(
            f"recipe {path}: `defaults` is no longer supported; remove it and write each choice as an option, such as "
            "`method: {name: moco, temperature: 0.1}`"
        )
    return recipe


def _expand(
    argument: str, aliases: Mapping[str, str], shorthands: Mapping[str, Shorthand], groups: Mapping[str, Group]
) -> list[Override]:
    """Resolves the aliases and shorthands of an argument `key=value`."""
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
    """Makes the choice of a group, and removes its name and the options of another choice from the recipe."""
    *parents, name = key.split(".")
    owner: Any = recipe
    for part in parents:
        owner = owner.get(part) if isinstance(owner, dict) else None
    options = owner.pop(name, None) if isinstance(owner, dict) else None
    options = {"name": options} if isinstance(options, str) else options or {}
    with _add_source_to_errors(f"recipe {path}"):
        if not isinstance(options, dict):
            raise ConfigError(f"{key} is not a choice: write `{name}: {{name: {next(iter(group.choices))}}}`")
        if "name" in options:
            tree.choose(key, str(options.pop("name")))
    recipe_choice = tree.find_choice(key)
    if override is not None:
        with _add_source_to_errors(override):
            tree.choose(key, override.value)
        if override.value != recipe_choice:
            common = tree.list_names(key) if group.keeps_common else []
            options = {option: value for option, value in options.items() if option in common}
    elif recipe_choice is None:
        raise ConfigError(f"{key} is not chosen: give {key}=NAME (there are {', '.join(group.choices)})")
    if options:
        owner[name] = options


@contextmanager
def _add_source_to_errors(source: Override | str) -> Iterator[None]:
    """Puts the source of an option before an error about it, unless the error already names it as the user wrote it."""
    try:
        yield
    except ConfigError as error:
        if isinstance(source, Override):
            if source.argument.startswith((f"{source.key}=", f"{source.key}.name=")):
                raise
            source = source.argument
        raise ConfigError(f"{source}: {error}") from error
