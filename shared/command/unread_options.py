"""Options that nothing would read beside the value of another: dropped from a recipe, refused on the command line."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Unread = Mapping[str, Callable[[str], Iterable[str]]]
"""Option -> function from its value to the options that are not read then, such as `conditioning` -> `encoder`."""


def without_unread(
    recipe: dict[str, Any], said: Mapping[str, list[str]], unread: Unread, default_of: Callable[[str], Any]
) -> dict[str, Any]:
    """A recipe without the options that nothing reads since the command line chose another value.

    Args:
        recipe: nested options; stays as it is.
        said: the arguments of the command line, each with the overrides `key=value` that it stands for.
        unread: which options are not read.
        default_of: the value of an option that neither names.

    Raises:
        ValueError: the command line names an option that nothing reads, or a recipe does by itself.
    """
    overrides = dict(override.split("=", 1) for given in said.values() for override in given)
    for option, unread_with in unread.items():
        value = str(overrides.get(option, _get(recipe, option, default_of(option))))
        names = list(unread_with(value))
        found = [
            argument
            for argument, given in said.items()
            if any(_is_part(override.partition("=")[0], name) for override in given for name in names)
        ]
        if option not in overrides:
            found += [name for name in names if _get(recipe, name, None) is not None]
        if found:
            raise ValueError(f"{', '.join(found)}: {option}={value} does not read it; leave it out")
        for name in names:
            recipe = _without(recipe, name)
    return recipe


def _is_part(key: str, name: str) -> bool:
    return key == name or key.startswith(f"{name}.")


def _get(options: Any, key: str, otherwise: Any) -> Any:
    for part in key.split("."):
        if not isinstance(options, dict) or part not in options:
            return otherwise
        options = options[part]
    return options


def _without(options: dict[str, Any], key: str) -> dict[str, Any]:
    owner, _, inside = key.partition(".")
    if not inside:
        return {name: value for name, value in options.items() if name != owner}
    if not isinstance(options.get(owner), dict):
        return options
    return options | {owner: _without(options[owner], inside)}
