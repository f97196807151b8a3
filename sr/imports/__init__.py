"""Checkpoints of others as models of ours; `KINDS` is the only list of the kinds that are known."""

from sr.imports.dasr import DASR
from sr.imports.edsr import EDSR
from sr.imports.plan import Kind
from sr.imports.rcan import RCAN

__all__ = ["KINDS", "Kind"]

KINDS: dict[str, Kind] = {
    "dasr": DASR,
    "edsr": EDSR,
    "rcan": RCAN,
}
