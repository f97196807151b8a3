"""Where the representation that steers a network comes from; this table is the only list of conditionings."""

from collections.abc import Callable
from typing import NamedTuple

from shared.encoders import Encoder
from sr.conditioning.adapter import Adapter, Condition, RepresentationShape
from sr.conditioning.options import (
    Conditioning,
    Constant,
    Finetune,
    Frozen,
    Joint,
    NoCondition,
    Oracle,
    Random,
    Shared,
)
from sr.conditioning.sources import ConstantSource, EncoderSource, OracleSource, Source, StemSource

__all__ = [
    "CONDITIONINGS",
    "Adapter",
    "Condition",
    "Conditioning",
    "ConditioningEntry",
    "RepresentationShape",
    "Source",
]


class ConditioningEntry(NamedTuple):
    """A conditioning: the dataclass of its options, and how its source is built.

    `build_source` takes a function that builds or gives the encoder, and the number of features of the network.
    """

    options: type[Conditioning]
    build_source: Callable[[Callable[[], Encoder], int], Source | None]


def _constant(encoder: Callable[[], Encoder], features: int) -> Source:
    shown = encoder()
    return ConstantSource(RepresentationShape(shown.dim, shown.channels))


CONDITIONINGS: dict[str, ConditioningEntry] = {
    "frozen": ConditioningEntry(Frozen, lambda encoder, _: EncoderSource(encoder(), trainable=False)),
    "finetune": ConditioningEntry(Finetune, lambda encoder, _: EncoderSource(encoder(), trainable=True)),
    "joint": ConditioningEntry(Joint, lambda encoder, _: EncoderSource(encoder(), trainable=True)),
    "shared": ConditioningEntry(Shared, lambda _, features: StemSource(features)),
    "none": ConditioningEntry(NoCondition, lambda *_: None),
    "constant": ConditioningEntry(Constant, _constant),
    "random": ConditioningEntry(Random, lambda encoder, _: EncoderSource(encoder(), trainable=False)),
    "oracle": ConditioningEntry(Oracle, lambda *_: OracleSource()),
}
