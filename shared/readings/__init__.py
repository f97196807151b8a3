"""Readings of photographs: the kind of blur, and its width, the noise and the JPEG quality with intervals."""

from shared.readings.opening import (
    SAMPLES_FILE,
    SHIPPED,
    embed_samples,
    open_reader,
    open_shipped,
    select_for_samples,
)
from shared.readings.quantities import KINDS, QUANTITIES
from shared.readings.reader import PhotographReader
from shared.readings.reading import NAMES, Interval, Reading
from shared.readings.samples import MIN_SIDE, Samples

__all__ = [
    "KINDS",
    "MIN_SIDE",
    "NAMES",
    "QUANTITIES",
    "SAMPLES_FILE",
    "SHIPPED",
    "Interval",
    "PhotographReader",
    "Reading",
    "Samples",
    "embed_samples",
    "open_reader",
    "open_shipped",
    "select_for_samples",
]
