"""Trained encoders and models as folders of safetensors, JSON and a card; nothing in them is executed."""

from shared.artefacts.encoder import load_encoder, save_encoder

__all__ = [
    "load_encoder",
    "save_encoder",
]
