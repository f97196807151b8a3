"""Where the representation that steers a network comes from; `CONDITIONINGS` is the only list of conditionings."""

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
    """A conditioning.

    Attributes:
        options: The dataclass of its options.
        build_source: Builds its source from a function that returns the encoder, and the number of channels of the
            network's features; None for a network without a condition.
    """

    options: type[Conditioning]
    build_source: Callable[[Callable[[], Encoder], int], Source | None]


def _build_constant(make_encoder: Callable[[], Encoder], features: int) -> Source:
    encoder = make_encoder()
    return ConstantSource(RepresentationShape(encoder.dim, encoder.channels))


CONDITIONINGS: dict[str, ConditioningEntry] = {
    "frozen": ConditioningEntry(Frozen, lambda make_encoder, _: EncoderSource(make_encoder(), trainable=False)),
    "finetune": ConditioningEntry(Finetune, lambda make_encoder, _: EncoderSource(make_encoder(), trainable=True)),
    "joint": ConditioningEntry(Joint, lambda make_encoder, _: EncoderSource(make_encoder(), trainable=True)),
    "shared": ConditioningEntry(Shared, lambda _, features: StemSource(features)),
    "none": ConditioningEntry(NoCondition, lambda *_: None),
    "constant": ConditioningEntry(Constant, _build_constant),
    "random": ConditioningEntry(Random, lambda make_encoder, _: EncoderSource(make_encoder(), trainable=False)),
    "oracle": ConditioningEntry(Oracle, lambda *_: OracleSource()),
}
