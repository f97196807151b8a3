"""A user's images, held against a probe set: what each looks like, and which look alike."""

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
from analysis.embedding.blocks import even_rows
from analysis.embedding.cache import BATCH, embedded, kept, rendered
from analysis.embedding.embedders import Subject, open_subjects
from analysis.embedding.probe_sets import ProbeSet
from analysis.figures.pictures import slug_of
from analysis.measures.likeness import Likeness, clusters_of, likeness
from analysis.measures.scores import COLLAPSED, has_collapsed
from analysis.page.page import MOST_POINTS, PageData, write_page
from analysis.run import PAGE, RESULTS, STAGE, map_of, probe_for, trusted
from shared.command import to_plain
from shared.data import ImageStore, open_files
from shared.devices import resolve_precision, select_device
from shared.files import write_atomically, write_json
from shared.images import spread_windows
from shared.inference import embed_batches
from shared.run_folders import ReportFolder

FORMAT = 3  # of scores.json; raise it when patches are cut or read otherwise, so that no old report is shown again
PRINTED = 40  # images; the rest is in the table's file
TABLE = "images.csv"


@dataclass(frozen=True)
class OwnPatches:
    """M patches of a user's images, cut as they are asked for.

    Attributes:
        store: K images.
        patch: side in pixels.
        image, top, left: (M,) int64.
    """

    store: ImageStore
    patch: int
    image: torch.Tensor
    top: torch.Tensor
    left: torch.Tensor

    def __len__(self) -> int:
        return len(self.image)

    def hash(self, pixels: str) -> str:
        """Of all that the patches depend on, given the hash of the images' pixels."""
        digest = hashlib.sha256(f"{pixels} {self.patch}".encode())
        for places in (self.image, self.top, self.left):
            digest.update(places.numpy().tobytes())
        return digest.hexdigest()[:16]

    def cut(self, rows: slice | np.ndarray) -> np.ndarray:
        """Some of the patches, (m, 3, patch, patch) uint8."""
        places = (self.image[rows], self.top[rows], self.left[rows])
        return self.store.crops(*places, self.patch).contiguous().numpy()


def look_at(config: OwnImagesConfig, paths: Sequence[str]) -> int:
    """Writes `runs/analysis/<name>/` and prints a line per image; the exit status."""
    started = time.perf_counter()
    device = select_device(config.accelerator)
    config.precision = resolve_precision(config.precision, device)
    store = open_files([Path(path) for path in paths], Path(config.data.cache_dir).expanduser(), config.patch)
    (subject, *_), _ = open_subjects([config.encoder] if config.encoder else [], config.runs_dir, config.layer)
    probe, _, notes = probe_for(config, [subject])
    if not probe.is_listed:
        raise ValueError(f"probe={config.probe}: own images are held against listed degradations, such as probe=grid")
    pixels = fingerprint(store)
    report = ReportFolder(
        config.runs_dir, STAGE, name=config.name, default=slug_of(f"{Path(paths[0]).resolve().stem}-by-{subject.name}"),
        config=to_plain(config) | {
            "images": list(store.names), "pixels": pixels, "subject": subject.hash, "probe_hash": probe.hash(),
            "format": FORMAT, "degradations": probe.names,
        },
        results=RESULTS, required=(PAGE, TABLE),
    )  # fmt: skip
    with report.lock():
        found, when = report.load(), "made before"
        if found is None:
            cache, bf16 = Path(config.data.cache_dir).expanduser(), config.precision == "bf16"
            of_probe = embedded(subject, probe, rendered(probe, cache), cache, device=device, bf16=bf16)
            patches = OwnPatches(store, config.patch, *place_patches(store, config.patch, config.patches))
            key = f"own-{patches.hash(pixels)}-{subject.hash}-{config.precision}"
            embedding = _embedded(subject, patches, cache / "embeddings" / f"{key}.npy", device=device, bf16=bf16)
            try:
                notes += [f"{COLLAPSED}, and tells nothing"] if has_collapsed(of_probe) else []
                looks = likeness(embedding, probe, np.asarray(of_probe))
            except ValueError as error:
                raise ValueError(f"{subject.name}: {error}") from error
            with report.writing() as folder:
                found = _write(folder, config, subject, probe, patches, embedding, looks, notes)
            when = f"{time.perf_counter() - started:.0f} s"
    _print(found)
    print(f"\npage: {report.path / PAGE} ({when})")
    return 0


