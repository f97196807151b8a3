"""Stage two: super-resolution steered by a degradation encoder."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sr.model import load_model

__all__ = ["load_model"]


def __getattr__(name: str) -> Any:
    """`from sr import load_model` loads torch only then."""
    if name in __all__:
        import sr.model

        return getattr(sr.model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
