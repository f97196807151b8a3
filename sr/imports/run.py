"""An import from beginning to end: read, recognise, map, and write in one step."""

import os
import shutil
from pathlib import Path
from typing import Any

from torch import nn

from shared.artefacts import save_encoder
from shared.degradations import load_space
from shared.encoders import Encoder, build_encoder
from shared.files import make_private_path
from sr.imports import KINDS
from sr.imports.card import format_card
from sr.imports.checkpoint import Checkpoint, list_names, read_checkpoint
from sr.imports.plan import ImportOptions, Plan, list_unused, map_weights
from sr.imports.recognition import recognise
from sr.model import ModelConfig, SRModel, build_model, count_fewest_weights
from sr.model_artefact import save_model


def run(kind_name: str, options: ImportOptions, path: Path, out: Path) -> int:
    """Imports a checkpoint and returns the exit status; writes nothing if that is not possible.

    Args:
        kind_name: A name in `KINDS`.
        options: The options of this kind.
        path: The checkpoint.
        out: Folder that is made, with the model in `model/` and its encoder in `encoder/`.

    Raises:
        ValueError: The folder exists, or the checkpoint is not of this kind, or does not fit.
        OSError: A file cannot be read or written.
    """
    if os.path.lexists(out):
        raise ValueError(f"OUT={out} exists already: give another folder, or delete it")
    checkpoint = read_checkpoint(path, options.key)
    check_kind(kind_name, checkpoint)
    plan = KINDS[kind_name].plan(checkpoint, options)
    check_degradation(options.degradation, plan.scale)
    target = build_target(plan, checkpoint)
    target.load_state_dict(map_weights(target, plan, checkpoint))
    unused = list_unused(plan, checkpoint)
    listed = ", ".join(f"{what} ({count})" for what, count in unused.items())
    used = len(checkpoint.weights) - sum(unused.values())
    card = format_card(kind_name, KINDS[kind_name], plan, checkpoint, used=used, unused=listed)
    metadata: dict[str, Any] = {
        "recipe": f"import_weights {kind_name}",
        "source": KINDS[kind_name].source,
        "imported": {
            "kind": kind_name,
            "file": path.name,
            "sha256": checkpoint.sha256,
            "options": vars(options),
            "mapped": used,
            "not_used": unused,
        },
    }
    if plan.scale:
        metadata["scale"] = plan.scale
    if options.degradation:
        metadata["degradation"] = options.degradation
    names = write_in_one_step(out, target.eval(), card, metadata)
    size = sum(parameter.numel() for parameter in target.parameters()) / 1e6
    scale = f"x{plan.scale}, " if plan.scale else ""
    print(f"{path} ({kind_name}): {scale}{size:.2f} M parameters, {used} weights mapped; not used: {listed or 'none'}")
    for name in names:
        print(f"{name}: {out / name}")
    return 0


def check_kind(kind_name: str, checkpoint: Checkpoint) -> None:
    """Refuses a checkpoint of another kind, and says which it looks like.

    Raises:
        ValueError: Weights are missing by which this kind is known.
    """
    absent = [mark for mark in KINDS[kind_name].marks if mark not in checkpoint.weights]
    if not absent:
        return
    alike = recognise(checkpoint)
    hint = f"it looks like {' or '.join(alike)}" if alike else "it looks like no kind that is known"
    first = list_names(list(checkpoint.weights))
    raise ValueError(
        f"{checkpoint.path} is not of the kind {kind_name}: it lacks {list_names(absent)}; {hint} ({first})"
    )


def check_degradation(name: str, scale: int | None) -> None:
    """Refuses a degradation space that there is not, or one of another scale than the checkpoint's.

    Raises:
        ValueError: There is no such space, or its scale is another; one that does not down-sample fits every scale.
    """
    if name:
        space = load_space(name)
        if scale and space.scale not in (1, scale):
            raise ValueError(
                f"degradation={name} down-samples by {space.scale}, but the checkpoint is of scale {scale}: give a "
                "space of that scale, or none"
            )


def build_target(plan: Plan, checkpoint: Checkpoint) -> SRModel | Encoder:
    """Builds the model or encoder of a plan, whose weights are still random.

    Raises:
        ValueError: A size is out of bounds, or larger than the weights of the checkpoint.
    """
    try:
        if not isinstance(plan.config, ModelConfig):
            return build_encoder(plan.config)
        least = count_fewest_weights(plan.config)
        stored = sum(weight.numel() for weight in checkpoint.weights.values())
        if least > stored:
            raise ValueError(f"they describe a network of more than {least:,} weights, but there are {stored:,}")
        return build_model(plan.config)
    except ValueError as error:
        raise ValueError(
            f"{checkpoint.path}: no network can be built from the sizes of its weights: {error}"
        ) from error


def write_in_one_step(out: Path, target: nn.Module, card: str, metadata: dict[str, Any]) -> list[str]:
    """Writes a model with its encoder, or an encoder, into a new folder, which appears when it is complete.

    Returns:
        The names of the folders inside: `model`, `encoder` or both.

    Raises:
        OSError: The folder cannot be written, or appeared meanwhile.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    private = make_private_path(out)
    names = []
    try:
        encoder = target if isinstance(target, Encoder) else None
        if isinstance(target, SRModel):
            save_model(private / "model", target, card=card, metadata=metadata)
            names.append("model")
            encoder = target.source.trained_encoder() if target.source is not None else None
        if encoder is not None:
            save_encoder(private / "encoder", encoder, card=card, metadata=metadata)
            names.append("encoder")
        private.rename(out)
    finally:
        shutil.rmtree(private, ignore_errors=True)
    return names
