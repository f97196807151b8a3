"""Report on a user's images, compared with a probe set: the degradation of each, and groups of similar images."""

import csv
import hashlib
import io
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
from analysis.measures.image_reading import ImageReading, read_images
from analysis.measures.scores import COLLAPSED, has_collapsed
from analysis.own_page import MAX_LISTED, OwnPage, build_own_page, draw_shown
from analysis.page.page import write_page
from analysis.report_files import PAGE, RESULTS, STAGE
from shared.command import to_plain
from shared.data.sources import open_files
from shared.data.store import ImageStore
from shared.devices import resolve_precision, select_device
from shared.files import escape_unprintable, expand_user, write_atomically, write_json
from shared.images import spread_windows
from shared.inference import embed_batches
from shared.probing import ProbeSet, format_r2
from shared.progress_bar import ProgressBar
from shared.run_folders.report_folder import ReportFolder

FORMAT = 4  # of scores.json; to be raised when patches are cut or read differently, which outdates old reports
TABLE = "images.csv"


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
    store = open_files([Path(path) for path in paths], cache, config.patch)
    (embedder, *_), _ = open_embedders([config.encoder] if config.encoder else [], config.runs_dir, config.layer)
    probe, _, notes = choose_probe(config, [embedder])
    if not probe.is_listed:
        raise ValueError(
            f"probe={config.probe}: own images are compared with listed degradations; use a probe that lists some, "
            "such as probe=grid"
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
        required=(PAGE, TABLE),
    )
    with report.lock():
        result, when = report.load(), "made before"
        if result is None:
            bf16 = config.precision == "bf16"
            probe_embedding = embed_cached(
                embedder, probe, render_patches(probe, cache), cache, device=device, bf16=bf16
            )
            patches = OwnPatches(store, config.patch, *place_patches(store, config.patch, config.patches))
            key = f"own-{patches.hash(pixels)}-{embedder.hash}-{config.precision}"
            embedding = _embed(embedder, patches, cache / "embeddings" / f"{key}.npy", device=device, bf16=bf16)
            try:
                notes += [f"{COLLAPSED}, and its readings are meaningless"] if has_collapsed(probe_embedding) else []
                reading = read_images(embedding, probe, np.asarray(probe_embedding))
            except ValueError as error:
                raise ValueError(f"{embedder.name}: {error}") from error
            with report.writing() as folder:
                result = _write(folder, config, embedder, probe, probe_embedding, patches, embedding, reading, notes)
            when = f"{time.perf_counter() - started:.0f} s"
    _print(result)
    print(f"\npage: {report.path / PAGE} ({when})")
    return 0


def place_patches(store: ImageStore, patch: int, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Places about `count` patches on an even grid over each image; returns image, top and left, (M,) int64 each."""
    positions = [
        (index, window.top, window.left)
        for index, (height, width) in enumerate(zip(store.heights.tolist(), store.widths.tolist(), strict=True))
        for window in spread_windows(height, width, patch, count)
    ]
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
    reading: ImageReading,
    notes: list[str],
) -> dict[str, Any]:
    """Writes all files of the report; returns the results."""
    image = patches.image.numpy()
    names = _strip_common_folder(patches.store.names)
    group = group_images(embedding, image, config.seed) + 1
    sentences = [reading.describe(image == i, probe.names) for i in range(len(names))]
    if omitted := format_r2(reading.unreliable):
        notes = [*notes, f"omitted, because {embedder.name} does not read them reliably (R^2): {omitted}"]
    write_atomically(folder / TABLE, _build_table(names, group, sentences, reading, image))
    top, left = patches.top.numpy(), patches.left.numpy()
    own = OwnPage(
        encoder=embedder.name,
        names=names,
        group=group,
        sentences=sentences,
        store=patches.store,
        image=image,
        top=top,
        left=left,
        patch=patches.patch,
        parameters=reading.parameters,
        embedding=embedding,
        notes=notes,
    )
    shown = draw_shown(len(patches), config.seed)
    probe_patches = render_patches(probe, expand_user(config.data.cache_dir, "data.cache_dir"))
    page = build_own_page(config, own, shown, patches.cut(shown), probe, probe_embedding, probe_patches)
    write_page(folder / PAGE, page)
    position = np.stack((top, left), 1)
    with (folder / "embeddings.npz").open("wb") as file:
        np.savez(file, embedding=embedding, image=image, image_names=np.array(names), place=position)
    result = {
        "format": FORMAT,
        "subject": embedder.name,
        "hash": embedder.hash,
        "layer": config.layer,
        "probe": {"name": probe.name, "hash": probe.hash(), "images": list(probe.store.names)},
        "notes": notes,
        "images": [
            {"image": name, "group": int(number), "looks_like": sentence}
            for name, number, sentence in zip(names, group, sentences, strict=True)
        ],
        "r2_of_what_is_not_told": reading.unreliable,
    }
    write_json(folder / RESULTS, result)
    return result


def _strip_common_folder(paths: Sequence[str]) -> list[str]:
    """Removes the folders that all paths have in common."""
    common = os.path.commonpath([os.path.dirname(path) for path in paths])
    return [os.path.relpath(path, common) for path in paths]


def _build_table(
    names: list[str], group: np.ndarray, sentences: list[str], reading: ImageReading, image: np.ndarray
) -> bytes:
    """Builds a CSV table with a row per image: name, group, medians of the parameters, similarity, description."""
    text = io.StringIO()
    writer = csv.writer(text)
    columns = [name for name in reading.parameters if name != "angle"]
    writer.writerow(["image", "group", *columns, "similarity", "looks_like"])
    for i, (name, number, sentence) in enumerate(zip(names, group, sentences, strict=True)):
        rows = image == i
        medians = [f"{np.median(reading.parameters[column][rows]):.4g}" for column in columns]
        writer.writerow([name, int(number), *medians, f"{np.median(reading.similarity[rows]):.4f}", sentence])
    return text.getvalue().encode(errors="backslashreplace")


def _print(result: dict[str, Any]) -> None:
    images = result["images"]
    names = [escape_unprintable(row["image"]) for row in images[:MAX_LISTED]]
    width = max(map(len, names))
    for name, row in zip(names, images, strict=False):
        print(f"{name:<{width}s}  group {row['group']}  {row['looks_like']}")
    if len(images) > MAX_LISTED:
        print(f"and {len(images) - MAX_LISTED} more in {TABLE}")
    for note in result["notes"]:
        print(note)
