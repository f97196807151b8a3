"""Parts of the text of `--help` that are derived from options."""

import dataclasses
import json
from typing import Any


def format_defaults(options: Any) -> str:
    """Formats the values of a dataclass of options as they are written on the command line.

    Args:
        options: An instance with the defaults.
    """
    values = ((field.name, getattr(options, field.name)) for field in dataclasses.fields(options))
    text = " ".join(f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in values)
    return text or "no options"
