"""Self-supervised methods, one file each; `METHODS` is the only list of them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, NamedTuple

from pretrain.methods.base import Method, MethodOutput
from pretrain.methods.byol import BYOL, BYOLConfig
from pretrain.methods.fastmoco import FastMoCo, FastMoCoConfig
from pretrain.methods.fastsiam import FastSiam
from pretrain.methods.moco import MoCo, MoCoConfig
from pretrain.methods.mocov3 import MoCoV3, MoCoV3Config
from pretrain.methods.redegradation import Redegradation, RedegradationConfig
from pretrain.methods.simclr import SimCLR, SimCLRConfig
from pretrain.methods.simsiam import SimSiam, SimSiamConfig
from pretrain.methods.supcon import SupCon, SupConConfig
from pretrain.methods.supervised import Supervised, SupervisedConfig
from pretrain.methods.vicreg import VICReg, VICRegConfig
from pretrain.positives import Positives, PositivesConfig, positives_overrides
from pretrain.time_constants import AUTO, RunPace, check_key_momentum, choose_key_momentum, keep_started
from shared.encoders import Encoder

__all__ = [
    "AUTO",
    "METHODS",
    "Method",
    "MethodEntry",
    "MethodOutput",
    "Positives",
    "PositivesConfig",
    "RunPace",
    "build_method",
    "check_key_momentum",
    "choose_key_momentum",
    "keep_started",
    "positives_overrides",
]


class MethodEntry(NamedTuple):
    """A method and the dataclass of its options."""

    method: type[Any]  # a subclass of Method, constructed from (encoder, positives, config)
    config: type[Any]


METHODS: dict[str, MethodEntry] = {
    "moco": MethodEntry(MoCo, MoCoConfig),
    "mocov3": MethodEntry(MoCoV3, MoCoV3Config),
    "simclr": MethodEntry(SimCLR, SimCLRConfig),
    "byol": MethodEntry(BYOL, BYOLConfig),
    "fastmoco": MethodEntry(FastMoCo, FastMoCoConfig),
    "simsiam": MethodEntry(SimSiam, SimSiamConfig),
    "fastsiam": MethodEntry(FastSiam, SimSiamConfig),
    "vicreg": MethodEntry(VICReg, VICRegConfig),
    "redegradation": MethodEntry(Redegradation, RedegradationConfig),
    "supcon": MethodEntry(SupCon, SupConConfig),
    "supervised": MethodEntry(Supervised, SupervisedConfig),
}


def build_method(name: str, encoder: Encoder, positives: Positives, config: object) -> Method:
    """Builds a method by its name.

    Args:
        name: Key of `METHODS`.
        encoder: Online encoder.
        positives: Policy that selects and aggregates positives.
        config: Options of the method, an instance of `METHODS[name].config` without `auto`.

    Raises:
        ValueError: The name is unknown, the options belong to another method, or the method refuses them.
    """
    if name not in METHODS:
        near = get_close_matches(name, METHODS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"method {name!r} is unknown{hint} (there are {', '.join(METHODS)})")
    entry = METHODS[name]
    if not isinstance(config, entry.config):
        raise ValueError(f"method {name} needs a {entry.config.__name__}, got {type(config).__name__}")
    return entry.method(encoder, positives, config)
