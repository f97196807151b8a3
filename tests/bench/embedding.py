"""Streamed embedding against the bare forward of the same network, and its memory as the images become many."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from analysis.embedding.cache import BATCH, embed_stream
from analysis.embedding.embedders import EncoderLayer
from shared.encoders import EncoderConfig, build_encoder
from tests.bench.measuring import Row, Settings, speed_row, timed_in_turn
from tests.bench.memory import POLL_SECONDS, anonymous_and_resident
from tests.bench.real_run import recipe_config

BATCHES = 4
FEW, MANY, SIDE = 2_000, 40_000, 32  # patches, and their side in pixels, of the memory rows
TINY_FEW, TINY_MANY = 200, 400
GROWTH_BOUND = 50.0  # MB more for twenty times as many patches


def measure(settings: Settings) -> list[Row]:
    """Throughput from 8-bit patches on disk to vectors, and peak memory for few and for many of them."""
    return [_throughput(settings), _growth(settings)]


def _throughput(settings: Settings) -> Row:
    config = recipe_config(settings, "quick")
    patch, batch = (32, 4) if settings.tiny else (64, BATCH)
    layer = EncoderLayer(build_encoder(config.encoder).to(settings.device), "vector").eval()
    path = settings.scratch / "patches.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (batch * BATCHES, 3, patch, patch), dtype=np.uint8))
    patches = np.load(path, mmap_mode="r")
    ready = [part.to(settings.device).float().div(255) for part in torch.from_numpy(np.array(patches)).split(batch)]

    @torch.no_grad()
    def bare() -> None:
        with settings.autocast():
            for part in ready:
                layer(part)

    def streamed() -> None:
        for _ in embed_stream(layer, patches, device=settings.device, bf16=settings.precision == "bf16"):
            pass

    name = f"{config.encoder.name}, {len(patches)} patches of {patch} px in batches of {batch}: over the forward"
    return speed_row(name, timed_in_turn(streamed, bare, settings), 0.95, len(patches), "patches")


def _growth(settings: Settings) -> Row:
    counts = (TINY_FEW, TINY_MANY) if settings.tiny else (FEW, MANY)
    few, many = (_peak(settings, count) for count in counts)
    return Row(
        f"DASR's CNN, {counts[1]} patches of {SIDE} px: peak memory more than for {counts[0]}",
        (many - few,), GROWTH_BOUND, at_most=True, unit="MB", detail=f"{many:.0f} against {few:.0f} MB",
    )  # fmt: skip


def _peak(settings: Settings, count: int) -> float:
    """Peak anonymous memory in MB of a process that embeds `count` patches from disk to disk."""
    command = [sys.executable, "-m", "tests.bench.embedding", str(settings.scratch / f"{count}"), str(count)]
    process, peak = subprocess.Popen(command), 0.0
    while process.poll() is None:
        peak = max(peak, anonymous_and_resident(process.pid)[0])
        time.sleep(POLL_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
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
