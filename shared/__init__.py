"""What the stages and the analysis share: images, degradations, encoders, artefacts, probes, training."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.artefacts import load_encoder

__all__ = ["load_encoder"]


def __getattr__(name: str) -> Any:
    """Imports `load_encoder` at its first use, so that `import shared` alone does not load torch."""
    if name in __all__:
        import shared.artefacts

        return getattr(shared.artefacts, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
