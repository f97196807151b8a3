"""Trained encoders and models as folders of safetensors, JSON and a card; nothing in them is executed."""

from shared.artefacts.artefact import WEIGHTS_FILE, Artefact, serialise
from shared.artefacts.encoder import EncoderArtefact, load_encoder, save_encoder

__all__ = ["WEIGHTS_FILE", "Artefact", "EncoderArtefact", "load_encoder", "save_encoder", "serialise"]
