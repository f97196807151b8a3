"""Degradation of an image as an SR model represents it: linear probes on the model's own representation.

The probes are fitted once per model to held-out built-in images under degradations drawn from the space that the model
was trained on, and cached.
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
from shared.images import spread_windows
from shared.inference import embed_batches, eval_mode
from shared.probing import (
    DegradationReader,
    RidgeProbe,
    build_run_probe,
    describe_readings,
    fit_reader,
    format_r2,
    source_side,
)
from sr.model import SRModel
from sr.model_artefact import ModelArtefact
from sr.upscaling.tile_conditions import ImageView, represent

VERSION = 2  # to be raised when probes are fitted differently, so that cached ones are not used
PATCH = 48  # side of LR patches in pixels, as in DASR; windows of images have this size too
WINDOWS = 16  # per image
PARTS = tuple(part.name for part in fields(RidgeProbe))

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Estimator:
    """Reads degradations off the representations of one model.

    Attributes:
        model: Model whose representations are read.
        reader: Probes fitted to the model's degradation space.
    """

    model: SRModel
    reader: DegradationReader

    def summary(self) -> str:
        """Describes which parameters are reported and which are omitted, with their R^2 on held-out images."""
        reported = format_r2({name: self.reader.r2[name] for name in self.reader.probes})
        text = f"degradation estimated by the model, blur in output pixels, noise in 8-bit levels (R^2): {reported}"
        omitted = format_r2(self.reader.unreliable)
        return f"{text}; omitted, because the model does not read them reliably (R^2): {omitted}" if omitted else text

    def read(self, image: Tensor) -> dict[str, np.ndarray]:
        """Reads the parameters of M windows of an image, (M,) each, see `DegradationReader.read`.

        Args:
            image: Image (C, h, w), see `sr.upscaling.tiled.Upscaling`; at least 16 pixels a side.
        """
        colours = ImageView(image[: 1 if image.shape[0] < 3 else 3])
        windows = spread_windows(colours.height, colours.width, PATCH, WINDOWS)
        with eval_mode(self.model):
            vectors = represent(self.model, torch.cat([colours.cut(window) for window in windows])).vector
        return self.reader.read(vectors.float().cpu().numpy())

    def describe(self, image: Tensor) -> str:
        """Describes the medians over the windows, such as "blur 1.8 px, noise 4"."""
        return describe_readings(self.read(image)) or "no visible degradation"


def open_estimator(model: SRModel, path: str | Path, cache_dir: Path) -> Estimator:
    """Opens the estimator of a model, from the cache or by fitting it, which takes up to a minute on a CPU.

    Args:
        model: Model on the device that is to compute.
        path: Path from which the model was loaded.
        cache_dir: Folder of the cache, made if it is missing; if it cannot be written, a warning is logged.

    Raises:
        ValueError: There is nothing to report; says why.
    """
    if not model.reads_images:
        raise ValueError(
            f"a model with conditioning={model.config.conditioning} does not infer the degradation from the image"
        )
    space = load_trained_space(path)
    file = cache_dir / "estimates" / f"{_cache_key(path, space)}.npz"
    reader = _read_cache(file)
    if reader is None:
        print("fitting probes to the model's representations of known degradations, once per model ...", flush=True)
        reader = fit(model, space, cache_dir)
        _write_cache(file, reader)
    if not reader.probes:
        r2 = format_r2(reader.unreliable)
        raise ValueError(f"the model does not read any parameter reliably from held-out images (R^2): {r2}")
    return Estimator(model, reader)


def load_trained_space(path: str | Path) -> Space:
    """Loads the degradation space that a model was trained on.

    Raises:
        ValueError: There is no such space here, or an imported model does not tell.
    """
    metadata = ModelArtefact.open(path).metadata
    name = metadata.get("config", {}).get("degradation") or metadata.get("degradation")
    if name is None and "imported" in metadata:
        raise ValueError("its weights do not tell what they were trained on; import them with degradation=SPACE")
    return load_space(str(name))


def fit(model: SRModel, space: Space, cache_dir: Path) -> DegradationReader:
    """Fits a reader to a model's representations of built-in images under degradations drawn from a space.

    Raises:
        ValueError: The built-in images are too small for the space.
    """
    config = DataConfig(dead_leaves=0, cache_dir=str(cache_dir))
    _, held_out = open_images(config, source_side(space, PATCH))
    probe = build_run_probe(space, held_out, PATCH)
    drawn = probe.select(torch.from_numpy(np.flatnonzero(probe.probed)))
    vectors = embed_batches(
        _ModelEncoder(model), drawn.batches(), bf16=False, vector_of=lambda representation: representation.vector
    )
    return fit_reader(np.concatenate(list(vectors)), drawn)


class _ModelEncoder(nn.Module):
    """An SR model as the encoder that it contains."""

    def __init__(self, model: SRModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Representation:
        """Maps (B, 3, H, W) to a representation."""
        return represent(self.model, images)


def _cache_key(path: str | Path, space: Space) -> str:
    config = ModelArtefact.open(path).config
    parts = [VERSION, PATCH, config["model"], config["weights_sha256"], space.definition]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _read_cache(file: Path) -> DegradationReader | None:
    """Reads what `_write_cache` wrote; None if it is missing or damaged."""
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
        logger.warning("the model's probes are not cached: cannot write to %s (%s)", file.parent, error.strerror)
