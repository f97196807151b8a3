"""Artefacts of encoders: weights, architecture and projection head."""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from shared.artefacts.artefact import WEIGHTS_FILE, Artefact, serialise
from shared.artefacts.projector import build_projector, describe_projector, projector_state
from shared.encoders import Encoder, EncoderConfig, build_encoder

PROJECTOR_FILE = "projector.safetensors"


class EncoderArtefact(Artefact):
    """A trained encoder on disk: `EncoderArtefact.open(path)`."""

    name: ClassVar[str] = "encoder"
    format: ClassVar[str] = "unblind-encoder"
    object_keys: ClassVar[tuple[str, ...]] = ("encoder", "metadata")
    tags: ClassVar[str] = "[degradation-representation, blind-super-resolution]"

    @property
    def encoder_config(self) -> EncoderConfig:
        """The architecture of the encoder.

        Raises:
            ValueError: The configuration does not describe an encoder.
        """
        return self.read_options("encoder", self.config["encoder"], EncoderConfig)

    @property
    def digest(self) -> str:
        """The SHA-256 of weights and architecture in hex, the same for encoders with the same output.

        It does not depend on the card and the metadata.

        Raises:
            FileNotFoundError, ValueError: See `load`.
        """
        digest = hashlib.sha256(json.dumps(self.config["encoder"], sort_keys=True).encode())
        digest.update(self.read_weights(WEIGHTS_FILE, self.config["weights_sha256"]))
        return digest.hexdigest()

    def load(self) -> Encoder:
        """Loads the encoder without any download and without changing torch's global generator.

        Returns:
            The encoder in evaluation mode, on the CPU.

        Raises:
            FileNotFoundError: The weights are missing.
            ValueError: A file is corrupt, or the weights do not fit or are not finite.
        """
        config, state = self.encoder_config, self.read_state()
        with self.building():
            encoder = build_encoder(replace(config, pretrained=False))
        encoder.config = config
        self.load_state(encoder, state, f"the encoder {config.name}")
        return encoder.eval()

    def load_projector(self) -> nn.Module:
        """Loads the projection head with which the encoder was trained, in evaluation mode, on the CPU.

        Raises:
            FileNotFoundError: The artefact contains no projection head.
            ValueError: See `load`.
        """
        description = self.config.get("projector")
        if not isinstance(description, dict):
            raise FileNotFoundError(
                f"{self.folder} contains no projector: its method has none, or an older version saved it"
            )
        state = self.read_state(PROJECTOR_FILE, str(description.get("weights_sha256", "unknown")))
        with self.building():
            projector = build_projector(description.get("layers", []))
        self.load_state(projector, state, "the projector", PROJECTOR_FILE)
        return projector.eval()


def save_encoder(
    folder: Path, encoder: Encoder, *, card: str, metadata: dict[str, Any], projector: nn.Module | None = None
) -> None:
    """Writes an encoder as an artefact, see `Artefact.write`.

    Args:
        folder: Folder of the artefact, created if missing. Other files in it stay.
        encoder: Encoder on any device.
        card: Model card in Markdown, with data, recipe and scores. A header for the hub is added.
        metadata: Plain JSON values, such as degradation space, recipe and scores. NaN and infinity become null.
        projector: Projection head with which the encoder was trained, saved as `projector.safetensors`.

    Raises:
        ValueError: The metadata is not plain JSON, or the projection head has an unknown layer.
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
    """Loads an encoder in evaluation mode, on the CPU.

    Args:
        path: Folder of the artefact, or of a run that holds it in `encoder/`.

    Raises:
        FileNotFoundError: There is no such folder, or no complete encoder in it (the run is not finished).
        ValueError: A file is corrupt, of another format, or the weights do not fit.
    """
    return EncoderArtefact.open(path).load()
