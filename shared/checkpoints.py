"""Encoder artefacts: a folder with safetensors, JSON and a model card; reading one executes nothing from it.

The folder is what the Hugging Face hub expects: `huggingface_hub.upload_folder` publishes it,
`load_encoder(huggingface_hub.snapshot_download(...))` reads it back.
"""

import hashlib
import json
import math
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from shared.atomic_file import write_atomically
from shared.encoders import Encoder, EncoderConfig, build_encoder
from shared.projector import build_projector, describe_projector, projector_state

FORMAT = "unblind-encoder"
FORMAT_VERSION = 1
WEIGHTS_FILE = "model.safetensors"
PROJECTOR_FILE = "projector.safetensors"
CONFIG_FILE = "config.json"
CARD_FILE = "README.md"
CARD_HEADER = "---\nlibrary_name: unblind\ntags: [degradation-representation, blind-super-resolution]\n---\n\n"


def save_encoder(
    folder: Path, encoder: Encoder, *, card: str, metadata: dict[str, Any], projector: nn.Module | None = None
) -> None:
    """Writes an artefact: `model.safetensors`, `README.md` and last `config.json`, each in one atomic step.

    A kill in between leaves nothing that loads wrongly: `config.json` holds the hash of the weights.

    Args:
        folder: Created if missing; other files in it stay.
        encoder: Any encoder, on any device.
        card: The model card in Markdown: data, recipe, scores. Gets a hub header.
        metadata: Plain JSON values, such as degradation space, recipe, scores; NaN and infinity become null.
        projector: The head the encoder was trained with, kept beside it in `projector.safetensors`.

    Raises:
        ValueError: The metadata is not plain JSON, or the projector is of an unknown kind.
        OSError: The folder cannot be written, the disk is full.
    """
    weights = _serialised(encoder.state_dict())
    head = _serialised(projector_state(projector)) if projector is not None else b""
    config = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "encoder": asdict(encoder.config),
        "dim": encoder.dim,
        "channels": encoder.channels,
        "strides": encoder.strides,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "metadata": _without_nan(metadata),
    }
    if projector is not None:
        layers = describe_projector(projector)
        config["projector"] = {"layers": layers, "weights_sha256": hashlib.sha256(head).hexdigest()}
    try:
        config_text = json.dumps(config, indent=2, allow_nan=False) + "\n"
    except TypeError as error:
        raise ValueError(f"metadata must hold plain JSON values: {error}") from error
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / WEIGHTS_FILE, weights)
    if projector is not None:
        write_atomically(folder / PROJECTOR_FILE, head)
    write_atomically(folder / CARD_FILE, (CARD_HEADER + card).encode())
    write_atomically(folder / CONFIG_FILE, config_text.encode())


def load_encoder(path: str | Path) -> Encoder:
    """Reads an encoder; downloads nothing and leaves torch's global generator as it was.

    Args:
        path: The artefact folder, or a run folder that has it in `encoder/`.

    Returns:
        The encoder in evaluation mode, on the CPU.

    Raises:
        FileNotFoundError: There is no such folder, or no complete encoder in it (the run is not finished).
        ValueError: A file is corrupt, of another format, or the weights do not fit.
    """
    folder = _artefact_folder(path)
    config = _read_config(folder)
    encoder_config = _encoder_config(folder, config)
    state = _read_weights(folder / WEIGHTS_FILE, config["weights_sha256"])
    with torch.random.fork_rng(devices=[]):
        encoder = build_encoder(replace(encoder_config, pretrained=False))
    encoder.config = encoder_config
    _check_fit(folder / WEIGHTS_FILE, state, encoder, f"the encoder {encoder_config.name}")
    encoder.load_state_dict(state)
    return encoder.eval()


