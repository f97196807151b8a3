"""Checkpoints of others as models of ours; `KINDS` is the only list of the kinds that are known."""

from sr.imports.dasr import DASR
from sr.imports.plan import Kind

__all__ = ["KINDS", "Kind"]

KINDS: dict[str, Kind] = {
    "dasr": DASR,
}
