"""Report on a user's images: what happened to each, groups of similar images, and where they lie in a probe set."""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from analysis.config import OwnImagesConfig
from analysis.embedding.cache import BATCH, embed_cached, load_or_write, render_patches
from analysis.embedding.embedders import Embedder, open_embedders
from analysis.embedding.probe_choice import choose_probe
from analysis.figures.pictures import make_slug
from analysis.measures.image_groups import group_images
from analysis.measures.scores import COLLAPSED, has_collapsed
from analysis.own_page import MAX_LISTED, OwnPage, build_own_page, draw_shown
from analysis.page.page import write_page
from analysis.reading_files import READINGS, TABLE, write_readings
from analysis.report_files import PAGE, RESULTS, STAGE
from shared.command import to_plain
from shared.data.sources import open_files
from shared.data.store import ImageStore
from shared.devices import resolve_precision, select_device
from shared.files import escape_unprintable, expand_user, write_json
from shared.images import spread_windows
from shared.inference import embed_batches
from shared.probing import ProbeSet
from shared.progress_bar import ProgressBar
from shared.readings import SHIPPED, Reading, open_reader
from shared.run_folders.report_folder import ReportFolder

FORMAT = 5  # of scores.json; to be raised when patches are cut or read differently, which outdates old reports


@dataclass(frozen=True)
class OwnPatches:
    """M patches of a user's images, cut on demand.

    Attributes:
        store: The K images.
        patch: Side of the patches in pixels.
        image, top, left: Image and position of each patch, (M,) int64 each.
    """

    store: ImageStore
    patch: int
    image: torch.Tensor
    top: torch.Tensor
    left: torch.Tensor

    def __len__(self) -> int:
        return len(self.image)

    def hash(self, pixels: str) -> str:
        """Hashes everything the patches depend on, given the hash of the images' pixels."""
        digest = hashlib.sha256(f"{pixels} {self.patch}".encode())
        for positions in (self.image, self.top, self.left):
            digest.update(positions.numpy().tobytes())
        return digest.hexdigest()[:16]

    def cut(self, rows: slice | np.ndarray) -> np.ndarray:
        """Cuts some of the patches, (m, 3, patch, patch) uint8."""
        positions = (self.image[rows], self.top[rows], self.left[rows])
        return self.store.crops(*positions, self.patch).contiguous().numpy()


def describe_images(config: OwnImagesConfig, paths: Sequence[str]) -> int:
    """Writes `runs/analysis/<name>/` and prints a line per image; returns the exit status."""
    started = time.perf_counter()
    device = select_device(config.accelerator)
    config.precision = resolve_precision(config.precision, device)
    cache = expand_user(config.data.cache_dir, "data.cache_dir")
    store = open_files([Path(path) for path in paths], cache, 1)
    patches = OwnPatches(store, config.patch, *place_patches(store, config.patch, config.patches))
    encoder = config.encoder or str(SHIPPED)
    (embedder, *_), _ = open_embedders([encoder], config.runs_dir, config.layer)
    probe, _, notes = choose_probe(config, [embedder])
    if not probe.is_listed:
        raise ValueError(
            f"probe={config.probe}: own images are shown among listed degradations; use a probe that lists some, such "
            "as probe=grid"
        )
    pixels = hash_pixels(store)
    report = ReportFolder(
        config.runs_dir,
        STAGE,
        name=config.name,
        default=make_slug(f"{Path(paths[0]).resolve().stem}-by-{embedder.name}"),
        config=to_plain(config)
        | {
            "images": list(store.names),
            "pixels": pixels,
            "subject": embedder.hash,
            "probe_hash": probe.hash(),
            "format": FORMAT,
            "degradations": probe.names,
        },
        results=RESULTS,
        required=(PAGE, READINGS, TABLE),
    )
    with report.lock():
        result, when = report.load(), "made before"
        if result is None:
            bf16 = config.precision == "bf16"
            try:
                reader = open_reader(encoder, config.data, cache, device=device, bf16=bf16)
                probe_embedding = embed_cached(
                    embedder, probe, render_patches(probe, cache), cache, device=device, bf16=bf16
                )
                notes += [f"{COLLAPSED}, and its readings are meaningless"] if has_collapsed(probe_embedding) else []
            except ValueError as error:
                raise ValueError(f"{embedder.name}: {error}") from error
            readings = reader.read_store(store)
            key = f"own-{patches.hash(pixels)}-{embedder.hash}-{config.precision}"
            embedding = _embed(embedder, patches, cache / "embeddings" / f"{key}.npy", device=device, bf16=bf16)
            with report.writing() as folder:
                result = _write(folder, config, embedder, probe, probe_embedding, patches, embedding, readings, notes)
            when = f"{time.perf_counter() - started:.0f} s"
    _print(result)
    print(f"\npage: {report.path / PAGE} ({when})")
    return 0


