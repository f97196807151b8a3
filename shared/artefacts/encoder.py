"""Encoder artefacts: the weights, how the network is built, and the head that it was trained with."""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from shared.artefacts.artefact import WEIGHTS_FILE, Artefact, serialise
from shared.artefacts.projector import build_projector, describe_projector, projector_state
from shared.encoders import Encoder, EncoderConfig, build_encoder

PROJECTOR_FILE = "projector.safetensors"


class EncoderArtefact(Artefact):
    """A trained encoder on disk: `EncoderArtefact.open(path)`."""

    name: ClassVar[str] = "encoder"
    format: ClassVar[str] = "unblind-encoder"
    objects: ClassVar[tuple[str, ...]] = ("encoder", "metadata")
    tags: ClassVar[str] = "[degradation-representation, blind-super-resolution]"

    @property
    def encoder_config(self) -> EncoderConfig:
        """How the encoder is built.

        Raises:
            ValueError: The configuration does not describe an encoder.
        """
        return self.options("encoder", self.config["encoder"], EncoderConfig)

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of weights and encoder configuration: the same for encoders that give the same output.

        The card and the metadata do not count.

        Raises:
            FileNotFoundError, ValueError: As `load`.
        """
        digest = hashlib.sha256(json.dumps(self.config["encoder"], sort_keys=True).encode())
        digest.update(self.read_weights(WEIGHTS_FILE, self.config["weights_sha256"]))
        return digest.hexdigest()

    def load(self) -> Encoder:
        """Reads the encoder; downloads nothing and leaves torch's global generator as it was.

        Returns:
            The encoder in evaluation mode, on the CPU.

        Raises:
            FileNotFoundError: The weights are missing.
            ValueError: A file is corrupt, or the weights do not fit.
        """
        config = self.encoder_config
        with torch.random.fork_rng(devices=[]):
            encoder = build_encoder(replace(config, pretrained=False))
        encoder.config = config
        self.load_weights(encoder, f"the encoder {config.name}")
        return encoder.eval()

    def load_projector(self) -> nn.Module:
        """Reads the projection head that the encoder was trained with, in evaluation mode, on the CPU.

        Raises:
            FileNotFoundError: The artefact keeps no projector.
            ValueError: As `load`.
        """
        described = self.config.get("projector")
        if not isinstance(described, dict):
            raise FileNotFoundError(
                f"{self.folder} keeps no projector: its method has none, or an older version saved it"
            )
        with torch.random.fork_rng(devices=[]):
            projector = build_projector(described.get("layers", []))
        self.load_weights(projector, "the projector", PROJECTOR_FILE, str(described.get("weights_sha256", "unknown")))
        return projector.eval()


def save_encoder(
    folder: Path, encoder: Encoder, *, card: str, metadata: dict[str, Any], projector: nn.Module | None = None
) -> None:
    """Writes an artefact, see `Artefact.write`.

    Args:
        folder: Created if missing; other files in it stay.
        encoder: Any encoder, on any device.
        card: The model card in Markdown: data, recipe, scores. Gets a hub header.
        metadata: Plain JSON values, such as degradation space, recipe, scores; NaN and infinity become null.
        projector: The head the encoder was trained with, kept beside it in `projector.safetensors`.

    Raises:
        ValueError: The metadata is not plain JSON, or the projector is of an unknown kind.
        OSError: The folder cannot be written, or the disk is full.
    """
    files = {WEIGHTS_FILE: serialise(encoder.state_dict())}
    config = {
        "encoder": asdict(encoder.config),
        "dim": encoder.dim,
        "channels": encoder.channels,
        "strides": encoder.strides,
        "metadata": metadata,
    }
    if projector is not None:
        files[PROJECTOR_FILE] = serialise(projector_state(projector))
        digest = hashlib.sha256(files[PROJECTOR_FILE]).hexdigest()
        config["projector"] = {"layers": describe_projector(projector), "weights_sha256": digest}
    EncoderArtefact.write(folder, files, config, card)


def load_encoder(path: str | Path) -> Encoder:
    """Reads an encoder in evaluation mode, on the CPU.

    Args:
        path: The artefact's folder, or a run's folder that has it in `encoder/`.

    Raises:
        FileNotFoundError: There is no such folder, or no complete encoder in it (the run is not finished).
        ValueError: A file is corrupt, of another format, or the weights do not fit.
    """
    return EncoderArtefact.open(path).load()
