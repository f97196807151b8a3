"""Degradation encoders: images in, a pooled vector and un-pooled maps out."""

from shared.encoders.dasr import DasrBackbone
from shared.encoders.encoder import Encoder, EncoderConfig, Representation, build_encoder

__all__ = [
    "DasrBackbone",
    "Encoder",
    "EncoderConfig",
    "Representation",
    "build_encoder",
]