def place_patches(store: ImageStore, patch: int, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Places about `count` patches on an even grid over each image that is large enough for one.

    Returns:
        Image, top and left of each, (M,) int64 each.

    Raises:
        ValueError: No image is large enough.
    """
    positions = [
        (index, window.top, window.left)
        for index, (height, width) in enumerate(zip(store.heights.tolist(), store.widths.tolist(), strict=True))
        for window in spread_windows(height, width, patch, count)
        if min(height, width) >= patch
    ]
    if not positions:
        raise ValueError(f"patch={patch}: no image has {patch} pixels per side; choose smaller patches")
    image, top, left = torch.tensor(positions).T
    return image, top, left


def hash_pixels(store: ImageStore) -> str:
    """Hashes the images' sizes and pixels, 16 hex digits."""
    digest = hashlib.sha256()
    for index in range(len(store)):
        digest.update(repr(tuple(store.image(index).shape)).encode())
        digest.update(store.image(index).numpy().tobytes())
    return digest.hexdigest()[:16]


def _embed(embedder: Embedder, patches: OwnPatches, path: Path, *, device: torch.device, bf16: bool) -> np.ndarray:
    """Embeds the patches, (M, D), mapped from the cache: neither patches nor embedding are ever whole in memory."""

    def parts() -> Iterator[np.ndarray]:
        starts = ProgressBar(range(0, len(patches), BATCH), desc=embedder.name, unit="batch", leave=False)
        batches = (patches.cut(slice(start, start + BATCH)) for start in starts)
        return embed_batches(embedder.build().to(device), batches, bf16=bf16)

    return load_or_write(path, len(patches), parts)


def _write(
    folder: Path,
    config: OwnImagesConfig,
    embedder: Embedder,
    probe: ProbeSet,
    probe_embedding: np.ndarray,
    patches: OwnPatches,
    embedding: np.ndarray,
    readings: list[Reading],
    notes: list[str],
) -> dict[str, Any]:
    """Writes all files of the report; returns the results."""
    names = _strip_common_folder(patches.store.names)
    write_readings(folder, [reading.to_json(name) for reading, name in zip(readings, patches.store.names, strict=True)])
    shown_images, image = np.unique(patches.image.numpy(), return_inverse=True)  # images that are too small have none
    group = np.zeros(len(names), np.int64)
    group[shown_images] = group_images(embedding, image, config.seed) + 1
    if len(shown_images) < len(names):
        notes = [*notes, f"not on the page, because smaller than a patch: {len(names) - len(shown_images)} image(s)"]
    own = OwnPage(
        encoder=embedder.name,
        names=[names[i] for i in shown_images],
        group=group[shown_images],
        readings=[readings[i] for i in shown_images],
        store=patches.store.select(shown_images.tolist()),
        image=image,
        top=patches.top.numpy(),
        left=patches.left.numpy(),
        patch=patches.patch,
        embedding=embedding,
        notes=notes,
    )
    shown = draw_shown(len(patches), config.seed)
    probe_patches = render_patches(probe, expand_user(config.data.cache_dir, "data.cache_dir"))
    page = build_own_page(config, own, shown, patches.cut(shown), probe, probe_embedding, probe_patches)
    write_page(folder / PAGE, page)
    position = np.stack((own.top, own.left), 1)
    with (folder / "embeddings.npz").open("wb") as file:
        np.savez(file, embedding=embedding, image=image, image_names=np.array(own.names), place=position)
    result = {
        "format": FORMAT,
        "subject": embedder.name,
        "hash": embedder.hash,
        "layer": config.layer,
        "probe": {"name": probe.name, "hash": probe.hash(), "images": list(probe.store.names)},
        "notes": notes,
        "images": [
            {"image": name, "group": int(number), "verdict": reading.verdict}
            for name, number, reading in zip(names, group, readings, strict=True)
        ],
    }
    write_json(folder / RESULTS, result)
    return result


def _strip_common_folder(paths: Sequence[str]) -> list[str]:
    """Removes the folders that all paths have in common."""
    common = os.path.commonpath([os.path.dirname(path) for path in paths])
    return [os.path.relpath(path, common) for path in paths]


def _print(result: dict[str, Any]) -> None:
    images = result["images"]
    names = [escape_unprintable(row["image"]) for row in images[:MAX_LISTED]]
    width = max(map(len, names))
    for name, row in zip(names, images, strict=False):
        print(f"{name:<{width}s}  group {row['group'] or '-'}  {row['verdict']}")
    if len(images) > MAX_LISTED:
        print(f"and {len(images) - MAX_LISTED} more in {TABLE}")
    for note in result["notes"]:
        print(note)
