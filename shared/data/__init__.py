"""Training and held-out images: their sources and cache, batches drawn from them, and fingerprints."""

from shared.data.cache import compute_checksum
from shared.data.dead_leaves import draw_dead_leaves
from shared.data.fingerprints import (
    describe_training_images,
    fingerprint,
    fingerprint_images,
    read_fingerprints,
    remove_seen_images,
)
from shared.data.sampling import CropSize, Plan, PlannedBatches, Planner, ViewSources, make_generator, source_size
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
    "compute_checksum",
    "describe_training_images",
    "draw_dead_leaves",
    "fingerprint",
    "fingerprint_images",
    "make_generator",
    "open_files",
    "open_images",
    "read_fingerprints",
    "remove_seen_images",
    "source_size",
]
