"""How a checkpoint of one kind becomes a model: what is built, and which weight goes where."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from shared.encoders import EncoderConfig
from sr.imports.checkpoint import Checkpoint, list_names
from sr.model import ModelConfig

State = dict[str, Tensor]
COUNTERS = "num_batches_tracked"  # of batch norms; old checkpoints have none, and nothing reads it


@dataclass
class ImportOptions:
    """Options of every kind.

    Attributes:
        key: Key of the file under which the weights are, such as `params_ema`; empty = found by itself.
        degradation: Degradation space that they were trained on, which no weight tells, by name (`dasr_iso`) or by the
            path of a YAML; with it, `upscale` says what the encoder reads. Empty = unknown.
    """

    key: str = ""
    degradation: str = ""


@dataclass(frozen=True)
class Plan:
    """What becomes of one checkpoint.

    Attributes:
        config: What is built: a model, or an encoder alone.
        names: Names of their layers by ours, such as `network.stem.0` -> `head.0`; both have weights of one name.
        used: Further weights of theirs that `adjust` needs.
        unused: Patterns of their weights that have no counterpart, each with what these are.
        adjust: Function that changes our weights, copied by name, into those that compute the same.
        scale: Scale of the images; None if an encoder's checkpoint does not tell.
        note: A sentence for the card on what differs from the authors' program; empty if nothing does.
    """

    config: ModelConfig | EncoderConfig
    names: dict[str, str]
    used: tuple[str, ...] = ()
    unused: dict[str, str] = field(default_factory=dict)
    adjust: Callable[[State], None] = lambda _: None
    scale: int | None = None
    note: str = ""


class Kind(NamedTuple):
    """A kind of checkpoint.

    Attributes:
        title: What it is, in a few words.
        source: The paper.
        marks: Weights that every checkpoint of this kind has, and those of other kinds have not.
        plan: Function from a checkpoint and the options to the plan; raises ValueError if they do not fit.
        options: Dataclass of its options.
        is_model: Whether it becomes a model, rather than an encoder alone.
    """

    title: str
    source: str
    marks: tuple[str, ...]
    plan: Callable[[Checkpoint, Any], Plan]
    options: type[ImportOptions] = ImportOptions
    is_model: bool = True


def map_weights(target: nn.Module, plan: Plan, checkpoint: Checkpoint) -> State:
    """Maps the weights of a checkpoint to those of a model or encoder.

    Args:
        target: What is built from `plan.config`; its names and shapes are what is needed.
        plan: The plan.
        checkpoint: The checkpoint.

    Returns:
        The state dict of the target.

    Raises:
        ValueError: The checkpoint lacks a weight, has one that is not known, or one has another shape.
    """
    expected, theirs = target.state_dict(), checkpoint.weights
    origins = {name: _find_origin(name, plan.names) for name in expected}
    missing = [origin for origin in [*origins.values(), *plan.used] if origin not in theirs and COUNTERS not in origin]
    known = {*origins.values(), *plan.used}
    unknown = [name for name in theirs if name not in known and not _find_reason(name, plan)]
    if missing or unknown:
        parts = [f"it lacks {list_names(missing)}"] if missing else []
        parts += [f"has {list_names(unknown)}, which is not known"] if unknown else []
        raise ValueError(
            f"{checkpoint.path} does not fit the structure that its other weights tell: {' and '.join(parts)}"
        )
    state = {}
    for name, ours in expected.items():
        origin = origins[name]
        found = theirs.get(origin, torch.zeros_like(ours))
        if _strip(found.shape) != _strip(ours.shape):
            raise ValueError(
                f"{checkpoint.path}: {origin} is {tuple(found.shape)}, but its other weights call for "
                f"{tuple(ours.shape)}"
            )
        state[name] = found.reshape(ours.shape).to(ours.dtype).clone()
    plan.adjust(state)
    return state


def list_unused(plan: Plan, checkpoint: Checkpoint) -> dict[str, int]:
    """Counts the weights without a counterpart by what they are."""
    counts: dict[str, int] = {}
    for name in checkpoint.weights:
        if reason := _find_reason(name, plan):
            counts[reason] = counts.get(reason, 0) + 1
    return counts


def _find_origin(name: str, names: dict[str, str]) -> str:
    layer, _, weight = name.rpartition(".")
    return f"{names[layer]}.{weight}"


def _find_reason(name: str, plan: Plan) -> str:
    return next((reason for pattern, reason in plan.unused.items() if re.match(pattern, name)), "")


def _strip(shape: torch.Size) -> tuple[int, ...]:
    """Drops final ones: a 1x1 convolution of one position is a linear layer."""
    sizes = list(shape)
    while len(sizes) > 1 and sizes[-1] == 1:
        sizes.pop()
    return tuple(sizes)
