"""Checkpoints of others as models of ours; `KINDS` is the only list of the kinds that are known."""

from sr.imports.cdcl import CDCL
from sr.imports.dasr import DASR
from sr.imports.dasr_encoder import DASR_ENCODER
from sr.imports.edsr import EDSR
from sr.imports.kdsr import KDSR
from sr.imports.plan import Kind
from sr.imports.rcan import RCAN
from sr.imports.swin2sr import SWIN2SR

__all__ = ["KINDS", "Kind"]

KINDS: dict[str, Kind] = {
    "dasr": DASR,
    "kdsr": KDSR,
    "edsr": EDSR,
    "rcan": RCAN,
    "swin2sr": SWIN2SR,
    "dasr_encoder": DASR_ENCODER,
    "cdcl": CDCL,
}
