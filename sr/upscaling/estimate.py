"""What a model takes the degradation of an image for, in words: linear probes on its own representation.

The probes are fitted once per model to held-out built-in images under degradations drawn from the space that the model
was trained on, and kept in the cache.
"""

import hashlib
import io
import json
import logging
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from shared.data.sources import DataConfig, open_images
from shared.degradations import Space, load_space
from shared.encoders import Representation
from shared.files import write_atomically
from shared.images.windows import spread_windows
from shared.inference import embed_batches, eval_mode
from shared.probing import (
    PARAMETER_NAMES,
    DegradationReader,
    RidgeProbe,
    build_run_probe,
    describe_readings,
    fit_reader,
    source_side,
)
from sr.model import ModelArtefact, SRModel
from sr.upscaling.tile_conditions import ImageView, represent

VERSION = 2  # raise it when probes are fitted otherwise, so that cached ones are not used
PATCH = 48  # pixels a side of LR patches, DASR's; windows of images have this size too
WINDOWS = 16  # of an image
PARTS = tuple(part.name for part in fields(RidgeProbe))

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Estimator:
    """Reads degradations off the representations of one model.

    Attributes:
        model: whose representations are read.
        reader: what reads them, fitted to the model's degradation space.
    """

    model: SRModel
    reader: DegradationReader

    def summary(self) -> str:
        """What is reported and what is omitted, with the R^2 on images that the probes were not fitted to."""
        r2 = self.reader.r2
        reported = [f"{PARAMETER_NAMES[name]} (R^2 {r2[name]:.2f})" for name in self.reader.probes]
        omitted = [f"{PARAMETER_NAMES[name]} ({value:.2f})" for name, value in self.reader.unreliable.items()]
        unless = f"; not told, since it hardly reads them: {', '.join(omitted)}" if omitted else ""
        return f"estimates of the model, blur in pixels of the result and noise of 255: {', '.join(reported)}{unless}"

    def read(self, image: Tensor) -> dict[str, np.ndarray]:
        """Reads the parameters of M windows of an image, (M,) each, see `DegradationReader.read`.

        Args:
            image: (C, h, w), see `sr.upscaling.tiled.Upscaling`; at least 16 pixels a side.
        """
        colours = ImageView(image[: 1 if image.shape[0] < 3 else 3])
        windows = spread_windows(colours.height, colours.width, PATCH, WINDOWS)
        with eval_mode(self.model):
            vectors = represent(self.model, torch.cat([colours.cut(window) for window in windows])).vector
        return self.reader.read(vectors.float().cpu().numpy())

    def describe(self, image: Tensor) -> str:
        """Describes the medians over the windows, such as "blur 1.8 px, noise 4"."""
        return describe_readings(self.read(image)) or "nothing that it tells"


def open_estimator(model: SRModel, path: str | Path, cache_dir: Path) -> Estimator:
    """The estimator of a model, from the cache or fitted, which takes up to a minute on a CPU.

    Args:
        model: on the device that is to compute.
        path: where it was loaded from.
        cache_dir: made where it is missing; where it cannot be written, that is said and nothing is kept.

    Raises:
        ValueError: why there is nothing to report.
    """
    if not model.reads_images:
        raise ValueError(f"a model with conditioning={model.config.conditioning} does not look at the degradation")
    described = ModelArtefact.open(path).metadata
    space = load_space(str(described.get("config", {}).get("degradation") or described.get("degradation")))
    file = cache_dir / "estimates" / f"{_key(path, space)}.npz"
    reader = _read_cache(file)
    if reader is None:
        print("fitting probes to what the model's encoder makes of known degradations, once per model ...", flush=True)
        reader = fit(model, space, cache_dir)
        _write_cache(file, reader)
    if not reader.probes:
        r2 = ", ".join(f"{PARAMETER_NAMES[name]} {value:.2f}" for name, value in reader.unreliable.items())
        raise ValueError(f"the model's encoder hardly reads any from held-out images (R^2: {r2})")
    return Estimator(model, reader)


def fit(model: SRModel, space: Space, cache_dir: Path) -> DegradationReader:
    """Fits a reader to a model's representations of built-in images under degradations drawn from a space.

    Raises:
        ValueError: the built-in images are too small for the space.
    """
    config = DataConfig(dead_leaves=0, cache_dir=str(cache_dir))
    _, held_out = open_images(config, source_side(space, PATCH))
    probe = build_run_probe(space, held_out, PATCH)
    drawn = probe.select(torch.from_numpy(np.flatnonzero(probe.probed)))
    vectors = embed_batches(_ModelEncoder(model), drawn.batches(), bf16=False, vector_of=lambda found: found.vector)
    return fit_reader(np.concatenate(list(vectors)), drawn)


class _ModelEncoder(nn.Module):
    """A model as the encoder that it contains."""

    def __init__(self, model: SRModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Representation:
        """(B, 3, H, W) -> representation."""
        return represent(self.model, images)


def _key(path: str | Path, space: Space) -> str:
    described = ModelArtefact.open(path).config
    parts = [VERSION, PATCH, described["model"], described["weights_sha256"], space.written]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _read_cache(file: Path) -> DegradationReader | None:
    """What `_write_cache` wrote; None where it is not there or damaged."""
    try:
        with np.load(file) as arrays:
            r2 = {name.partition("/")[2]: float(arrays[name]) for name in arrays if name.startswith("r2/")}
            read = [name for name in r2 if f"bias/{name}" in arrays]
            return DegradationReader(
                {name: RidgeProbe(*(arrays[f"{part}/{name}"] for part in PARTS)) for name in read}, r2
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _write_cache(file: Path, reader: DegradationReader) -> None:
    arrays = {f"r2/{name}": np.asarray(value) for name, value in reader.r2.items()}
    for name, probe in reader.probes.items():
        for part in PARTS:
            arrays[f"{part}/{name}"] = getattr(probe, part)
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, stream.getvalue())
    except OSError as error:
        logger.warning("the model's probes are not kept: %s cannot be written (%s)", file.parent, error.strerror)