def load_projector(path: str | Path) -> nn.Module:
    """Reads the projection head that an encoder was trained with, in evaluation mode, on the CPU.

    Raises:
        FileNotFoundError: As `load_encoder`, or the artefact keeps no projector.
        ValueError: As `load_encoder`.
    """
    folder = _artefact_folder(path)
    described = _read_config(folder).get("projector")
    if not isinstance(described, dict):
        raise FileNotFoundError(f"{folder} keeps no projector: its method has none, or an older version saved it")
    with torch.random.fork_rng(devices=[]):
        projector = build_projector(described.get("layers", []))
    state = _read_weights(folder / PROJECTOR_FILE, described.get("weights_sha256", ""))
    _check_fit(folder / PROJECTOR_FILE, state, projector, "the projector")
    projector.load_state_dict(state)
    return projector.eval()


def encoder_metadata(path: str | Path) -> dict[str, Any]:
    """What `save_encoder` was given as metadata. Raises as `load_encoder`."""
    return _read_config(_artefact_folder(path))["metadata"]


def encoder_config(path: str | Path) -> EncoderConfig:
    """How an encoder is built. Raises as `load_encoder`."""
    folder = _artefact_folder(path)
    return _encoder_config(folder, _read_config(folder))


def encoder_hash(path: str | Path) -> str:
    """SHA-256, in hex, of weights and encoder config: the same for encoders that give the same output.

    The card and the metadata do not count. Raises as `load_encoder`.
    """
    folder = _artefact_folder(path)
    config = _read_config(folder)
    digest = hashlib.sha256(json.dumps(config["encoder"], sort_keys=True).encode())
    digest.update(_read_whole(folder / WEIGHTS_FILE, config["weights_sha256"]))
    return digest.hexdigest()


def _serialised(state: dict[str, Tensor]) -> bytes:
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    return safetensors.torch.save(plain, metadata={"format": "pt"})


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value


def _artefact_folder(path: str | Path) -> Path:
    folder = Path(path).expanduser()
    if not folder.exists():
        raise FileNotFoundError(f"{folder} does not exist: give an encoder folder or a finished run folder")
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file: give the folder that holds {WEIGHTS_FILE} and {CONFIG_FILE}")
    if (folder / "encoder").is_dir():
        folder = folder / "encoder"
    elif (folder / "last.ckpt").exists():
        raise FileNotFoundError(f"{folder} is an unfinished run, it has no encoder/ yet: let it finish first")
    for name in (WEIGHTS_FILE, CONFIG_FILE):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} holds no encoder, {name} is missing: is the run finished?")
    return folder


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_FILE
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is corrupt: {error}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise ValueError(f'{path} does not describe an unblind encoder ("format" should be "{FORMAT}")')
    if config.get("format_version") != FORMAT_VERSION:
        version = config.get("format_version")
        raise ValueError(f"{path} has format version {version}, this unblind reads {FORMAT_VERSION} alone")
    for key in ("encoder", "metadata"):
        if not isinstance(config.get(key), dict):
            raise ValueError(f"{path} is corrupt: {key!r} is missing or not an object")
    if not isinstance(config.get("weights_sha256"), str):
        raise ValueError(f"{path} is corrupt: 'weights_sha256' is missing or not a string")
    return config


def _encoder_config(folder: Path, config: dict[str, Any]) -> EncoderConfig:
    values = config["encoder"]
    expected = {field.name: type(field.default) for field in fields(EncoderConfig)}
    if {name: type(value) for name, value in values.items()} != expected:
        wanted = ", ".join(f"{name} ({type_.__name__})" for name, type_ in expected.items())
        raise ValueError(f'{folder / CONFIG_FILE} is corrupt: "encoder" must hold {wanted}')
    return EncoderConfig(**values)


def _read_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(_read_whole(path, sha256))
    except SafetensorError as error:
        raise ValueError(f"{path} is corrupt: {error}") from error


def _read_whole(path: Path, sha256: str) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"{path} is corrupt, not what its {CONFIG_FILE} was written for: damaged, or half saved")
    return data


def _check_fit(path: Path, state: dict[str, Tensor], network: nn.Module, what: str) -> None:
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name in [*wanted, *found]:
        if found.get(name) != wanted.get(name):
            raise ValueError(
                f"{path} does not fit {what} of its {CONFIG_FILE}: {name} is "
                f"{found.get(name, 'missing')} in the file and {wanted.get(name, 'missing')} in the network"
            )
