"""Where the representation that steers a network comes from; `CONDITIONINGS` is the only list of conditionings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from shared.encoders import Encoder, StatisticsEncoder
from sr.conditioning.adapter import Adapter, Condition, RepresentationShape
from sr.conditioning.contrast_options import Distilled, Joint, Shared
from sr.conditioning.encoder_input import EncoderInput
from sr.conditioning.options import (
    Conditioning,
    Constant,
    Finetune,
    Frozen,
    NoCondition,
    Oracle,
    Random,
    Statistics,
)
from sr.conditioning.parametric_sources import DistilledSource, OracleSource
from sr.conditioning.sources import ConstantSource, EncoderSource, Source, StemSource

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
        r2: Share of the variance of the parameters that an oracle knows.
    """

    make_encoder: Callable[[], Encoder]
    encoder_input: EncoderInput
    features: int
    reads_maps: bool
    r2: float


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


def _build_statistics(parts: SourceParts) -> Source:
    return EncoderSource(StatisticsEncoder(), parts.encoder_input, trainable=False, reads_maps=False)


CONDITIONINGS: dict[str, ConditioningEntry] = {
    "frozen": ConditioningEntry(Frozen, _build_frozen),
    "finetune": ConditioningEntry(Finetune, _build_trainable),
    "joint": ConditioningEntry(Joint, _build_trainable),
    "shared": ConditioningEntry(Shared, lambda parts: StemSource(parts.features)),
    "distilled": ConditioningEntry(Distilled, lambda parts: DistilledSource(parts.make_encoder(), parts.encoder_input)),
    "none": ConditioningEntry(NoCondition, lambda _: None),
    "constant": ConditioningEntry(Constant, _build_constant),
    "random": ConditioningEntry(Random, _build_frozen),
    "statistics": ConditioningEntry(Statistics, _build_statistics),
    "oracle": ConditioningEntry(Oracle, lambda parts: OracleSource(parts.r2)),
}
