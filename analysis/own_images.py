"""A user's images, held against a probe set: what each looks like, and which look alike."""

import csv
import hashlib
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from analysis.config import OwnImagesConfig
from analysis.embedding import embed_stream, embedded, rendered
from analysis.likeness import Likeness, clusters_of, likeness
from analysis.page import PageData, write_page
from analysis.run import map_of, probe_of
from analysis.subjects import open_subjects
from shared.atomic_file import write_atomically
from shared.config import to_plain
from shared.devices import device_of
from shared.image_store import ImageStore
from shared.runs import RunFolder
from shared.sources import open_files

PRINTED = 40  # images; the rest is in the table's file


def look_at(config: OwnImagesConfig, paths: Sequence[str]) -> int:
    """Writes `runs/analysis/<name>/` and prints a line per image; the exit status."""
    device = device_of(config.accelerator)
    store = open_files([Path(path) for path in paths], Path(config.data.cache_dir).expanduser(), config.patch)
    subject = open_subjects([config.encoder] if config.encoder else [], config.runs_dir, config.layer)[0]
    probe = probe_of(config)
    if not probe.is_listed:
        raise ValueError(f"probe={config.probe}: own images are held against listed degradations, such as probe=grid")
    name = config.name or f"{Path(paths[0]).resolve().stem}-by-{subject.name}"
    folder = RunFolder(config.runs_dir, "analysis", name, scores="scores.json")
    names = _shortest(store.names)
    identity = to_plain(config) | {"name": name, "images": list(store.names), "subject": subject.hash}
    with folder.locked():
        folder.claim(identity | {"probe_hash": probe.hash(), "pixels": fingerprint(store)})
        cache, bf16 = Path(config.data.cache_dir).expanduser(), config.precision == "bf16"
        of_probe = embedded(subject, probe, rendered(probe, cache), cache, device=device, bf16=bf16)
        image, top, left = windows(store, config.patch, config.patches)
        patches = store.crops(image, top, left, config.patch).contiguous().numpy()
        parts = embed_stream(subject.build(), patches, device=device, bf16=bf16, title=subject.name, quiet=False)
        embedding = np.concatenate(list(parts))
        found = likeness(embedding, probe, np.asarray(of_probe))
        cluster = clusters_of(embedding, image.numpy(), config.seed)
        sentences = [found.sentence(image.numpy() == i, probe.names) for i in range(len(store))]
        write_atomically(folder.path / "images.csv", _table(names, cluster, sentences, found, image.numpy()))
        page = _page(config, subject.name, names, cluster, sentences, found, image.numpy(), patches, embedding)
        write_page(folder.path / "page.html", page)
        place = np.stack((top.numpy(), left.numpy()), 1)
        _save(folder.path / "embeddings.npz", embedding=embedding, image=image.numpy(), image_names=names, place=place)
        described = {"subject": subject.name, "hash": subject.hash, "probe_hash": probe.hash()}
        looks = [
            {"image": one, "cluster": int(group), "looks_like": sentence}
            for one, group, sentence in zip(names, cluster, sentences, strict=True)
        ]
        folder.finish({**described, "images": looks, "r2_of_what_is_not_told": found.not_read})
    _print(names, cluster, sentences, found)
    print(f"\npage: {folder.path / 'page.html'}")
    return 0


def windows(store: ImageStore, patch: int, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Image, top and left, (M,) int64 each, of about `count` patches per image on an even grid over all of it."""
    places = []
    for index, (height, width) in enumerate(zip(store.heights.tolist(), store.widths.tolist(), strict=True)):
        rows = max(1, round((count * height / width) ** 0.5))
        columns = max(1, round(count / rows))
        tops = np.unique(np.linspace(0, height - patch, rows + 2)[1:-1].round().astype(int))
        lefts = np.unique(np.linspace(0, width - patch, columns + 2)[1:-1].round().astype(int))
        places += [(index, top, left) for top in tops for left in lefts]
    image, top, left = torch.tensor(places).T
    return image, top, left


def fingerprint(store: ImageStore) -> str:
    """Hash of the images' pixels, 16 hex digits."""
    digest = hashlib.sha256()
    for index in range(len(store)):
        digest.update(store.image(index).numpy().tobytes())
    return digest.hexdigest()[:16]


def _shortest(paths: Sequence[str]) -> list[str]:
    """Paths without the folders that all have in common."""
    shared = os.path.commonpath([os.path.dirname(path) for path in paths])
    return [os.path.relpath(path, shared) for path in paths]


def _table(names: list[str], cluster: np.ndarray, sentences: list[str], found: Likeness, image: np.ndarray) -> bytes:
    """A row per image: name, cluster, the medians of what was read, similarity to the probe set, the sentence."""
    text = io.StringIO()
    writer = csv.writer(text)
    plain = [name for name in found.parameters if name != "angle"]
    writer.writerow(["image", "cluster", *plain, "similarity", "looks_like"])
    for i, (name, group, sentence) in enumerate(zip(names, cluster, sentences, strict=True)):
        rows = image == i
        read = [f"{np.median(found.parameters[one][rows]):.4g}" for one in plain]
        writer.writerow([name, int(group), *read, f"{np.median(found.similarity[rows]):.4f}", sentence])
    return text.getvalue().encode()


def _page(
    config: OwnImagesConfig, subject: str, names: list[str], cluster: np.ndarray, sentences: list[str],
    found: Likeness, image: np.ndarray, patches: np.ndarray, embedding: np.ndarray,
) -> PageData:  # fmt: skip
    map_, trust = map_of(embedding, config)
    groups = [f"group {i + 1}" for i in range(int(cluster.max()) + 1)]
    untold = ", ".join(f"{name} (R^2 {value:.2f})" for name, value in found.not_read.items())
    captions = [f"Not told, since {subject} hardly reads it from the probe set: {untold}."] if untold else []
    return PageData(
        title=f"{len(names)} images, {len(image)} patches, seen by {subject}",
        maps={f"{config.map.upper()}, trustworthiness {trust:.2f}": map_}, patches=patches,
        words=[sentences[i] for i in image], label=np.full(len(image), -1), names=[],
        family=cluster[image], family_names=groups, parameters=found.parameters,
        image=image, image_names=names,
        score_rows=[["image", "group", "looks like"]]
        + [[n, groups[c], s] for n, c, s in zip(names, cluster, sentences, strict=True)][:PRINTED],
        captions=captions, family_title="group", words_title="looks like",
    )  # fmt: skip


def _save(path: Path, **arrays: Any) -> None:
    private = path.with_name(f".{path.name}.partial")
    with private.open("wb") as file:
        np.savez(file, **arrays)
    os.replace(private, path)


def _print(names: list[str], cluster: np.ndarray, sentences: list[str], found: Likeness) -> None:
    width = max(len(name) for name in names[:PRINTED])
    for name, group, sentence in list(zip(names, cluster, sentences, strict=True))[:PRINTED]:
        print(f"{name:<{width}s}  group {group + 1}  {sentence}")
    if len(names) > PRINTED:
        print(f"and {len(names) - PRINTED} more in images.csv")
    if found.not_read:
        untold = ", ".join(f"{name} (R^2 {value:.2f})" for name, value in found.not_read.items())
        print(f"not told, since the encoder hardly reads it from the probe set: {untold}")
