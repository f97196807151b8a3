"""Degradations: spaces to draw them from, records of them, their application in batches, and their summaries."""

from shared.degradations.operations import CODES, OPERATIONS
from shared.degradations.pipeline import blur_and_down_sample, degrade, required_margin
from shared.degradations.reach import composed_reach
from shared.degradations.record import Degradation
from shared.degradations.space import YAML_SUFFIXES, Space, list_spaces, load_space
from shared.degradations.summary import SUMMARY_RANGES, summarise, summarise_as_vector

__all__ = [
    "CODES",
    "OPERATIONS",
    "SUMMARY_RANGES",
    "YAML_SUFFIXES",
    "Degradation",
    "Space",
    "blur_and_down_sample",
    "composed_reach",
    "degrade",
    "list_spaces",
    "load_space",
    "required_margin",
    "summarise",
    "summarise_as_vector",
]
