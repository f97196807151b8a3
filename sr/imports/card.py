"""The cards of imported models and encoders."""

from sr.imports.checkpoint import Checkpoint
from sr.imports.plan import Kind, Plan


def format_card(kind_name: str, kind: Kind, plan: Plan, checkpoint: Checkpoint, *, used: int, unused: str) -> str:
    """Formats the card of what was imported: source, file, and what was mapped.

    Args:
        kind_name: Name of the kind.
        kind: The kind.
        plan: The plan by which it was imported.
        checkpoint: The checkpoint.
        used: Number of weights that were mapped.
        unused: The weights without a counterpart, in words; empty if there are none.
    """
    scale = f"x{plan.scale} " if plan.scale else ""
    note = f"\n{plan.note}\n" if plan.note else ""
    return f"""# {scale}{kind.title}, imported

The weights are those of the authors' file, not trained here; the licence of the file and of its training images holds.

- source: {kind.source}
- kind: `{kind_name}` (`python -m sr.import_weights {kind_name} CHECKPOINT OUT`)
- file: `{checkpoint.path.name}`, SHA-256 `{checkpoint.sha256}`
- mapped: {used} weights; not used: {unused or "none"}
{note}
It computes what the authors' network computes, for images in [0, 1]; it has not been measured here.
"""
