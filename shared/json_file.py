"""JSON that any reader takes: numbers that are not finite become null."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.atomic_file import write_atomically


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON that people can read, atomically."""
    write_atomically(path, (json.dumps(without_nan(values), indent=2, allow_nan=False) + "\n").encode())


def without_nan(value: Any) -> Any:
    """Plain JSON values with null for NaN and infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [without_nan(item) for item in value]
    return value
