"""Degradation encoders (front-ends, timm's networks, DASR's CNN), and hand-made statistics to compare them with."""

from shared.encoders.bands import to_gray
from shared.encoders.dasr import DasrBackbone
from shared.encoders.encoder import Encoder, EncoderConfig, Representation, build_encoder
from shared.encoders.statistics import StatisticsEncoder, degradation_statistics
from shared.encoders.timm_backbone import MIN_IMAGE_SIDE

__all__ = [
    "MIN_IMAGE_SIDE",
    "DasrBackbone",
    "Encoder",
    "EncoderConfig",
    "Representation",
    "StatisticsEncoder",
    "build_encoder",
    "degradation_statistics",
    "to_gray",
]
