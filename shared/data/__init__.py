"""Images to train on and to hold out: where they come from, their cache, and what is drawn from them."""

from shared.data.sampling import CropSize, Plan, PlannedBatches, Planner, ViewSources, generator_for, source_size
from shared.data.sources import DataConfig, open_files, open_images
from shared.data.store import ImageStore

__all__ = [
    "CropSize",
    "DataConfig",
    "ImageStore",
    "Plan",
    "PlannedBatches",
    "Planner",
    "ViewSources",
    "generator_for",
    "open_files",
    "open_images",
    "source_size",
]
