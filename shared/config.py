"""The command line of every entry point: recipe + overrides -> a checked dataclass, or one sentence."""

import dataclasses
import difflib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

Schema = TypeVar("Schema")


class ConfigError(ValueError):
    """Something on the command line or in a recipe is not right; the message is one sentence."""


def stop(program: str, error: BaseException | str) -> NoReturn:
    """Print one line and leave with status 2."""
    print(f"{program}: {' '.join(str(error).split())}", file=sys.stderr)
    raise SystemExit(2)


def load_config(
    schema: type[Schema], recipes: Path, arguments: list[str], *,
    groups: dict[str, dict[str, type]], shorthands: dict[str, Callable[[str], list[str]]],
) -> tuple[str, Schema]:  # fmt: skip
    """Compose a recipe with overrides.

    Args:
        schema: the dataclass that the result is checked against; recipes name it as `schema` in their defaults.
        recipes: folder of the built-in recipes.
        arguments: `--config-name=RECIPE` (a name, or the path of a user's .yaml) and overrides `key=value`.
        groups: group -> choice -> dataclass, selected by `group=choice`.
        shorthands: key -> function from the value of `key=value` to the overrides it stands for.

    Returns:
        The recipe's name and the filled dataclass.

    Raises:
        ConfigError: unknown recipe, option or choice (with the near match), or a value of the wrong type.
    """
    recipe, overrides = _split(arguments)
    folder, name = _find_recipe(recipe, recipes)
    store = ConfigStore.instance()
    store.store(name="schema", node=schema)
    for group, choices in groups.items():
        for choice, node in choices.items():
            store.store(group=group, name=choice, node=node)
    expanded = [new for old in overrides for new in _expand(old, shorthands)]
    _check_keys(schema, groups, expanded)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(folder.resolve()), version_base="1.3"):
            composed = compose(name, overrides=expanded)
        filled = OmegaConf.to_object(composed)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(_one_sentence(error, schema, groups, name)) from error
    if not isinstance(filled, schema):
        raise ConfigError(f"recipe {name}: its defaults list must begin with `schema`")
    return name, filled


def to_yaml(config: Any) -> str:
    """A config dataclass as YAML."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def to_plain(config: Any) -> dict[str, Any]:
    """A config dataclass as plain dicts, lists, numbers and strings."""
    plain = OmegaConf.to_container(OmegaConf.structured(config))
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _split(arguments: list[str]) -> tuple[str, list[str]]:
    recipe, overrides = "quick", []
    for argument in arguments:
        if argument.startswith("--config-name="):
            recipe = argument.partition("=")[2]
        elif argument in ("-m", "--multirun"):
            raise ConfigError("--multirun is not supported: start one run per command")
        elif argument.startswith("-") or "=" not in argument:
            raise ConfigError(f"{argument!r} is not of the form key=value (the recipe is --config-name=NAME)")
        else:
            overrides.append(argument)
    return recipe, overrides


def _find_recipe(recipe: str, recipes: Path) -> tuple[Path, str]:
    path = Path(recipe)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(f"recipe {recipe}: no such file")
        return path.parent, path.stem
    known = sorted(p.stem for p in recipes.glob("*.yaml"))
    if recipe not in known:
        raise ConfigError(f"unknown recipe {recipe!r}{_near(recipe, known)} (there are {', '.join(known)})")
    return recipes, recipe


def _expand(override: str, shorthands: dict[str, Callable[[str], list[str]]]) -> list[str]:
    key, _, value = override.partition("=")
    return shorthands[key](value) if key in shorthands else [override]


def _fields(schema: Any, prefix: str = "") -> list[str]:
    found = []
    for field in dataclasses.fields(schema):
        found.append(prefix + field.name)
        if dataclasses.is_dataclass(field.type):
            found += _fields(field.type, f"{prefix}{field.name}.")
    return found


def _check_keys(schema: Any, groups: dict[str, dict[str, type]], overrides: list[str]) -> None:
    known = _fields(schema)
    for override in overrides:
        key, _, value = override.partition("=")
        key = key.lstrip("+~")
        if key in groups:
            if value not in groups[key]:
                raise ConfigError(
                    f"unknown {key} {value!r}{_near(value, groups[key])} (there are {', '.join(groups[key])})"
                )
        elif key.split(".")[0] in groups:
            continue  # the chosen dataclass is known only after composing
        elif key not in known:
            raise ConfigError(f"unknown option {key!r}{_near(key, known)} (valid: {', '.join(_siblings(key, known))})")


def _siblings(key: str, known: list[str]) -> list[str]:
    parent, _, _ = key.rpartition(".")
    inside = [k for k in known if k.rpartition(".")[0] == parent]
    return inside or [k for k in known if "." not in k]


def _near(text: str, known: Any) -> str:
    near = difflib.get_close_matches(text, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _one_sentence(error: BaseException, schema: Any, groups: dict[str, dict[str, type]], name: str) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None and isinstance(cause.__cause__, (HydraException, OmegaConfBaseException)):
        cause = cause.__cause__
    full_key = getattr(cause, "full_key", None)
    text = str(cause).split("\n")[0]
    unknown = re.search(r"Key '([^']+)' (?:not in|is not in struct)", str(cause))
    if unknown:
        known = _fields(schema) + [
            f"{group}.{field.name}"
            for group, nodes in groups.items()
            for n in nodes.values()
            for field in dataclasses.fields(n)
        ]
        key = full_key or unknown[1]
        inside = re.search(r"not in '(\w+)'", str(cause))
        valid = next((n for ns in groups.values() for n in ns.values() if inside and n.__name__ == inside[1]), None)
        choices = f" (valid: {', '.join(f.name for f in dataclasses.fields(valid))})" if valid else ""
        return f"{name}: unknown option {key!r}{_near(key, known)}{choices}"
    return f"{name}: {full_key + ': ' if full_key else ''}{text}"


def as_dict_config(config: Any) -> DictConfig:
    """A config dataclass as an OmegaConf node, for comparing and printing."""
    node = OmegaConf.structured(config)
    assert isinstance(node, DictConfig)
    return node
