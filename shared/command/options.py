"""A tree of dataclasses of options that is filled key by key, with errors in one sentence."""

import dataclasses
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from shared.yaml_text import parse_yaml

_TEXT_TYPES = (str, str | None)
_LONG_WORD = re.compile(r"(\S{60})\S{200,}")  # such as a value that is not text at all
_INTERPOLATION = re.compile(r"(\\*)\$\{")


class ConfigError(ValueError):
    """An error on the command line or in a recipe, described in one sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(_LONG_WORD.sub(r"\1...", " ".join(sentence.splitlines())))


@dataclass(frozen=True)
class Group:
    """An option whose value is one of several dataclasses of options.

    Attributes:
        choices: Dataclasses by name; the first field of each is `name`, see `shared.command.config.make_choice`.
        keeps_common: Whether, when the command line makes another choice than the recipe, those options of the recipe
            are kept that the new choice has too. Otherwise all of them are dropped.
    """

    choices: Mapping[str, type]
    keeps_common: bool = False


class OptionTree:
    """The options of a program, addressed by dotted keys.

    Args:
        schema: Dataclass of all options.
        groups: Groups by key.
    """

    def __init__(self, schema: type, groups: Mapping[str, Group]) -> None:
        self._root = OmegaConf.structured(schema)
        self._groups = groups

    def has(self, key: str) -> bool:
        """Whether an option exists under the choices made so far."""
        parent, _, name = key.rpartition(".")
        return name in self.list_names(parent)

    def list_names(self, key: str) -> list[str]:
        """Lists the names of the options inside an option; the empty key is the root."""
        node = self._root
        for part in key.split(".") if key else []:
            if part not in _field_names(node) or OmegaConf.is_missing(node, part):
                return []
            node = node[part]
        return _field_names(node)

    def find_choice(self, group: str) -> str | None:
        """Returns the name of the current choice of a group; None if there is no choice yet."""
        owner, name = self._locate(group)
        return None if OmegaConf.is_missing(owner, name) else str(owner[name].name)

    def choose(self, group: str, choice: str) -> None:
        """Makes the choice of a group; all its options get their defaults.

        Raises:
            ConfigError: There is no such choice.
        """
        choices = self._groups[group].choices
        if choice not in choices:
            raise ConfigError(f"unknown {group} {choice!r}{suggest(choice, choices)} (there are {', '.join(choices)})")
        owner, name = self._locate(group)
        owner[name] = OmegaConf.structured(choices[choice])

    def parse(self, key: str, text: str) -> Any:
        """Parses a value from the command line.

        The value of a text option is taken literally, without enclosing quotes; all others are parsed as YAML.

        Raises:
            ConfigError: There is no such option, or the value is not valid YAML.
        """
        kind = self._find_type(key)
        if kind not in _TEXT_TYPES:
            try:
                return parse_yaml(text)
            except ValueError as error:
                raise ConfigError(f"{key}: {text!r} is {error}") from error
        if text == "null" and kind is not str:
            return None
        is_quoted = len(text) > 1 and text[0] in "'\"" and text.find(text[0], 1) == len(text) - 1
        return text[1:-1] if is_quoted else text

    def set(self, key: str, value: Any) -> None:
        """Sets an option, or each option of a mapping.

        Raises:
            ConfigError: There is no such option, or the value has the wrong type.
        """
        kind = self._find_type(key)
        if key.endswith(".name") and key.removesuffix(".name") in self._groups:
            raise ConfigError(f"{key} cannot be set: give {key.removesuffix('.name')}={value}")
        inner_names = self.list_names(key)
        if inner_names:
            if not isinstance(value, dict):
                raise ConfigError(f"{key} is a group of options: set {', '.join(f'{key}.{n}' for n in inner_names)}")
            for name, inner_value in value.items():
                self.set(f"{key}.{name}", inner_value)
            return
        if isinstance(value, str) and "${" in value and kind not in _TEXT_TYPES:
            raise ConfigError(f"{key}: Value {value!r} is text, which this option does not accept")
        owner, name = self._locate(key)
        try:
            owner[name] = _escape(value)
            if isinstance(owner[name], ListConfig):
                list(owner[name])  # OmegaConf checks an element with `${` only when it is read
        except OmegaConfBaseException as error:
            raise ConfigError(f"{key}: {str(error).splitlines()[0]}") from error

    def to_dataclass(self) -> Any:
        """Converts the tree to an instance of the schema.

        Raises:
            ConfigError: An option has no value.
        """
        for key in sorted(OmegaConf.missing_keys(self._root)):
            raise ConfigError(f"{key} has no value: give {key}=...")
        return OmegaConf.to_object(self._root)

    def _find_type(self, key: str) -> Any:
        if not self.has(key):
            raise ConfigError(self._describe_unknown(key))
        owner, name = self._locate(key)
        return get_type_hints(OmegaConf.get_type(owner))[name]

    def _locate(self, key: str) -> tuple[DictConfig, str]:
        """Finds the node that holds an option, and the option's name in it."""
        *parents, name = key.split(".")
        owner = self._root
        for part in parents:
            owner = owner[part]
        return owner, name

    def _describe_unknown(self, key: str) -> str:
        parent = key.rpartition(".")[0]
        while parent and not self.list_names(parent):
            parent = parent.rpartition(".")[0]
        is_choice = parent in self._groups
        names = [name for name in self.list_names(parent) if not (is_choice and name == "name")]
        if parent:
            suggestion = suggest(key.removeprefix(f"{parent}."), names, prefix=f"{parent}.")
        else:
            suggestion = suggest(key, _list_keys(OmegaConf.to_container(self._root)))
        choice = f" with {parent}={self.find_choice(parent)}" if is_choice else ""
        valid = ", ".join(f"{parent}.{name}".lstrip(".") for name in names) or "none"
        return f"unknown option {key!r}{suggestion} (valid{choice}: {valid})"


def suggest(text: str, known: Iterable[str], prefix: str = "") -> str:
    """Suggests the nearest of the known names, as the end of a sentence; empty if none is near.

    Args:
        text: The unknown name.
        known: The known names.
        prefix: Text to put before the suggested name.
    """
    nearest = difflib.get_close_matches(text, list(known), n=1)
    return f"; did you mean {prefix}{nearest[0]}?" if nearest else ""


def _field_names(node: Any) -> list[str]:
    kind = OmegaConf.get_type(node) if isinstance(node, DictConfig) else None
    return [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []


def _list_keys(options: Any, prefix: str = "") -> Iterator[str]:
    for name, value in options.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _list_keys(value, f"{prefix}{name}.")


def _escape(value: Any) -> Any:
    """Escapes text for OmegaConf, to which `${` begins an interpolation unless `\\` stands before it."""
    if isinstance(value, list):
        return [_escape(item) for item in value]
    if isinstance(value, str):
        return _INTERPOLATION.sub(lambda match: match[1] * 2 + "\\${", value)
    return value
