"""Degradation encoders: images in, a pooled vector and un-pooled maps out."""

from shared.encoders.dasr import DasrBackbone
from shared.encoders.encoder import Encoder, EncoderConfig, Representation, build_encoder
from shared.encoders.timm_backbone import MIN_IMAGE_SIDE

__all__ = [
    "MIN_IMAGE_SIDE",
    "DasrBackbone",
    "Encoder",
    "EncoderConfig",
    "Representation",
    "build_encoder",
]
