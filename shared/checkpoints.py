"""The old path of `load_encoder`, which is in `shared` now."""

from shared.artefacts import load_encoder

__all__ = ["load_encoder"]
