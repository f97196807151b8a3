"""Streamed embedding against the forward pass of the same network, and its memory for few and many patches."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from analysis.embedding.cache import BATCH, embed_stream
from analysis.embedding.embedders import EncoderLayer
from shared.encoders import EncoderConfig, build_encoder
from tests.bench.measuring import Row, Settings, speed_row, time_in_turn
from tests.bench.memory import POLL_SECONDS, anonymous_and_resident
from tests.bench.real_run import recipe_config

BATCHES = 4
FEW, MANY, SIDE = 2_000, 40_000, 32  # numbers of patches and their side in pixels, for the memory row
TINY_FEW, TINY_MANY = 200, 400
MAX_GROWTH = 50.0  # MB, for twenty times as many patches


def measure(settings: Settings) -> list[Row]:
    """Measures the throughput from 8-bit patches on disk to vectors, and the peak memory for few and many patches."""
    return [_measure_throughput(settings), _measure_growth(settings)]


def _measure_throughput(settings: Settings) -> Row:
    config = recipe_config(settings, "quick")
    patch, batch = (32, 4) if settings.tiny else (64, BATCH)
    layer = EncoderLayer(build_encoder(config.encoder).to(settings.device), "vector").eval()
    path = settings.scratch / "patches.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (batch * BATCHES, 3, patch, patch), dtype=np.uint8))
    patches = np.load(path, mmap_mode="r")
    batches = [part.to(settings.device).float().div(255) for part in torch.from_numpy(np.array(patches)).split(batch)]

    @torch.no_grad()
    def forward() -> None:
        with settings.autocast():
            for images in batches:
                layer(images)

    def stream() -> None:
        for _ in embed_stream(layer, patches, device=settings.device, bf16=settings.precision == "bf16"):
            pass

    name = f"{config.encoder.name}, {len(patches)} patches of {patch} px in batches of {batch}: over the forward pass"
    return speed_row(name, time_in_turn(stream, forward, settings), 0.95, len(patches), "patches")


def _measure_growth(settings: Settings) -> Row:
    counts = (TINY_FEW, TINY_MANY) if settings.tiny else (FEW, MANY)
    few, many = (_measure_peak(settings, count) for count in counts)
    return Row(
        f"DASR's CNN, {counts[1]} patches of {SIDE} px: peak memory beyond that of {counts[0]}",
        (many - few,),
        MAX_GROWTH,
        at_most=True,
        unit="MB",
        detail=f"{many:.0f} against {few:.0f} MB",
    )


def _measure_peak(settings: Settings, count: int) -> float:
    """Measures the peak anonymous memory in MB of a process that embeds `count` patches from disk to disk."""
    command = [sys.executable, "-m", "tests.bench.embedding", str(settings.scratch / f"{count}"), str(count)]
    process, peak = subprocess.Popen(command), 0.0
    while process.poll() is None:
        peak = max(peak, anonymous_and_resident(process.pid)[0])
        time.sleep(POLL_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}")
    return peak


def _embed_from_disk_to_disk(folder: Path, count: int) -> None:
    folder.mkdir()
    shape = (count, 3, SIDE, SIDE)
    patches = np.lib.format.open_memmap(folder / "patches.npy", mode="w+", dtype=np.uint8, shape=shape)
    patches.flush()
    del patches
    layer = EncoderLayer(build_encoder(EncoderConfig(name="dasr", input="bands")), "vector").eval()
    stored = np.load(folder / "patches.npy", mmap_mode="r")
    with open(folder / "vectors.bin", "wb") as file:
        for part in embed_stream(layer, stored, device=torch.device("cpu"), bf16=False):
            file.write(part.tobytes())


if __name__ == "__main__":
    _embed_from_disk_to_disk(Path(sys.argv[1]), int(sys.argv[2]))
