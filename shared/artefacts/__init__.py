"""Trained encoders and models as folders of safetensors, JSON and a card; nothing in them is executed."""

from shared.artefacts.artefact import WEIGHTS_FILE, Artefact, serialise
from shared.artefacts.encoder import EncoderArtefact, load_encoder, save_encoder
from shared.artefacts.projector import describe_projector, projector_state

__all__ = [
    "WEIGHTS_FILE",
    "Artefact",
    "EncoderArtefact",
    "describe_projector",
    "load_encoder",
    "projector_state",
    "save_encoder",
    "serialise",
]
