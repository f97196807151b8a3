"""YAML by the rules of YAML 1.2: `1e-4` is a number and `on` is text. A repeated key is an error."""

import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

MAX_BYTES = 10**6  # of a file; the longest built-in one has 6 kB
MAX_DIGITS = 300  # of a whole number; longer ones are no floating-point numbers
MAX_QUOTED = 300  # characters of a value in a message
MAX_VALUES = 10**6  # of a document whose anchors are written out
_SCALARS = (  # tag, pattern and possible first characters of unquoted values; everything else is text
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: ClassVar[dict] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is given twice", key.start_mark)
                keys.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > MAX_DIGITS:
            raise yaml.constructor.ConstructorError(
                None, None, f"a number has {len(node.value)} digits", node.start_mark
            )
        return super().construct_yaml_int(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


for _tag, _pattern, _first_characters in _SCALARS:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first_characters)


def read_yaml(path: Path) -> Any:
    """Reads a YAML file of plain values; nothing in it is executed.

    Raises:
        ValueError: The file is no regular file, too long, not UTF-8 or not valid YAML. The message is one sentence and
            names the file and the line.
        OSError: The file cannot be read.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file" if not path.exists() else f"{path} is not a regular file")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size / 1e6:.0f} MB, too long for a YAML of options")
    try:
        return parse_yaml(path.read_bytes().decode())
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8 (byte {error.start + 1}): save it as UTF-8") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def quote(value: object) -> str:
    """Quotes a value of a YAML for a message, and cuts a long one."""
    text = repr(value)
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."


def parse_yaml(text: str) -> Any:
    """Parses a YAML document of plain values; nothing in it is executed.

    Raises:
        ValueError: The text is not valid YAML, or its anchors expand to too much. The message is one sentence and gives
            the line.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if _count_values(node, {}, set()) > MAX_VALUES:
            raise ValueError(f"not valid YAML here: with anchors written out it holds more than {MAX_VALUES} values")
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"not valid YAML, {line}{error.problem}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"not valid YAML, {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise ValueError("not valid YAML here: it is nested too deeply") from error


def _count_values(node: yaml.Node, counted: dict[int, int], open_nodes: set[int]) -> int:
    """Counts the values of a document as if every alias were written out."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    key = id(node)
    if key in open_nodes:
        raise ValueError(f"not valid YAML here, line {node.start_mark.line + 1}: a value contains itself")
    if key not in counted:
        open_nodes.add(key)
        children = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
        counted[key] = 1 + sum(_count_values(child, counted, open_nodes) for child in children)
        open_nodes.remove(key)
    return counted[key]
