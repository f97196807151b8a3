"""Cache of rendered patches and embeddings, streamed to disk; what is cached needs no network."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import write_array_header_2_0
from torch import nn

from analysis.embedding.embedders import Embedder
from shared.files import make_private_path
from shared.inference import embed_batches
from shared.probing import ProbeSet
from shared.progress_bar import ProgressBar

BATCH = 128  # patches; larger batches were no faster for a ResNet50 on a CPU
MIN_BAR_BATCHES = 5  # batches; fewer finish before a progress bar can be read


def render_patches(probe: ProbeSet, cache_dir: Path, *, quiet: bool = False) -> np.ndarray:
    """Renders the patches of a probe set, (N, 3, p, p) uint8, memory-mapped from the cache after the first call."""
    path = cache_dir / "patches" / f"{probe.hash()}.npy"

    def parts() -> Iterator[np.ndarray]:
        for rows in _batches(len(probe), "patches", quiet):
            yield probe.patches(rows).numpy()

    return load_or_write(path, len(probe), parts)


def embed_cached(
    embedder: Embedder,
    probe: ProbeSet,
    patches: np.ndarray,
    cache_dir: Path,
    *,
    device: torch.device,
    bf16: bool,
    quiet: bool = False,
) -> np.ndarray:
    """Embeds a probe set, (N, D) float32, memory-mapped from the cache after the first call.

    Args:
        embedder: Embedder of the patches.
        probe: Probe set with N patches.
        patches: Rendered patches, (N, 3, p, p) uint8, see `render_patches`.
        cache_dir: Folder of the cache, in which embeddings are found by the hashes of embedder and probe set.
        device: Device on which the network runs.
        bf16: Whether to run under bfloat16 autocast.
        quiet: Whether to show no progress bar.

    Raises:
        ValueError: The cache cannot be written.
    """
    precision = "bf16" if bf16 else "fp32"
    path = cache_dir / "embeddings" / f"{probe.hash()}-{embedder.hash}-{precision}.npy"

    def parts() -> Iterator[np.ndarray]:
        return embed_stream(embedder.build(), patches, device=device, bf16=bf16, title=embedder.name, quiet=quiet)

    return load_or_write(path, len(patches), parts)


def embed_stream(
    network: nn.Module, patches: np.ndarray, *, device: torch.device, bf16: bool, title: str = "", quiet: bool = True
) -> Iterator[np.ndarray]:
    """Embeds (N, 3, p, p) uint8 patches, memory-mapped or not, batch by batch, (n, D) float32 each."""
    batches = (np.array(patches[rows]) for rows in _batches(len(patches), title, quiet))
    return embed_batches(network.to(device), batches, bf16=bf16)


def _batches(count: int, title: str, quiet: bool) -> Iterator[slice]:
    starts = range(0, count, BATCH)
    is_short = len(starts) < MIN_BAR_BATCHES
    bar = ProgressBar(starts, desc=title, unit="batch", disable=quiet or is_short, leave=False)
    yield from (slice(start, min(count, start + BATCH)) for start in bar)


def load_or_write(path: Path, count: int, parts: Callable[[], Iterator[np.ndarray]]) -> np.ndarray:
    """Maps the array in a file; if it is missing, writes it part by part first. A kill leaves no partial file.

    An array that is not finite is returned but not stored, so that the next call computes it anew.

    Args:
        path: The `.npy` file.
        count: Number of rows of the array.
        parts: Function that yields the rows, some at a time.

    Raises:
        ValueError: The file cannot be written.
    """
    try:
        stored = np.load(path, mmap_mode="r")
        if len(stored) == count:
            return stored
    except (OSError, ValueError, EOFError):
        pass  # missing or incomplete
    private = make_private_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_finite = True
        with private.open("wb") as file:
            for part in parts():
                if file.tell() == 0:
                    header = {"descr": part.dtype.str, "fortran_order": False, "shape": (count, *part.shape[1:])}
                    write_array_header_2_0(file, header)
                file.write(np.ascontiguousarray(part).data)
                is_finite = is_finite and bool(np.isfinite(part).all())
        if not is_finite:
            return np.load(private)
        os.replace(private, path)
    except OSError as error:
        raise ValueError(f"{path.parent} cannot be written ({error.strerror}): give another data.cache_dir=") from error
    finally:
        if private.exists():
            private.unlink()
    return np.load(path, mmap_mode="r")
