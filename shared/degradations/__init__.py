"""Degradation synthesis: what is done to an image, drawn, recorded and applied in batches."""

from shared.degradations.pipeline import degrade, margin_needed
from shared.degradations.record import Degradation
from shared.degradations.space import Space, load_space, space_names

__all__ = [
    "Degradation",
    "Space",
    "degrade",
    "load_space",
    "margin_needed",
    "space_names",
]