def place_patches(store: ImageStore, patch: int, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Image, top and left, (M,) int64 each, of about `count` patches per image on an even grid over all of it."""
    places = [
        (index, window.top, window.left)
        for index, (height, width) in enumerate(zip(store.heights.tolist(), store.widths.tolist(), strict=True))
        for window in spread_windows(height, width, patch, count)
    ]
    image, top, left = torch.tensor(places).T
    return image, top, left


def fingerprint(store: ImageStore) -> str:
    """Hash of the images' sizes and pixels, 16 hex digits."""
    digest = hashlib.sha256()
    for index in range(len(store)):
        digest.update(repr(tuple(store.image(index).shape)).encode())
        digest.update(store.image(index).numpy().tobytes())
    return digest.hexdigest()[:16]


def _embedded(subject: Subject, patches: OwnPatches, path: Path, *, device: torch.device, bf16: bool) -> np.ndarray:
    """(M, D), mapped from the cache: neither the patches nor the embedding are ever whole in memory."""
    from tqdm.auto import tqdm

    def parts() -> Iterator[np.ndarray]:
        starts = tqdm(range(0, len(patches), BATCH), desc=subject.name, unit="batch", disable=None, leave=False)
        batches = (patches.cut(slice(start, start + BATCH)) for start in starts)
        return embed_batches(subject.build().to(device), batches, bf16=bf16)

    return kept(path, len(patches), parts)


def _write(
    folder: Path, config: OwnImagesConfig, subject: Subject, probe: ProbeSet, patches: OwnPatches,
    embedding: np.ndarray, looks: Likeness, notes: list[str],
) -> dict[str, Any]:  # fmt: skip
    """All files of the report; the results."""
    image = patches.image.numpy()
    names = _shortest(patches.store.names)
    group = clusters_of(embedding, image, config.seed) + 1
    sentences = [looks.sentence(image == i, probe.names) for i in range(len(names))]
    untold = ", ".join(f"{name} (R^2 {value:.2f})" for name, value in looks.not_read.items())
    if untold:
        notes = [*notes, f"not told, since {subject.name} hardly reads it from the probe set: {untold}"]
    write_atomically(folder / TABLE, _table(names, group, sentences, looks, image))
    write_page(folder / PAGE, _page(config, subject.name, names, group, sentences, looks, patches, embedding, notes))
    place = np.stack((patches.top.numpy(), patches.left.numpy()), 1)
    with (folder / "embeddings.npz").open("wb") as file:
        np.savez(file, embedding=embedding, image=image, image_names=np.array(names), place=place)
    result = {
        "format": FORMAT, "subject": subject.name, "hash": subject.hash, "layer": config.layer,
        "probe": {"name": probe.name, "hash": probe.hash(), "images": list(probe.store.names)}, "notes": notes,
        "images": [
            {"image": one, "group": int(number), "looks_like": sentence}
            for one, number, sentence in zip(names, group, sentences, strict=True)
        ],
        "r2_of_what_is_not_told": looks.not_read,
    }  # fmt: skip
    write_json(folder / RESULTS, result)
    return result


def _shortest(paths: Sequence[str]) -> list[str]:
    """Paths without the folders that all have in common."""
    shared = os.path.commonpath([os.path.dirname(path) for path in paths])
    return [os.path.relpath(path, shared) for path in paths]


def _table(names: list[str], group: np.ndarray, sentences: list[str], looks: Likeness, image: np.ndarray) -> bytes:
    """A row per image: name, group, the medians of what was read, similarity to the probe set, the sentence."""
    text = io.StringIO()
    writer = csv.writer(text)
    plain = [name for name in looks.parameters if name != "angle"]
    writer.writerow(["image", "group", *plain, "similarity", "looks_like"])
    for i, (name, number, sentence) in enumerate(zip(names, group, sentences, strict=True)):
        rows = image == i
        read = [f"{np.median(looks.parameters[one][rows]):.4g}" for one in plain]
        writer.writerow([name, int(number), *read, f"{np.median(looks.similarity[rows]):.4f}", sentence])
    return text.getvalue().encode()


def _page(
    config: OwnImagesConfig, subject: str, names: list[str], group: np.ndarray, sentences: list[str], looks: Likeness,
    patches: OwnPatches, embedding: np.ndarray, notes: list[str],
) -> PageData:  # fmt: skip
    """The page, of as many patches as it can show, drawn evenly over the images."""
    shown = even_rows(len(patches), MOST_POINTS, config.seed)
    image = patches.image.numpy()[shown]
    map_, trust = map_of(np.asarray(embedding[shown]), config)
    captions = [f"{one[0].upper()}{one[1:]}." for one in notes]
    if len(shown) < len(patches):
        captions.append(f"The map holds {len(shown):,} of the {len(patches):,} patches, drawn evenly.")
    if len(names) > PRINTED:
        captions.append(f"The table holds the first {PRINTED} of {len(names):,} images; {TABLE} beside this page all.")
    return PageData(
        title=f"{len(names)} images, {len(patches):,} patches, seen by {subject}",
        maps={f"{config.map.upper()}{trusted(trust)}": map_}, patches=patches.cut(shown),
        words=[sentences[i] for i in image], label=np.full(len(image), -1), names=[],
        family=group[image] - 1, family_names=[f"group {i}" for i in range(1, int(group.max()) + 1)],
        parameters={name: values[shown] for name, values in looks.parameters.items()},
        image=image, image_names=names,
        score_rows=[["image", "group", "looks like"]]
        + [[n, f"group {g}", s] for n, g, s in zip(names, group, sentences, strict=True)][:PRINTED],
        captions=captions, family_title="group", words_title="looks like",
    )  # fmt: skip


def _print(found: dict[str, Any]) -> None:
    images = found["images"]
    width = max(len(one["image"]) for one in images[:PRINTED])
    for one in images[:PRINTED]:
        print(f"{one['image']:<{width}s}  group {one['group']}  {one['looks_like']}")
    if len(images) > PRINTED:
        print(f"and {len(images) - PRINTED} more in {TABLE}")
    for note in found["notes"]:
        print(note)
