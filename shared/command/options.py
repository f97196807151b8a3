"""Options as a tree of dataclasses that is filled key by key; what does not fit is refused in one sentence."""

import dataclasses
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from shared.command.yaml_text import parse_yaml

_TEXT = (str, str | None)
_INTERPOLATION = re.compile(r"(\\*)\$\{")


class ConfigError(ValueError):
    """Something on the command line or in a recipe is not right; the message is one sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(" ".join(sentence.splitlines()))


@dataclass(frozen=True)
class Group:
    """An option that is a choice among dataclasses of options.

    Attributes:
        choices: Name -> dataclass, whose first field is `name`; see `shared.command.config.named_options`.
        keeps_common: Whether the recipe's options that the chosen dataclass has too stay when the command line makes
            another choice than the recipe; otherwise all of them go.
    """

    choices: Mapping[str, type]
    keeps_common: bool = False


class OptionTree:
    """The options of a program; keys are dotted.

    Args:
        schema: The dataclass of all options.
        groups: Key -> choices.
    """

    def __init__(self, schema: type, groups: Mapping[str, Group]) -> None:
        self._root = OmegaConf.structured(schema)
        self._groups = groups

    def has(self, key: str) -> bool:
        """Whether there is such an option beside the choices made so far."""
        parent, _, name = key.rpartition(".")
        return name in self.names_in(parent)

    def names_in(self, key: str) -> list[str]:
        """The names of the options inside an option, or of all with an empty key."""
        node = self._root
        for part in key.split(".") if key else []:
            if part not in _field_names(node) or OmegaConf.is_missing(node, part):
                return []
            node = node[part]
        return _field_names(node)

    def choice(self, group: str) -> str | None:
        """The name of what is chosen, None where nothing is."""
        owner, name = self._locate(group)
        return None if OmegaConf.is_missing(owner, name) else str(owner[name].name)

    def choose(self, group: str, choice: str) -> None:
        """Puts the defaults of a choice where a group stands.

        Raises:
            ConfigError: There is no such choice.
        """
        choices = self._groups[group].choices
        if choice not in choices:
            raise ConfigError(
                f"unknown {group} {choice!r}{near_match(choice, choices)} (there are {', '.join(choices)})"
            )
        owner, name = self._locate(group)
        owner[name] = OmegaConf.structured(choices[choice])

    def parse(self, key: str, text: str) -> Any:
        """Reads a value of the command line: text as it stands, without quotes around the whole; all else as YAML.

        Raises:
            ConfigError: There is no such option, or the text is not YAML.
        """
        kind = self._type_of(key)
        if kind not in _TEXT:
            try:
                return parse_yaml(text)
            except ValueError as error:
                raise ConfigError(f"{key}: {text!r} is {error}") from error
        if text == "null" and kind is not str:
            return None
        is_quoted = len(text) > 1 and text[0] in "'\"" and text.find(text[0], 1) == len(text) - 1
        return text[1:-1] if is_quoted else text

    def set(self, key: str, value: Any) -> None:
        """Sets an option, or all options that a mapping names.

        Raises:
            ConfigError: There is no such option, or the value has the wrong type.
        """
        kind = self._type_of(key)
        if key.endswith(".name") and key.removesuffix(".name") in self._groups:
            raise ConfigError(f"{key} does not choose here: give {key.removesuffix('.name')}={value}")
        inside = self.names_in(key)
        if inside:
            if not isinstance(value, dict):
                raise ConfigError(f"{key} holds options: set {', '.join(f'{key}.{name}' for name in inside)}")
            for name, of_name in value.items():
                self.set(f"{key}.{name}", of_name)
            return
        if isinstance(value, str) and "${" in value and kind not in _TEXT:
            raise ConfigError(f"{key}: Value {value!r} is text, which this option does not take")
        owner, name = self._locate(key)
        try:
            owner[name] = _escape(value)
            if isinstance(owner[name], ListConfig):
                list(owner[name])  # an element with `${` is checked when it is read
        except OmegaConfBaseException as error:
            raise ConfigError(f"{key}: {str(error).splitlines()[0]}") from error

    def to_dataclass(self) -> Any:
        """The filled schema.

        Raises:
            ConfigError: An option has no value.
        """
        for key in sorted(OmegaConf.missing_keys(self._root)):
            raise ConfigError(f"{key} has no value: give {key}=...")
        return OmegaConf.to_object(self._root)

    def _type_of(self, key: str) -> Any:
        if not self.has(key):
            raise ConfigError(self._describe_unknown(key))
        owner, name = self._locate(key)
        return get_type_hints(OmegaConf.get_type(owner))[name]

    def _locate(self, key: str) -> tuple[DictConfig, str]:
        """What holds an option, and the option's name there."""
        *parents, name = key.split(".")
        owner = self._root
        for part in parents:
            owner = owner[part]
        return owner, name

    def _describe_unknown(self, key: str) -> str:
        parent = key.rpartition(".")[0]
        while parent and not self.names_in(parent):
            parent = parent.rpartition(".")[0]
        is_choice = parent in self._groups
        names = [name for name in self.names_in(parent) if not (is_choice and name == "name")]
        if parent:
            near = near_match(key.removeprefix(f"{parent}."), names, prefix=f"{parent}.")
        else:
            near = near_match(key, _keys(OmegaConf.to_container(self._root)))
        chosen = f" with {parent}={self.choice(parent)}" if is_choice else ""
        valid = ", ".join(f"{parent}.{name}".lstrip(".") for name in names) or "none"
        return f"unknown option {key!r}{near} (valid{chosen}: {valid})"


def near_match(text: str, known: Iterable[str], prefix: str = "") -> str:
    """The end of a sentence about an unknown name; empty where no known one is near.

    Args:
        text: The unknown name.
        known: The valid names.
        prefix: Stands before the near one.
    """
    near = difflib.get_close_matches(text, list(known), n=1)
    return f"; did you mean {prefix}{near[0]}?" if near else ""


def _field_names(node: Any) -> list[str]:
    kind = OmegaConf.get_type(node) if isinstance(node, DictConfig) else None
    return [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []


def _keys(options: Any, prefix: str = "") -> Iterator[str]:
    for name, value in options.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{name}.")


def _escape(value: Any) -> Any:
    """Text that OmegaConf reads back as it is: to it `${` begins an interpolation, and `\\` may escape that."""
    if isinstance(value, list):
        return [_escape(one) for one in value]
    if isinstance(value, str):
        return _INTERPOLATION.sub(lambda found: found[1] * 2 + "\\${", value)
    return value
