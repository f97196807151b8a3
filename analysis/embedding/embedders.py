"""Embedders to compare: trained encoders, the same networks untrained, hand-made statistics."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from analysis.config import ALL, LAYERS
from shared.artefacts import EncoderArtefact, describe_projector, projector_state, serialise
from shared.data import read_fingerprints
from shared.degradations import load_space
from shared.encoders import Encoder, EncoderConfig, StatisticsEncoder, build_encoder
from shared.run_folders import find_newest_run

STATISTICS = "statistics"
UNTRAINED = ":untrained"
SUPERVISED = "supervised"  # the method of the ceiling


@dataclass(frozen=True)
class Embedder:
    """A map from images to embeddings.

    Attributes:
        name: Unique name in tables and plots.
        hash: Identifier of the embedding; embedders that give the same embedding share it.
        build: Function that builds its network, images (B, 3, H, W) in [0, 1] -> (B, D); takes seconds.
        trained_on: Names of the operations it was trained with; empty if it was not trained.
        method: Method that trained it; empty if none did.
        space: Degradation space it was trained on, as its configuration spells it; empty if it was not trained.
        patch: Side in pixels of the largest crops it was trained on; 0 if unknown.
        seen: Fingerprints of the images it was trained on, as far as its artefact records them.
        path: Path of its run or artefact; empty if it has none.
        requested: Whether the user requested it; else it was added as a control.
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
    requested: bool = False


