"""Stage two: super-resolution steered by a degradation encoder."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sr.model_artefact import load_model

__all__ = ["load_model"]


def __getattr__(name: str) -> Any:
    """Imports `load_model` on demand, so that `import sr` loads no torch."""
    if name == "load_model":
        from sr.model_artefact import load_model

        return load_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
