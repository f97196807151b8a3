"""What is compared: trained encoders, the same networks untrained, hand-made statistics."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shared.artefacts import EncoderArtefact, describe_projector, projector_state, serialise
from shared.data import read_fingerprints
from shared.degradations import load_space
from shared.encoders import Encoder, EncoderConfig, build_encoder, degradation_statistics
from shared.run_folders import find_newest_run

STATISTICS = "statistics"
UNTRAINED = ":untrained"
SUPERVISED = "supervised"  # the method of the ceiling


@dataclass(frozen=True)
class Subject:
    """One thing that turns images into embeddings.

    Attributes:
        name: in tables and plots, unique.
        hash: the same for subjects that give the same embedding.
        build: makes its network, images (B, 3, H, W) in [0, 1] -> (B, D); takes seconds.
        trained_on: names of the operations it was trained with; empty where it was not trained.
        method: that trained it, empty where none did.
        space: it was trained on, as its run was told; empty where it was not trained.
        patch: side in pixels of the largest crops it was trained on; 0 where that is not known.
        seen: fingerprints of the images it was trained on, as far as its artefact says.
        path: of its run or artefact; empty where it has none.
        asked: whether it was asked for, not added as a control.
    """

    name: str
    hash: str
    build: Callable[[], nn.Module]
    trained_on: tuple[str, ...] = ()
    method: str = ""
    space: str = ""
    patch: int = 0
    seen: frozenset[str] = frozenset()
    path: str = ""
    asked: bool = False


class EncoderLayer(nn.Module):
    """One layer of an encoder as a vector per image.

    Args:
        encoder: any encoder.
        layer: `vector` (pooled), `map` (the middle position of the last map, not pooled) or `projection`.
        projector: the head behind the vector, for `projection` alone.
    """

    def __init__(self, encoder: Encoder, layer: str, projector: nn.Module | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.layer = layer
        self.projector = projector

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] to (B, D)."""
        representation = self.encoder(images)
        if self.layer == "map":
            last = representation.maps[-1]  # (B, D, h, w)
            return last[:, :, last.shape[2] // 2, last.shape[3] // 2]
        return representation.vector if self.projector is None else self.projector(representation.vector)


class Statistics(nn.Module):
    """`degradation_statistics` as a network."""

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] to (B, 15)."""
        return degradation_statistics(images)


def open_subjects(asked: Sequence[str], runs_dir: str, layer: str) -> tuple[list[Subject], list[str]]:
    """The encoders that were asked for, then their controls, each once; and sentences on a control that is left out.

    Controls: every network untrained, the hand-made statistics, and the newest finished run that regresses the known
    parameters (the ceiling), where there is one.

    Args:
        asked: paths of runs or artefacts, `NAME:untrained` (a network's name, or a path), or `statistics`; none takes
            the newest finished pretraining run.
        runs_dir: root of all runs.
        layer: see `EncoderLayer`.

    Raises:
        ValueError: something asked for is not there or cannot be read; one sentence.
    """
    found, controls, notes = [], [], []
    for one in asked or [_newest(runs_dir)]:
        try:
            found.append(replace(_open(one, layer), asked=True))
        except FileNotFoundError as error:
            raise ValueError(str(error)) from error
        if found[-1].trained_on:
            controls.append(_start_of(one, layer))
    controls.append(_statistics())
    ceiling = _newest_of_method(runs_dir, SUPERVISED)
    if ceiling and any(subject.trained_on for subject in found):
        try:
            controls.append(_open(str(ceiling), layer))
        except (ValueError, FileNotFoundError) as error:  # nobody asked for it: the report goes on without
            notes.append(left_out(str(ceiling), str(error)))
    return _each_once([*found, *controls]), notes


def left_out(ceiling: str, reason: str) -> str:
    """The sentence on a supervised run that nobody asked for and that cannot be compared with."""
    return f"without the supervised ceiling {ceiling}: {reason}"


def _each_once(subjects: list[Subject]) -> list[Subject]:
    """Without repetitions, and with names that differ."""
    by_hash: dict[str, Subject] = {}
    for subject in subjects:
        by_hash.setdefault(subject.hash, subject)
    unique = list(by_hash.values())
    names = [subject.name for subject in unique]
    return [
        subject if names.count(subject.name) == 1 else replace(subject, name=f"{subject.name} {subject.hash[:6]}")
        for subject in unique
    ]


def _open(asked: str, layer: str) -> Subject:
    if asked == STATISTICS:
        return _statistics()
    if asked.endswith(UNTRAINED):
        name = asked.removesuffix(UNTRAINED)
        return _start_of(name, layer) if Path(name).exists() else _untrained_network(name, layer)
    artefact = EncoderArtefact.open(asked)
    metadata, digest = artefact.metadata, artefact.digest
    projector = None
    if layer == "projection":
        projector = artefact.load_projector()
        head = serialise(projector_state(projector))
        digest = hashlib.sha256(digest.encode() + head).hexdigest()

    def build() -> nn.Module:
        return EncoderLayer(artefact.load(), layer, projector)

    method = (_run_config(metadata).get("method") or {}).get("name", "")
    space = str(metadata.get("degradation", ""))
    return Subject(
        _short(asked) + (f" ({SUPERVISED})" if method == SUPERVISED else ""), f"{digest[:16]}-{layer}", build,
        _operations(space), method, space, int(metadata.get("patch") or 0), read_fingerprints(metadata), asked,
    )  # fmt: skip


def at_vector(subject: Subject) -> Subject:
    """A subject with a path as its pooled vector, whatever the layer it was opened with."""
    return _open(subject.path, "vector")


def _start_of(path: str, layer: str) -> Subject:
    """The network that a training run started from."""
    artefact = EncoderArtefact.open(path)
    seed = int(_run_config(artefact.metadata).get("seed", 0))
    projector = artefact.load_projector() if layer == "projection" else None
    return _untrained(artefact.encoder_config, seed, layer, projector)


def _untrained_network(name: str, layer: str) -> Subject:
    if layer == "projection":
        raise ValueError(f"{name}{UNTRAINED} has no projector: use layer=vector or map, or the path of a run")
    config = EncoderConfig(name=name)
    build_encoder(config)  # refuses an unknown name, with the near ones
    return _untrained(config, 0, layer, None)


def _run_config(metadata: dict[str, Any]) -> dict[str, Any]:
    return metadata.get("config") or {}


def _short(path: str) -> str:
    """The run's name."""
    resolved = Path(path).resolve()
    return resolved.parent.name if resolved.name == "encoder" else resolved.name


def _operations(space: str) -> tuple[str, ...]:
    """Names of the operations of the space an encoder was trained on, as far as it can still be read."""
    try:
        return load_space(space).operations
    except ValueError:
        return ("unknown",)


def _untrained(config: EncoderConfig, seed: int, layer: str, projector: nn.Module | None) -> Subject:
    """A network at its start; a projector is drawn anew too."""

    def build() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = build_encoder(config)
            for part in projector.modules() if projector is not None else ():
                if isinstance(part, nn.Linear | nn.BatchNorm1d):
                    part.reset_parameters()
        return EncoderLayer(encoder, layer, projector)

    head = describe_projector(projector) if projector is not None else []
    described = json.dumps([asdict(config), seed, head, torch.__version__], sort_keys=True)
    digest = hashlib.sha256(described.encode()).hexdigest()
    start = "ImageNet" if config.pretrained else "untrained"
    return Subject(f"{start} {config.name}", f"{digest[:16]}-{layer}", build)


def _statistics() -> Subject:
    return Subject(STATISTICS, "statistics-1", Statistics)


def _newest(runs_dir: str) -> str:
    newest = find_newest_run(runs_dir, "pretrain")
    if newest is None:
        raise ValueError(
            f"there is no finished encoder in {runs_dir}/pretrain: `make pretrain` makes one, "
            "or give a path: make embed-viz ENCODERS=PATH"
        )
    return str(newest)


def _newest_of_method(runs_dir: str, method: str) -> Path | None:
    runs = sorted(Path(runs_dir, "pretrain").glob("*/metrics.json"), key=lambda path: path.stat().st_mtime)
    for metrics in reversed(runs):
        if metrics.parent.is_symlink():
            continue
        try:
            config = json.loads((metrics.parent / "config.json").read_text(encoding="utf-8"))
            if config["method"]["name"] == method:
                return metrics.parent
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None
