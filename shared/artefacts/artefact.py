"""The files of an artefact, the same for encoders and SR models: safetensors, JSON, a card; nothing is executed.

The folder is what the Hugging Face hub expects: `huggingface_hub.upload_folder` publishes it, and what
`huggingface_hub.snapshot_download(...)` gives is read like any other.
"""

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor, nn

from shared.files import without_nan, write_atomically

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
CARD_FILE = "README.md"

Options = TypeVar("Options")


@dataclass(frozen=True)
class ArtefactKind:
    """A kind of artefact.

    Attributes:
        name: in words, and of its folder in a run's folder: `encoder`, `model`.
        format: written into its config.
        version: of the format.
        objects: keys of the config that hold objects.
        tags: of the hub.
    """

    name: str
    format: str
    version: int
    objects: tuple[str, ...]
    tags: str

    def write(self, folder: Path, weights: dict[str, bytes], config: dict[str, Any], card: str) -> None:
        """Writes the weights, the card and last the config, each in one atomic step.

        A kill in between leaves nothing that loads wrongly: the config holds the hash of the weights.

        Args:
            folder: created if missing; other files in it stay.
            weights: serialised, by file name; `WEIGHTS_FILE` is one of them.
            config: plain JSON values; NaN and infinity become null.
            card: Markdown; gets a hub header.

        Raises:
            ValueError: the config is not plain JSON.
            OSError: the folder cannot be written, the disk is full.
        """
        whole = {
            "format": self.format, "format_version": self.version, **without_nan(config),
            "weights_sha256": hashlib.sha256(weights[WEIGHTS_FILE]).hexdigest(),
        }  # fmt: skip
        try:
            config_text = json.dumps(whole, indent=2, allow_nan=False) + "\n"
        except TypeError as error:
            raise ValueError(f"metadata must hold plain JSON values: {error}") from error
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in weights.items():
            write_atomically(folder / name, data)
        header = f"---\nlibrary_name: unblind\ntags: {self.tags}\n---\n\n"
        write_atomically(folder / CARD_FILE, (header + card).encode())
        write_atomically(folder / CONFIG_FILE, config_text.encode())

    def folder(self, path: str | Path) -> Path:
        """The artefact's folder, given it or its run's folder.

        Raises:
            FileNotFoundError: there is no such folder, or no complete artefact in it.
            ValueError: it is a file.
        """
        folder = Path(path).expanduser()
        if not folder.exists():
            raise FileNotFoundError(f"{folder} does not exist: give an artefact or a finished run folder")
        if not folder.is_dir():
            raise ValueError(f"{folder} is a file: give the folder that holds {WEIGHTS_FILE} and {CONFIG_FILE}")
        if (folder / self.name).is_dir():
            folder = folder / self.name
        elif (folder / "metrics.json").exists():
            raise FileNotFoundError(f"{folder} is a run of another kind: it holds no {self.name}/")
        elif (folder / "last.ckpt").exists():
            raise FileNotFoundError(f"{folder} is an unfinished run, it has no {self.name}/ yet: let it finish first")
        for name in (WEIGHTS_FILE, CONFIG_FILE):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder} holds no {self.name}, {name} is missing: is the run finished?")
        return folder

    def read_config(self, folder: Path) -> dict[str, Any]:
        """The config of an artefact's folder.

        Raises:
            ValueError: it is corrupt, of another kind or of another version.
        """
        path = folder / CONFIG_FILE
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is corrupt: {error}") from error
        if not isinstance(config, dict) or config.get("format") != self.format:
            raise ValueError(f'{path} does not describe an unblind {self.name} ("format" should be "{self.format}")')
        if config.get("format_version") != self.version:
            version = config.get("format_version")
            raise ValueError(f"{path} has format version {version}, this unblind reads {self.version} alone")
        for key in self.objects:
            if not isinstance(config.get(key), dict):
                raise ValueError(f"{path} is corrupt: {key!r} is missing or not an object")
        if not isinstance(config.get("weights_sha256"), str):
            raise ValueError(f"{path} is corrupt: 'weights_sha256' is missing or not a string")
        return config


def options_from(path: Path, key: str, values: dict[str, Any], kind: type[Options]) -> Options:
    """Fills a dataclass of options, all with plain defaults, from the object `key` of a config.

    Raises:
        ValueError: a name is missing or unknown, or a value has another type.
    """
    defaults: dict[str, Any] = {field.name: field.default for field in fields(kind)}  # type: ignore[arg-type]
    expected = {name: type(default) for name, default in defaults.items()}
    if {name: type(value) for name, value in values.items()} != expected:
        wanted = ", ".join(f"{name} ({type_.__name__})" for name, type_ in expected.items())
        raise ValueError(f'{path} is corrupt: "{key}" must hold {wanted}')
    return kind(**values)


def serialised(state: dict[str, Tensor]) -> bytes:
    """A state dict as safetensors."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    return safetensors.torch.save(plain, metadata={"format": "pt"})


def read_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """A state dict from a safetensors file.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it is not what the hash was taken of, or damaged.
    """
    try:
        return safetensors.torch.load(read_whole(path, sha256))
    except SafetensorError as error:
        raise ValueError(f"{path} is corrupt: {error}") from error


def read_whole(path: Path, sha256: str) -> bytes:
    """The bytes of a file. Raises as `read_weights`."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"{path} is corrupt, not what its {CONFIG_FILE} was written for: damaged, or half saved")
    return data


def load_fitting(network: nn.Module, path: Path, sha256: str, what: str) -> None:
    """Loads weights into a network that they fit.

    Raises:
        FileNotFoundError: they are not there.
        ValueError: they are damaged, or do not fit.
    """
    state = read_weights(path, sha256)
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name in [*wanted, *found]:
        if found.get(name) != wanted.get(name):
            raise ValueError(
                f"{path} does not fit {what} of its {CONFIG_FILE}: {name} is "
                f"{found.get(name, 'missing')} in the file and {wanted.get(name, 'missing')} in the network"
            )
    network.load_state_dict(state)
