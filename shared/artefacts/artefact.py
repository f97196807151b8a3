"""What encoders and SR models have in common on disk: safetensors, JSON, a card; nothing is executed.

The folder is what the Hugging Face hub expects: `huggingface_hub.upload_folder` publishes it, and what
`huggingface_hub.snapshot_download(...)` gives is read like any other.
"""

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor, nn

from shared.files import without_nan, write_atomically

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
CARD_FILE = "README.md"

Options = TypeVar("Options")


@dataclass(frozen=True)
class Artefact:
    """An artefact that was opened: its folder and its configuration; weights are read on demand.

    Attributes:
        folder: The folder of the artefact.
        config: The parsed `config.json`.
        name: Of the kind of artefact, and of its folder in a run's folder: `encoder`, `model`.
        format: Written into the configuration.
        version: Of the format.
        objects: Keys of the configuration that hold objects.
        tags: Of the hub.
    """

    folder: Path
    config: dict[str, Any]

    name: ClassVar[str]
    format: ClassVar[str]
    version: ClassVar[int] = 1
    objects: ClassVar[tuple[str, ...]]
    tags: ClassVar[str]

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Opens an artefact without reading its weights.

        Args:
            path: The artefact's folder, or a run's folder that holds it.

        Raises:
            FileNotFoundError: There is no such folder, or no complete artefact in it.
            ValueError: It is a file; or the configuration is corrupt, of another kind or of another version.
        """
        folder = cls._find(Path(path).expanduser())
        return cls(folder, cls._read_config(folder / CONFIG_FILE))

    @classmethod
    def write(cls, folder: Path, weights: dict[str, bytes], config: dict[str, Any], card: str) -> None:
        """Writes the weights, the card and last the configuration, each in one atomic step.

        A kill in between leaves nothing that loads wrongly: the configuration holds the hash of the weights.

        Args:
            folder: Created if missing; other files in it stay.
            weights: Serialised state dicts by file name; `WEIGHTS_FILE` is one of them.
            config: Plain JSON values; NaN and infinity become null.
            card: Markdown; gets a hub header.

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
            raise ValueError(f"metadata must hold plain JSON values: {error}") from error
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in weights.items():
            write_atomically(folder / name, data)
        header = f"---\nlibrary_name: unblind\ntags: {cls.tags}\n---\n\n"
        write_atomically(folder / CARD_FILE, (header + card).encode())
        write_atomically(folder / CONFIG_FILE, config_text.encode())

    @property
    def metadata(self) -> dict[str, Any]:
        """What was saved beside the weights: data, recipe, scores."""
        return self.config["metadata"]

    @property
    def run_name(self) -> str:
        """The name of the run that holds the artefact; the folder's own where it stands alone."""
        folder = self.folder.resolve()
        return folder.parent.name if folder.name == self.name else folder.name

    def options(self, key: str, values: dict[str, Any], kind: type[Options]) -> Options:
        """Fills a dataclass of options, all with plain defaults, from the object `key` of the configuration.

        Raises:
            ValueError: A name is missing or unknown, or a value has another type.
        """
        defaults: dict[str, Any] = {field.name: field.default for field in fields(kind)}  # type: ignore[arg-type]
        expected = {name: type(default) for name, default in defaults.items()}
        if {name: type(value) for name, value in values.items()} != expected:
            wanted = ", ".join(f"{name} ({type_.__name__})" for name, type_ in expected.items())
            raise self.corrupt(f'"{key}" must hold {wanted}')
        return kind(**values)

    def corrupt(self, reason: str) -> ValueError:
        """The error for a configuration that does not describe what it should."""
        return ValueError(f"{self.folder / CONFIG_FILE} is corrupt: {reason}")

    def read_weights(self, file: str, sha256: str) -> bytes:
        """The bytes of a file of weights.

        Raises:
            FileNotFoundError: It is missing.
            ValueError: It is not what the hash was taken of: damaged, or half saved.
        """
        path = self.folder / file
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing")
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError(f"{path} is corrupt, not what its {CONFIG_FILE} was written for: damaged, or half saved")
        return data

    def load_weights(self, network: nn.Module, what: str, file: str = WEIGHTS_FILE, sha256: str = "") -> None:
        """Loads weights into a network.

        Args:
            network: What they belong to.
            what: The network in words, for the error.
            file: Their file.
            sha256: Their hash; by default that of the artefact's own weights.

        Raises:
            FileNotFoundError: They are missing.
            ValueError: They are damaged, or do not fit the network.
        """
        path = self.folder / file
        try:
            state = safetensors.torch.load(self.read_weights(file, sha256 or self.config["weights_sha256"]))
        except SafetensorError as error:
            raise ValueError(f"{path} is corrupt: {error}") from error
        found = {name: tuple(tensor.shape) for name, tensor in state.items()}
        wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
        for name in [*wanted, *found]:
            if found.get(name) != wanted.get(name):
                raise ValueError(
                    f"{path} does not fit {what} of its {CONFIG_FILE}: {name} is "
                    f"{found.get(name, 'missing')} in the file and {wanted.get(name, 'missing')} in the network"
                )
        network.load_state_dict(state)

    @classmethod
    def _find(cls, folder: Path) -> Path:
        if not folder.exists():
            raise FileNotFoundError(f"{folder} does not exist: give an artefact or a finished run folder")
        if not folder.is_dir():
            raise ValueError(f"{folder} is a file: give the folder that holds {WEIGHTS_FILE} and {CONFIG_FILE}")
        if (folder / cls.name).is_dir():
            folder = folder / cls.name
        elif (folder / "metrics.json").exists():
            raise FileNotFoundError(f"{folder} is a run of another kind: it holds no {cls.name}/")
        elif (folder / "last.ckpt").exists():
            raise FileNotFoundError(f"{folder} is an unfinished run, it has no {cls.name}/ yet: let it finish first")
        for name in (WEIGHTS_FILE, CONFIG_FILE):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder} holds no {cls.name}, {name} is missing: is the run finished?")
        return folder

    @classmethod
    def _read_config(cls, path: Path) -> dict[str, Any]:
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is corrupt: {error}") from error
        if not isinstance(config, dict) or config.get("format") != cls.format:
            raise ValueError(f'{path} does not describe an unblind {cls.name} ("format" should be "{cls.format}")')
        if config.get("format_version") != cls.version:
            version = config.get("format_version")
            raise ValueError(f"{path} has format version {version}, this unblind reads {cls.version} alone")
        for key in cls.objects:
            if not isinstance(config.get(key), dict):
                raise ValueError(f"{path} is corrupt: {key!r} is missing or not an object")
        if not isinstance(config.get("weights_sha256"), str):
            raise ValueError(f"{path} is corrupt: 'weights_sha256' is missing or not a string")
        return config


def serialise(state: dict[str, Tensor]) -> bytes:
    """A state dict as safetensors."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    return safetensors.torch.save(plain, metadata={"format": "pt"})
