"""Reading a checkpoint of others as weights alone: nothing in it is executed."""

import hashlib
import io
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

WRAPPERS = ("params", "params_ema", "state_dict", "model_state_dict", "model", "net")  # keys that may hold the weights
PARALLEL = "module."  # what a wrapper for several devices puts before each name
MAX_NAMES = 6  # of an error message


@dataclass(frozen=True)
class Checkpoint:
    """The weights of a checkpoint.

    Attributes:
        path: The file.
        sha256: Hash of the file in hex.
        weights: The weights by name, on the CPU; those of floating point are float32 and finite.
    """

    path: Path
    sha256: str
    weights: dict[str, Tensor]

    def count(self, name: str, start: int = 0) -> int:
        """Counts the layers in a row: for how many numbers from `start` on, put for `{}`, there is such a weight."""
        number = start
        while name.format(number) in self.weights:
            number += 1
        return number - start

    def shape(self, name: str, dimensions: int) -> tuple[int, ...]:
        """Returns the shape of a weight that sizes are read from.

        Raises:
            ValueError: The weight is missing, has another number of dimensions, or is empty.
        """
        if name not in self.weights:
            raise ValueError(f"{self.path} has no {name}")
        shape = tuple(self.weights[name].shape)
        if len(shape) != dimensions or 0 in shape:
            raise ValueError(f"{self.path}: {name} is {shape}, but {dimensions} dimensions of at least 1 were expected")
        return shape


def read_checkpoint(path: Path, key: str = "") -> Checkpoint:
    """Reads a `.pt` or `.pth` file as weights alone, or a `.safetensors` file.

    Args:
        path: The file.
        key: Key of the file under which the weights are; empty for the first of `WRAPPERS` that there is, or none.

    Raises:
        ValueError: The path is no file, the file holds something other than weights, would have to be executed, or a
            weight is not finite.
        OSError: The file cannot be read.
    """
    if not path.exists():
        raise ValueError(f"{path} does not exist: give the file of a checkpoint")
    if not path.is_file():
        raise ValueError(f"{path} is a folder: give the file of a checkpoint, such as model.pt")
    data = path.read_bytes()
    content = _parse(path, data)
    weights = _find_weights(path, content, key)
    if all(name.startswith(PARALLEL) for name in weights):
        weights = {name.removeprefix(PARALLEL): value for name, value in weights.items()}
    converted = {name: _convert(path, name, value) for name, value in weights.items()}
    return Checkpoint(path, hashlib.sha256(data).hexdigest(), converted)


def list_names(names: list[str]) -> str:
    """Lists names in an error message: the first few, and how many more there are."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def _parse(path: Path, data: bytes) -> Any:
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load(data)
        except SafetensorError as error:
            raise ValueError(f"{path} is no safetensors file, or is damaged ({error})") from error
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)|(\S+) was not an allowed global|type (\S+)", str(error))
        what = next((group for group in found.groups() if group), "code") if found else ""
        if not what or "magic number" in str(error) or not data:
            raise ValueError(f"{path} is no checkpoint of torch, or is damaged") from error
        raise ValueError(
            f"{path} holds more than weights ({what.rstrip('.,')}), which would have to be executed, and was not: save "
            "the weights alone, with torch.save(model.state_dict(), FILE)"
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # damaged files raise errors of any kind
        raise ValueError(f"{path} is no checkpoint of torch, or is damaged") from error


def _find_weights(path: Path, content: Any, key: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds {type(content).__name__}, not weights by name")
    if key:
        if not _is_weights(content.get(key)):
            raise ValueError(f"key={key}: {path} holds no weights under it (its keys: {list_names(_names(content))})")
        return content[key]
    for wrapper in WRAPPERS:
        if _is_weights(content.get(wrapper)):
            return content[wrapper]
    if not _is_weights(content):
        names = list_names(_names(content)) or "none"
        raise ValueError(f"{path} holds no weights (its keys: {names}); give key=KEY if they are under one of these")
    return content


def _is_weights(value: Any) -> bool:
    is_named = isinstance(value, dict) and all(isinstance(name, str) for name in value)
    return is_named and any(isinstance(one, Tensor) for one in value.values())


def _names(content: dict[Any, Any]) -> list[str]:
    return [str(name) for name in content]


def _convert(path: Path, name: str, value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise ValueError(f"{path}: {name} is {type(value).__name__}, not a weight")
    if value.layout != torch.strided or value.is_quantized or value.is_complex() or value.is_meta:
        raise ValueError(f"{path}: {name} is {value.dtype} {value.layout}, which is not supported")
    if not value.is_floating_point():
        return value.detach().clone()
    value = value.detach().float().clone()
    if not bool(torch.isfinite(value).all()):
        raise ValueError(f"{path}: {name} holds NaN or infinity, so its training had failed")
    return value
