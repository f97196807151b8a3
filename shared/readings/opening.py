"""Opening of readers: with the samples that come with an encoder, or with samples that are drawn once and cached."""

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.artefacts import EncoderArtefact
from shared.data import ImageStore, read_fingerprints
from shared.data.fingerprints import fingerprint_images, remove_seen_images
from shared.data.sources import DataConfig, open_images
from shared.degradations import load_space
from shared.encoders import Encoder
from shared.inference import embed_batches
from shared.progress_bar import ProgressBar
from shared.readings.reader import PhotographReader
from shared.readings.samples import MIN_SIDE, SPACE, Samples, count_batches, draw_samples

SHIPPED = Path(__file__).parent / "photo"  # the encoder that comes with the package
SAMPLES_FILE = "readings.npz"  # in the folder of an artefact that comes with its samples
COUNT = 2400  # samples of an encoder that comes without

logger = logging.getLogger(__name__)


def open_reader(
    path: str | Path, data: DataConfig, cache_dir: Path, *, device: torch.device, bf16: bool
) -> PhotographReader:
    """Opens the reader of an encoder.

    If the encoder comes without samples, they are drawn and cached, which takes minutes.

    Args:
        path: Folder of the artefact, or of a run that holds it.
        data: Photographs for the samples of an encoder that comes without.
        cache_dir: Folder of the cache; if it cannot be written, a warning is logged.
        device: Device that is to compute.
        bf16: Whether to draw samples under bf16 autocast; photographs are read in float32.

    Raises:
        FileNotFoundError, ValueError: The encoder or the photographs cannot be used.
    """
    artefact = EncoderArtefact.open(path)
    if (artefact.folder / SAMPLES_FILE).is_file():
        return _open_complete(artefact, device)
    encoder, digest = artefact.load().to(device), artefact.digest
    fitted, held_out = open_images(data, MIN_SIDE)
    left_out, _ = remove_seen_images(held_out, read_fingerprints(artefact.metadata))
    if len(left_out) < 2:
        raise ValueError(f"{path} was trained on the held-out images: give others, data=folder data.root=FOLDER")
    file = cache_dir / "readings" / f"{_hash_inputs(digest, fitted, left_out, bf16)}.npz"
    try:
        samples = Samples.load(file, digest)
    except (OSError, ValueError):
        samples = embed_samples(encoder, fitted, left_out, bf16=bf16, name=artefact.run_name, count=COUNT)
        _save(samples, file, digest)
    return PhotographReader(encoder, samples)


def open_shipped(device: torch.device) -> PhotographReader:
    """Opens the reader of the encoder that comes with the package, which takes seconds."""
    return _open_complete(EncoderArtefact.open(SHIPPED), device)


def _open_complete(artefact: EncoderArtefact, device: torch.device) -> PhotographReader:
    """Opens the reader of an encoder that comes with its samples."""
    samples = Samples.load(artefact.folder / SAMPLES_FILE, artefact.digest)
    return PhotographReader(artefact.load().to(device), samples)


def select_for_samples(store: ImageStore) -> ImageStore:
    """Selects the photographs that are large enough for samples.

    Raises:
        ValueError: None is.
    """
    sides = torch.minimum(store.heights, store.widths)
    if int(sides.max()) < MIN_SIDE:
        raise ValueError(f"readings need photographs of at least {MIN_SIDE} pixels per side, not {int(sides.max())}")
    return store.select((sides >= MIN_SIDE).nonzero()[:, 0].tolist())


def embed_samples(
    encoder: Encoder, fitted: ImageStore, left_out: ImageStore, *, bf16: bool, name: str, count: int
) -> Samples:
    """Draws samples and embeds them, with a progress bar.

    Args:
        encoder: Encoder on the device that is to compute.
        fitted: Photographs that a predictor may be fitted to.
        left_out: Other photographs.
        bf16: Whether to run the encoder under bf16 autocast.
        name: Name of the encoder, for the bar.
        count: Number of samples.
    """

    def embed(batches: Iterator[Tensor]) -> Iterator[np.ndarray]:
        for vectors in embed_batches(encoder, batches, bf16=bf16, vector_of=lambda output: output.vector):
            bar.update()
            yield vectors

    with ProgressBar(total=count_batches(count), desc=f"samples of {name}", unit="batch", leave=False) as bar:
        return draw_samples(embed, load_space(SPACE), fitted, left_out, count=count)


def _hash_inputs(digest: str, fitted: ImageStore, left_out: ImageStore, bf16: bool) -> str:
    """Hashes all that the samples of an encoder depend on."""
    images = [fingerprint_images(store) for store in (fitted, left_out)]
    parts = [digest, load_space(SPACE).definition, COUNT, images, bf16]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _save(samples: Samples, file: Path, digest: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        samples.save(file, digest)
    except OSError as error:
        logger.warning("the samples are not cached: cannot write to %s (%s)", file.parent, error.strerror)
