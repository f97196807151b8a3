"""The command line of every entry point: recipe + overrides -> a checked dataclass, or one sentence."""

import dataclasses
import difflib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from hydra import compose, initialize
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from shared.command.unread_options import Unread, without_unread

Schema = TypeVar("Schema")


class ConfigError(ValueError):
    """Something on the command line or in a recipe is not right; the message is one sentence."""


def load_config(
    schema: type[Schema], recipes: Path | None, arguments: list[str], *,
    groups: dict[str, dict[str, type]], shorthands: dict[str, Callable[[str], list[str]]],
    unread: Unread | None = None,
) -> tuple[str, Schema]:  # fmt: skip
    """Compose a recipe with overrides.

    Args:
        schema: the dataclass that the result is checked against; recipes name it as `schema` in their defaults.
        recipes: folder of the built-in recipes; None where there are none, and the dataclass's defaults are all.
        arguments: `--config-name=RECIPE` (a name, or the path of a user's .yaml) and overrides `key=value`.
        groups: group -> choice -> dataclass, selected by `group=choice`.
        shorthands: key -> function from the value of `key=value` to the overrides it stands for.
        unread: options that nothing reads beside the value of another, see `shared.command.unread_options`.

    Returns:
        The recipe's name (`options` without recipes) and the filled dataclass.

    Raises:
        ConfigError: unknown recipe, option or choice (with the near match), or a value of the wrong type.
    """
    recipe, overrides = _split(arguments)
    if recipes is None and recipe:
        raise ConfigError(f"--config-name={recipe}: there are no recipes here, only options key=value")
    path = _find_recipe(recipe or "quick", recipes) if recipes else None
    name = path.stem if path else "options"
    expanded = [new for old in overrides for new in _expand(old, shorthands)]
    _check_keys(schema, groups, expanded)
    store = ConfigStore.instance()
    store.store(name="schema", node=schema)
    for group, choices in groups.items():
        for choice, node in choices.items():
            store.store(group=group, name=choice, node=node)
    GlobalHydra.instance().clear()
    try:
        options = _read_recipe(path, expanded, groups) if path else {"defaults": ["schema"]}
        if unread:
            said = {old: _expand(old, shorthands) for old in overrides}
            options = _without_unread(options, said, unread, schema)
        store.store(name=name, node=options)
        with initialize(config_path=None, version_base="1.3"):
            composed = compose(name, overrides=[_quoted(override, schema) for override in expanded])
        filled = OmegaConf.to_object(composed)
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise ConfigError(_one_sentence(error, schema, groups, name)) from error
    if not isinstance(filled, schema):
        raise ConfigError(f"recipe {name}: its defaults list must begin with `schema`")
    return name, filled


def to_plain(config: Any) -> dict[str, Any]:
    """A config dataclass as plain dicts, lists, numbers and strings."""
    plain = OmegaConf.to_container(OmegaConf.structured(config))
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _split(arguments: list[str]) -> tuple[str, list[str]]:
    recipe, overrides = "", []
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


def _find_recipe(recipe: str, recipes: Path) -> Path:
    path = Path(recipe)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(f"recipe {recipe}: no such file")
        return path
    known = sorted(p.stem for p in recipes.glob("*.yaml"))
    if recipe not in known:
        raise ConfigError(f"unknown recipe {recipe!r}{_near(recipe, known)} (there are {', '.join(known)})")
    return recipes / f"{recipe}.yaml"


def _read_recipe(path: Path, overrides: list[str], groups: dict[str, dict[str, type]]) -> dict[str, Any]:
    """The recipe; the options it sets for one choice of a group go when the command line makes another choice."""
    recipe = OmegaConf.to_container(OmegaConf.load(path))
    if not isinstance(recipe, dict):
        raise ConfigError(f"recipe {path}: must be a mapping that begins with `defaults`")
    own: dict[str, Any] = {}
    for entry in recipe.get("defaults", []):
        own |= entry if isinstance(entry, dict) else {}
    for override in overrides:
        key, _, value = override.partition("=")
        if key in groups and value != own.get(key):
            recipe.pop(key, None)
    return {str(key): value for key, value in recipe.items()}


def _without_unread(recipe: dict[str, Any], said: dict[str, list[str]], unread: Unread, schema: type) -> dict[str, Any]:
    """See `without_unread`; defaults are those of a schema."""

    def default_of(option: str) -> Any:
        found: Any = schema
        for part in option.split("."):
            field = next(one for one in dataclasses.fields(found) if one.name == part)
            found = field.type if dataclasses.is_dataclass(field.type) else field.default
        return found

    try:
        return without_unread(recipe, said, unread, default_of)
    except ValueError as error:
        raise ConfigError(str(error)) from error


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


def _quoted(override: str, schema: Any) -> str:
    """Texts reach Hydra in quotes, so that a path may hold spaces and any letters."""
    key, _, value = override.partition("=")
    owner, _, name = key.rpartition(".")
    for part in owner.split(".") if owner else []:
        schema = next((f.type for f in dataclasses.fields(schema) if f.name == part), None)
        if not dataclasses.is_dataclass(schema):
            return override
    is_text = any(f.name == name and f.type in (str, str | None) for f in dataclasses.fields(schema))
    if not is_text or value == "null" or value[:1] in ("'", '"'):
        return override
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{key}='{escaped}'"


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
    """What Hydra and OmegaConf say over several exceptions and lines, in one."""
    chain: list[BaseException] = [error]
    while (link := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(link)
    everything = "\n".join(str(link) for link in chain)
    theirs = [link for link in chain if isinstance(link, (HydraException, OmegaConfBaseException, YAMLError))]
    innermost = [link for link in theirs if "$VALUE" not in str(link)][-1]  # OmegaConf's templates are links too
    full_key = re.search(r"full_key: (\S+)", everything)
    unknown = re.search(r"Key '([^']+)' (?:not in '(\w+)'|is not in struct)", everything)
    if unknown is None:
        where = f"{full_key[1]}: " if full_key else ""
        return f"{name}: {where}{str(innermost).splitlines()[0]}"
    nodes = {node.__name__: (group, node) for group, choices in groups.items() for node in choices.values()}
    group, node = nodes.get(unknown[2] or "", ("", None))
    key = full_key[1] if full_key else f"{group}.{unknown[1]}".lstrip(".")
    if node is None:
        known = _fields(schema)
        return f"{name}: unknown option {key!r}{_near(key, known)} (valid: {', '.join(_siblings(key, known))})"
    valid = [f"{group}.{field.name}" for field in dataclasses.fields(node)]
    return f"{name}: unknown option {key!r}{_near(key, valid)} (valid: {', '.join(valid)})"
