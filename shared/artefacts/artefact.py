"""The format on disk that encoders and SR models share: safetensors, JSON and a card; nothing is executed.

The folder follows the conventions of the Hugging Face hub: `huggingface_hub.upload_folder` publishes it, and the folder
that `huggingface_hub.snapshot_download` returns can be opened.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from shared.files import expand_user, without_nan, write_atomically

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
CARD_FILE = "README.md"
# what is read from the metadata, where it is present; the rest is for people
METADATA_KINDS: dict[str, Any] = {
    "degradation": str,
    "scale": int,
    "patch": int,
    "training_image_hashes": str,
    "config": {"degradation": str, "seed": int, "method": {"name": str}},
}
FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

Options = TypeVar("Options")


@dataclass(frozen=True)
class Artefact:
    """An opened artefact: its folder and configuration. Weights are read on demand.

    Attributes:
        folder: Folder of the artefact.
        config: The parsed `config.json`.
        name: Name of the kind of artefact and of its folder in a run's folder: `encoder` or `model`.
        format: Name of the format, stored in the configuration.
        version: Version of the format, stored in the configuration.
        object_keys: Keys of the configuration whose values must be objects.
        tags: Tags for the hub.
    """

    folder: Path
    config: dict[str, Any]

    name: ClassVar[str]
    format: ClassVar[str]
    version: ClassVar[int] = 1
    object_keys: ClassVar[tuple[str, ...]]
    tags: ClassVar[str]

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Opens an artefact without reading its weights.

        Args:
            path: Folder of the artefact, or of the run that holds it.

        Raises:
            FileNotFoundError: There is no such folder, or no complete artefact in it.
            ValueError: The path is a file, or the configuration is corrupt, of another kind or of another version.
        """
        folder = cls._find(expand_user(path, "artefact"))
        return cls(folder, cls._read_config(folder / CONFIG_FILE))

    @classmethod
    def write(cls, folder: Path, weights: dict[str, bytes], config: dict[str, Any], card: str) -> None:
        """Writes the weights, the card and finally the configuration, each in one atomic step.

        After a kill in between, nothing loads wrongly, since the configuration contains the hash of the weights.

        Args:
            folder: Folder of the artefact, created if missing. Other files in it stay.
            weights: Serialised state dicts by file name, including `WEIGHTS_FILE`.
            config: Configuration as plain JSON values. NaN and infinity become null.
            card: Model card in Markdown, without a header for the hub, which is added.

        Raises:
            ValueError: The configuration is not plain JSON.
            OSError: The folder cannot be written, or the disk is full.
        """
        whole = {
            "format": cls.format,
            "format_version": cls.version,
            **without_nan(config),
            "weights_sha256": hashlib.sha256(weights[WEIGHTS_FILE]).hexdigest(),
        }
        try:
            config_text = json.dumps(whole, indent=2, allow_nan=False) + "\n"
        except TypeError as error:
            raise ValueError(f"metadata must contain only plain JSON values: {error}") from error
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in weights.items():
            write_atomically(folder / name, data)
        header = f"---\nlibrary_name: unblind\ntags: {cls.tags}\n---\n\n"
        write_atomically(folder / CARD_FILE, (header + card).encode())
        write_atomically(folder / CONFIG_FILE, config_text.encode())

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the artefact, such as data, recipe and scores."""
        return self.config["metadata"]

    @property
    def run_name(self) -> str:
        """The name of the run that holds the artefact, or of the artefact's own folder outside of a run."""
        folder = self.folder.resolve()
        return folder.parent.name if folder.name == self.name else folder.name

    def read_options(self, key: str, values: Any, kind: type[Options]) -> Options:
        """Converts an object of the configuration to a dataclass of options.

        Args:
            key: Key of the object, for error messages.
            values: The object, or what is in its place.
            kind: Dataclass whose fields all have plain defaults.

        Raises:
            ValueError: A name is missing or unknown, or a value has the wrong type.
        """
        defaults: dict[str, Any] = {field.name: field.default for field in fields(kind)}  # type: ignore[arg-type]
        expected = {name: type(default) for name, default in defaults.items()}
        if not isinstance(values, dict) or {name: type(value) for name, value in values.items()} != expected:
            listed = ", ".join(f"{name} ({type_.__name__})" for name, type_ in expected.items())
            raise self.corrupt_error(f'"{key}" must contain {listed}')
        return kind(**values)

    @contextmanager
    def building(self) -> Iterator[None]:
        """Names this configuration if what is built inside cannot be built; spares torch's global generator."""
        try:
            with torch.random.fork_rng(devices=[]):
                yield
        except ValueError as error:
            raise self.corrupt_error(str(error)) from error

    def corrupt_error(self, reason: str) -> ValueError:
        """Returns the error for a corrupt configuration."""
        return ValueError(f"{self.folder / CONFIG_FILE} is corrupt: {reason}")

    def read_weights(self, file: str, sha256: str) -> bytes:
        """Reads a file of weights and checks its hash.

        Raises:
            FileNotFoundError: The file is missing.
            ValueError: The file has another hash, since it is damaged or was only partly saved.
        """
        path = self.folder / file
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing")
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError(f"{path} is corrupt: it does not match its {CONFIG_FILE}; it is damaged or partly saved")
        return data

    def read_state(self, file: str = WEIGHTS_FILE, sha256: str = "") -> dict[str, Tensor]:
        """Reads a file of weights.

        Args:
            file: Name of the file.
            sha256: Hash of this file; empty for the one of `WEIGHTS_FILE`.

        Raises:
            FileNotFoundError: The file is missing.
            ValueError: The file is damaged, or a weight is NaN or infinite.
        """
        path = self.folder / file
        try:
            state = safetensors.torch.load(self.read_weights(file, sha256 or self.config["weights_sha256"]))
        except SafetensorError as error:
            raise ValueError(f"{path} is corrupt: {error}") from error
        for name, tensor in state.items():
            if tensor.is_floating_point() and tensor.dtype not in FLOATING:
                raise ValueError(f"{path} cannot be used: {name} is {tensor.dtype}, which is not supported")
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise ValueError(f"{path} cannot be used: {name} holds NaN or infinity, so its training had failed")
        return state

    def load_state(self, network: nn.Module, state: dict[str, Tensor], what: str, file: str = WEIGHTS_FILE) -> None:
        """Loads weights into a network.

        Args:
            network: Network to load them into.
            state: The weights, see `read_state`.
            what: Description of the network, for error messages.
            file: Name of the file that they were read from, for error messages.

        Raises:
            ValueError: The weights do not fit the network.
        """
        found = {name: _describe_tensor(tensor) for name, tensor in state.items()}
        expected = {name: _describe_tensor(tensor) for name, tensor in network.state_dict().items()}
        for name in [*expected, *found]:
            if found.get(name) != expected.get(name):
                raise ValueError(
                    f"{self.folder / file} does not fit {what} of its {CONFIG_FILE}: {name} is "
                    f"{found.get(name, 'missing')} in the file and {expected.get(name, 'missing')} in the network"
                )
        network.load_state_dict(state)

    @classmethod
    def _find(cls, folder: Path) -> Path:
        if not folder.exists():
            raise FileNotFoundError(f"{folder} does not exist: give the folder of an artefact or of a finished run")
        if not folder.is_dir():
            raise ValueError(
                f"{folder} is a file: give the folder that contains {WEIGHTS_FILE} and {CONFIG_FILE}; a checkpoint of "
                "others becomes one by `python -m sr.import_weights`"
            )
        if (folder / cls.name).is_dir():
            folder = folder / cls.name
        elif (folder / "metrics.json").exists():
            raise FileNotFoundError(f"{folder} is a run of another kind: it holds no {cls.name}/")
        elif (folder / "last.ckpt").exists():
            raise FileNotFoundError(f"{folder} is an unfinished run without {cls.name}/: let it finish first")
        for name in (WEIGHTS_FILE, CONFIG_FILE):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder} holds no {cls.name}, {name} is missing: is the run finished?")
        return folder

    @classmethod
    def _read_config(cls, path: Path) -> dict[str, Any]:
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is corrupt: {error}") from error
        if not isinstance(config, dict) or config.get("format") != cls.format:
            raise ValueError(f'{path} does not describe an unblind {cls.name} ("format" should be "{cls.format}")')
        if config.get("format_version") != cls.version:
            version = config.get("format_version")
            raise ValueError(f"{path} has format version {version}, but this unblind reads only version {cls.version}")
        for key in cls.object_keys:
            if not isinstance(config.get(key), dict):
                raise ValueError(f"{path} is corrupt: {key!r} is missing or not an object")
        if not isinstance(config.get("weights_sha256"), str):
            raise ValueError(f"{path} is corrupt: 'weights_sha256' is missing or not a string")
        metadata = config["metadata"]
        kinds = METADATA_KINDS | {"encoder": METADATA_KINDS}
        if wrong := _find_wrong_kind(metadata, kinds, "metadata"):
            raise ValueError(f"{path} is corrupt: {wrong}")
        return config


def _find_wrong_kind(values: dict[str, Any], kinds: dict[str, Any], where: str) -> str:
    """Says which value is not of its kind, where a nested dictionary stands for an object; empty if none is."""
    for key, kind in kinds.items():
        value, place = values.get(key), f"{where}.{key}"
        if value is None:
            continue
        if isinstance(kind, dict) and isinstance(value, dict):
            if wrong := _find_wrong_kind(value, kind, place):
                return wrong
        elif isinstance(kind, dict) or type(value) is not kind:
            return f"{place} is not {'an object' if isinstance(kind, dict) else f'of the kind {kind.__name__}'}"
    return ""


def serialise(state: dict[str, Tensor]) -> bytes:
    """Serialises a state dict as safetensors."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    return safetensors.torch.save(plain, metadata={"format": "pt"})


def _describe_tensor(tensor: Tensor) -> str:
    """Describes shape and kind of a tensor; half and full precision are of one kind."""
    kind = "" if tensor.is_floating_point() else f" {str(tensor.dtype).removeprefix('torch.')}"
    return f"{tuple(tensor.shape)}{kind}"
