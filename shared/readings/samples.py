"""Photographs under drawn degradations, as an encoder sees them: what the predictor of readings is fitted to."""

import io
import math
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.data.sampling import make_generator
from shared.data.store import ImageStore
from shared.degradations import Degradation, Space, degrade
from shared.files import write_atomically
from shared.readings.quantities import ANGLE, KINDS, QUANTITIES, find_kinds, measure
from shared.readings.windows import WINDOWS, cut_windows, draw_places, measure_texture, pool

VERSION = 1  # of the file; to be raised when vectors, kinds or quantities are made differently
SPACE = "photo"  # degradation space
PATCH = 64  # side of the windows in pixels
MAX_BYTES = 500_000_000  # of the arrays of a file
BATCH = 16  # photographs degraded together
LARGEST, SMALLEST = 4, 2  # sides of the degraded crops, in sides of a window
MIN_SIDE = 192  # of a photograph in pixels: the smallest crop, with the margin of the space
COUNTS = (WINDOWS, 8, WINDOWS, 4, WINDOWS, 2, WINDOWS, 1)  # of windows of a crop, in turn; small photographs have few
FEWEST_SAMPLES = 200  # that a predictor can be fitted to
LEFT_OUT = 1 / 3  # share of the samples, on photographs that the predictor is not fitted to
QUANTITY_NAMES = (*(quantity.name for quantity in QUANTITIES), ANGLE)


@dataclass(frozen=True)
class Samples:
    """N degraded photographs.

    Attributes:
        features: What the encoder tells of each, (N, F) float32, see `shared.readings.windows.pool`.
        is_left_out: Whether intervals are not fitted to it but corrected on it, (N,) bool.
        kind: Kind of its blur, (N,) indices into `KINDS`.
        quantities: True values by name, (N,) each, NaN where they do not apply.
    """

    features: np.ndarray
    is_left_out: np.ndarray
    kind: np.ndarray
    quantities: dict[str, np.ndarray]

    def save(self, path: Path, digest: str) -> None:
        """Writes an .npz file in one atomic step; features have half precision.

        Args:
            path: The file.
            digest: Digest of the encoder, see `EncoderArtefact.digest`.
        """
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            version=VERSION,
            digest=digest,
            features=self.features.astype(np.float16),
            is_left_out=self.is_left_out,
            kind=self.kind.astype(np.int8),
            quantities=np.stack([self.quantities[name] for name in QUANTITY_NAMES]).astype(np.float32),
        )
        write_atomically(path, stream.getvalue())

    @staticmethod
    def load(path: Path, digest: str) -> "Samples":
        """Reads a file that `save` has written.

        Raises:
            OSError, ValueError: The file is missing, damaged, or of another encoder or version.
        """
        data = path.read_bytes()
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:  # before anything is unpacked
                if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
                    raise ValueError(f"it unpacks to more than {MAX_BYTES / 1e6:.0f} MB")
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                if (int(stored["version"]), str(stored["digest"])) != (VERSION, digest):
                    raise ValueError("it belongs to another encoder or version")
                samples = Samples(
                    stored["features"].astype(np.float32),
                    stored["is_left_out"].astype(bool),
                    stored["kind"].astype(np.int64),
                    dict(zip(QUANTITY_NAMES, stored["quantities"].astype(np.float64), strict=True)),
                )
            samples._check()
        except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds for damaged files
            reason = str(error).partition("\n")[0][:200] or type(error).__name__
            raise ValueError(f"{path} cannot be used: {reason}") from error
        return samples

    def _check(self) -> None:
        """Refuses arrays that do not fit each other."""
        count = len(self.features)
        rows = [self.is_left_out, self.kind, *self.quantities.values()]
        if self.features.ndim != 2 or any(values.shape != (count,) for values in rows):
            raise ValueError("its arrays do not fit each other")
        if not np.isfinite(self.features).all() or not np.isin(self.kind, range(len(KINDS))).all():
            raise ValueError("its values are out of range")


def draw_samples(
    embed: Callable[[Iterator[Tensor]], Iterator[np.ndarray]],
    space: Space,
    fitted: ImageStore,
    left_out: ImageStore,
    *,
    count: int,
    seed: int = 0,
) -> Samples:
    """Degrades crops of photographs as a whole, so that their windows share one noise field and one grid of blocks.

    Half of them are seen through as many windows as a large photograph, the others through fewer, like small ones.

    Args:
        embed: Function from batches of windows, (n, 3, p, p) uint8, to their vectors, (n, D) per batch.
        space: Degradation space of scale 1.
        fitted: Photographs that the predictor may be fitted to.
        left_out: Other photographs.
        count: N, number of degraded crops.
        seed: Seed of the degradations, the crops and the windows.

    Raises:
        ValueError: A photograph is too small.
    """
    generator = make_generator(seed, 0x5A3B)
    degradation = space.draw(count, generator)
    is_left_out = np.arange(count) < round(LEFT_OUT * count)
    parts: list[np.ndarray] = []
    for store, rows in ((left_out, np.flatnonzero(is_left_out)), (fitted, np.flatnonzero(~is_left_out))):
        parts += _embed_crops(embed, space, store, degradation[torch.from_numpy(rows)], generator)
    # as precise as in a file, so that samples are read alike before and after
    features = np.stack(parts).astype(np.float16).astype(np.float32)
    quantities = {name: values.astype(np.float32).astype(np.float64) for name, values in measure(degradation).items()}
    return Samples(features, is_left_out, find_kinds(degradation), quantities)


def count_batches(count: int) -> int:
    """Counts the batches of windows in which `count` samples are embedded."""
    left_out = round(LEFT_OUT * count)
    return math.ceil(left_out / BATCH) + math.ceil((count - left_out) / BATCH)


def _embed_crops(
    embed: Callable[[Iterator[Tensor]], Iterator[np.ndarray]],
    space: Space,
    store: ImageStore,
    degradation: Degradation,
    generator: torch.Generator,
) -> list[np.ndarray]:
    """Degrades a crop of a photograph by each row, and pools what the encoder tells of its windows, (F,) each."""
    smallest = int(torch.minimum(store.heights, store.widths).min())
    side = min(smallest - 2 * space.margin(), LARGEST * PATCH)
    if side < SMALLEST * PATCH:
        need = SMALLEST * PATCH + 2 * space.margin()
        raise ValueError(f"readings need photographs of at least {need} pixels per side, not {smallest}")
    textures: list[np.ndarray] = []  # of the windows of each row

    def cut() -> Iterator[Tensor]:
        for batch, rows in enumerate(torch.arange(len(degradation)).split(BATCH)):
            count = COUNTS[batch % len(COUNTS)]
            source = side + 2 * space.margin()
            image = torch.randint(len(store), (len(rows),), generator=generator)
            place = torch.rand(2, len(rows), generator=generator)
            top, left = (place * (torch.stack((store.heights, store.widths))[:, image] - source + 1)).long()
            crops = store.crops(image, top, left, source).float().div_(255)
            degraded = degrade(crops[:, None], degradation[rows], margin=space.margin())[:, 0].mul_(255).round_()
            windows = [
                cut_windows(crop, draw_places(side, side, PATCH, count, generator), PATCH)
                for crop in degraded.clamp_(0, 255).to(torch.uint8)
            ]
            textures.extend(measure_texture(part).numpy() for part in windows)
            yield torch.cat(windows)

    vectors = np.concatenate(list(embed(cut())))
    ends = np.cumsum([len(texture) for texture in textures])
    return [pool(part, texture) for part, texture in zip(np.split(vectors, ends[:-1]), textures, strict=True)]
