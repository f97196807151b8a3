"""YAML by the rules of YAML 1.2: `1e-4` is a number and `on` is text. A repeated key is an error."""

import re
from typing import Any, ClassVar

import yaml

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


for _tag, _pattern, _first_characters in _SCALARS:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first_characters)


def parse_yaml(text: str) -> Any:
    """Parses a YAML document of plain values; nothing in it is executed.

    Raises:
        ValueError: The text is not valid YAML. The message is one sentence and gives the line.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"not valid YAML, {line}{error.problem}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"not valid YAML, {' '.join(str(error).split())}") from error
