"""Where the representation that steers a network comes from; `CONDITIONINGS` is the only list of conditionings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from shared.encoders import Encoder
from sr.conditioning.adapter import Adapter, Condition, RepresentationShape
from sr.conditioning.contrast_options import Joint, Shared
from sr.conditioning.encoder_input import EncoderInput
from sr.conditioning.options import (
    Conditioning,
    Constant,
    Finetune,
    Frozen,
    NoCondition,
    Oracle,
    Random,
)
from sr.conditioning.sources import ConstantSource, EncoderSource, OracleSource, Source, StemSource

__all__ = [
    "CONDITIONINGS",
    "Adapter",
    "Condition",
    "Conditioning",
    "ConditioningEntry",
    "EncoderInput",
    "RepresentationShape",
    "Source",
    "SourceParts",
]


@dataclass(frozen=True)
class SourceParts:
    """What sources are built from.

    Attributes:
        make_encoder: Function that returns the encoder, or builds a new one.
        encoder_input: What the encoder sees of an LR image.
        features: Number of channels of the network's features.
        reads_maps: Whether the fusions read un-pooled maps.
    """

    make_encoder: Callable[[], Encoder]
    encoder_input: EncoderInput
    features: int
    reads_maps: bool


class ConditioningEntry(NamedTuple):
    """A conditioning.

    Attributes:
        options: The dataclass of its options.
        build_source: Builds its source; None for a network without a condition.
    """

    options: type[Conditioning]
    build_source: Callable[[SourceParts], Source | None]


def _build_frozen(parts: SourceParts) -> Source:
    return EncoderSource(parts.make_encoder(), parts.encoder_input, trainable=False, reads_maps=parts.reads_maps)


def _build_trainable(parts: SourceParts) -> Source:
    return EncoderSource(parts.make_encoder(), parts.encoder_input, trainable=True, reads_maps=parts.reads_maps)


def _build_constant(parts: SourceParts) -> Source:
    encoder = parts.make_encoder()
    return ConstantSource(RepresentationShape(encoder.dim, encoder.channels))


CONDITIONINGS: dict[str, ConditioningEntry] = {
    "frozen": ConditioningEntry(Frozen, _build_frozen),
    "finetune": ConditioningEntry(Finetune, _build_trainable),
    "joint": ConditioningEntry(Joint, _build_trainable),
    "shared": ConditioningEntry(Shared, lambda parts: StemSource(parts.features)),
    "none": ConditioningEntry(NoCondition, lambda _: None),
    "constant": ConditioningEntry(Constant, _build_constant),
    "random": ConditioningEntry(Random, _build_frozen),
    "oracle": ConditioningEntry(Oracle, lambda _: OracleSource()),
}
