"""What a file looks like that was given where the folder of a model belongs."""

import shlex
from pathlib import Path

from shared.artefacts import WEIGHTS_FILE
from sr.imports import KINDS
from sr.imports.checkpoint import Checkpoint, list_names, read_checkpoint


def recognise(checkpoint: Checkpoint) -> list[str]:
    """Returns the names of the kinds that a checkpoint may be of."""
    return [name for name, kind in KINDS.items() if all(mark in checkpoint.weights for mark in kind.marks)]


def explain_file(path: Path) -> str:
    """Says in a sentence what a file is that is no folder of a model, and which command makes one of it.

    Raises:
        OSError: The file cannot be read.
    """
    if path.name == WEIGHTS_FILE and (path.parent / "config.json").is_file():
        return f"{path} is the file of a model: give its folder, {path.parent}"
    try:
        checkpoint = read_checkpoint(path)
    except ValueError as error:
        return f"{error}; give the folder of a model"
    kinds = recognise(checkpoint)
    if not kinds:
        names = list_names(list(checkpoint.weights))
        return f"{path} is a file of weights of no kind that can be imported ({names}); give the folder of a model"
    command = f"python -m sr.import_weights {kinds[0]} {shlex.quote(str(path))} OUT"
    kind = KINDS[kinds[0]]
    use = "give OUT" if kind.is_model else "give `encoder=OUT` to sr-train: it is an encoder alone, no model"
    return f"{path} looks like a checkpoint of {kind.title}: import it by `{command}`, and {use}"