class EncoderLayer(nn.Module):
    """One layer of an encoder as a vector per image.

    Args:
        encoder: Any encoder.
        layer: `vector` (pooled), `map` (the central position of the last feature map, not pooled) or `projection`.
        projector: Projection head on the vector, for `projection` only.
    """

    def __init__(self, encoder: Encoder | StatisticsEncoder, layer: str, projector: nn.Module | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.layer = layer
        self.projector = projector

    def forward(self, images: Tensor) -> Tensor:
        """Maps (B, 3, H, W) RGB in [0, 1] to (B, D)."""
        representation = self.encoder(images)
        if self.layer == "map":
            last = representation.maps[-1]  # (B, D, h, w)
            return last[:, :, last.shape[2] // 2, last.shape[3] // 2]
        return representation.vector if self.projector is None else self.projector(representation.vector)


def open_embedders(requested: Sequence[str], runs_dir: str, layer: str) -> tuple[list[Embedder], list[str]]:
    """Opens the requested encoders and their controls, without repetitions; also returns notes on omitted controls.

    Controls: every network untrained, the hand-made statistics, and the newest finished run that regresses the known
    parameters (the ceiling), if there is one.

    Args:
        requested: Paths of runs or artefacts, `NAME:untrained` (a network's name, or a path), or `statistics`; by
            default the newest finished pretraining run.
        runs_dir: Root of all runs.
        layer: Layer to embed with, see `EncoderLayer`, or `all` of those that were kept, as an embedder each; controls
            have the pooled vector then.

    Raises:
        ValueError: Something requested is missing or cannot be read.
    """
    embedders, controls, notes = [], [], []
    for path in requested or [_find_newest(runs_dir)]:
        try:
            embedders += [replace(one, requested=True) for one in _open_layers(path, layer)]
        except FileNotFoundError as error:
            raise ValueError(str(error)) from error
        if embedders[-1].trained_on:
            controls.append(_open_start(path, _first_layer(layer)))
    controls.append(_make_statistics())
    ceiling = _find_newest_of_method(runs_dir, SUPERVISED)
    if ceiling and any(embedder.trained_on for embedder in embedders):
        try:
            controls.append(_open(str(ceiling), _first_layer(layer)))
        except (ValueError, FileNotFoundError) as error:  # it was not requested: the report goes on without it
            notes.append(explain_missing_ceiling(str(ceiling), str(error)))
    return _make_unique([*embedders, *controls]), notes


def explain_missing_ceiling(ceiling: str, reason: str) -> str:
    """Explains why the report omits a supervised run that was not requested."""
    return f"omitted the supervised ceiling {ceiling}: {reason}"


def _make_unique(embedders: list[Embedder]) -> list[Embedder]:
    """Removes repetitions and makes names unique."""
    by_hash: dict[str, Embedder] = {}
    for embedder in embedders:
        by_hash.setdefault(embedder.hash, embedder)
    unique = list(by_hash.values())
    names = [embedder.name for embedder in unique]
    return [
        embedder if names.count(embedder.name) == 1 else replace(embedder, name=f"{embedder.name} {embedder.hash[:6]}")
        for embedder in unique
    ]


def _first_layer(layer: str) -> str:
    return LAYERS[0] if layer == ALL else layer


def _open_layers(path: str, layer: str) -> list[Embedder]:
    """Opens an embedder at one layer, or at all that it has."""
    if layer != ALL or path == STATISTICS:
        return [_open(path, _first_layer(layer))]
    found = []
    for one in LAYERS:
        try:
            found.append(_open(path, one))
        except FileNotFoundError:  # no projection head was kept
            if one != "projection":
                raise
    return [replace(embedder, name=f"{embedder.name}, {one}") for embedder, one in zip(found, LAYERS, strict=False)]


def _open(path: str, layer: str) -> Embedder:
    if path == STATISTICS:
        return _make_statistics()
    if path.endswith(UNTRAINED):
        name = path.removesuffix(UNTRAINED)
        return _open_start(name, layer) if Path(name).exists() else _make_untrained_by_name(name, layer)
    artefact = EncoderArtefact.open(path)
    metadata, digest = artefact.metadata, artefact.digest
    projector = None
    if layer == "projection":
        projector = artefact.load_projector()
        head = serialise(projector_state(projector))
        digest = hashlib.sha256(digest.encode() + head).hexdigest()

    def build() -> nn.Module:
        return EncoderLayer(artefact.load(), layer, projector)

    method = (_read_run_config(metadata).get("method") or {}).get("name", "")
    space = str(metadata.get("degradation", ""))
    return Embedder(
        _name_run(path) + (f" ({SUPERVISED})" if method == SUPERVISED else ""),
        f"{digest[:16]}-{layer}",
        build,
        _list_operations(space),
        method,
        space,
        int(metadata.get("patch") or 0),
        read_fingerprints(metadata),
        path,
    )


def open_at_vector(embedder: Embedder) -> Embedder:
    """Opens an embedder with a path as its pooled vector, whatever layer it was opened with."""
    return _open(embedder.path, "vector")


def _open_start(path: str, layer: str) -> Embedder:
    """Opens the network that a training run started from."""
    artefact = EncoderArtefact.open(path)
    seed = int(_read_run_config(artefact.metadata).get("seed", 0))
    projector = artefact.load_projector() if layer == "projection" else None
    return _make_untrained(artefact.encoder_config, seed, layer, projector)


def _make_untrained_by_name(name: str, layer: str) -> Embedder:
    if layer == "projection":
        raise FileNotFoundError(f"{name}{UNTRAINED} has no projector: use layer=vector or map, or the path of a run")
    config = EncoderConfig(name=name)
    build_encoder(config)  # refuses an unknown name and suggests close matches
    return _make_untrained(config, 0, layer, None)


def _read_run_config(metadata: dict[str, Any]) -> dict[str, Any]:
    return metadata.get("config") or {}


def _name_run(path: str) -> str:
    """Names an embedder by its run."""
    resolved = Path(path).resolve()
    return resolved.parent.name if resolved.name == "encoder" else resolved.name


def _list_operations(space: str) -> tuple[str, ...]:
    """Returns the names of the operations of the space an encoder was trained on, or `unknown` if it cannot be read."""
    try:
        return load_space(space).operations
    except ValueError:
        return ("unknown",)


def _make_untrained(config: EncoderConfig, seed: int, layer: str, projector: nn.Module | None) -> Embedder:
    """Makes the embedder of an untrained network; a projector is initialised anew too."""

    def build() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = build_encoder(config)
            for part in projector.modules() if projector is not None else ():
                if isinstance(part, nn.Linear | nn.BatchNorm1d):
                    part.reset_parameters()
        return EncoderLayer(encoder, layer, projector)

    head = describe_projector(projector) if projector is not None else []
    key = json.dumps([asdict(config), seed, head, torch.__version__], sort_keys=True)
    digest = hashlib.sha256(key.encode()).hexdigest()
    start = "ImageNet" if config.pretrained else "untrained"
    return Embedder(f"{start} {config.name}", f"{digest[:16]}-{layer}", build)


def _make_statistics() -> Embedder:
    return Embedder(STATISTICS, "statistics-1", lambda: EncoderLayer(StatisticsEncoder(), "vector"))


def _find_newest(runs_dir: str) -> str:
    newest = find_newest_run(runs_dir, "pretrain")
    if newest is None:
        raise ValueError(
            f"no finished encoder in {runs_dir}/pretrain: `make pretrain` trains one, "
            "or pass the path of one: make embed-viz ENCODERS=PATH"
        )
    return str(newest)


def _find_newest_of_method(runs_dir: str, method: str) -> Path | None:
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
