"""Stage two: super-resolution steered by a degradation encoder."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sr.model import load_model
    from sr.upscaling.tiled import upscale

__all__ = ["load_model", "upscale"]


def __getattr__(name: str) -> Any:
    """Imports `load_model` and `upscale` on demand, so that `import sr` loads no torch."""
    if name == "load_model":
        from sr.model import load_model

        return load_model
    if name == "upscale":  # the entry point of this name replaces the function once `sr.upscale` is imported
        from sr.upscaling.tiled import upscale

        return upscale
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
