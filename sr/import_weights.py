"""`python -m sr.import_weights KIND CHECKPOINT OUT key=value ...`: make a model of ours from a checkpoint of others.

CHECKPOINT is a .pt, .pth or .safetensors file as its authors published it; it is read as weights alone, and nothing in
it is executed. OUT is a new folder: model/ is what `sr-eval` and `upscale` take, encoder/ what `encoder=OUT` gives to
`sr-train`. Sizes and scale are read from the weights. A weight that is not known, or is missing, is named, and then
nothing is written.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from shared.command import ConfigError, describe_options, load_config, run_command, split_arguments
from shared.command.options import suggest
from shared.files import expand_user

PROGRAM = "import-weights"


def main(arguments: list[str]) -> int:
    """Runs the command line and returns the exit status."""

    def work() -> int:
        from sr.imports import KINDS  # only now: its imports take a second
        from sr.imports.run import run

        words, overrides = split_arguments([argument for argument in arguments if argument])
        kind, path, out = read_words(words, list(KINDS))
        _, options = load_config(KINDS[kind].options, None, overrides)
        return run(kind, options, path, out)

    return run_command(
        PROGRAM, arguments, work, help_text=_format_help, after_ctrl_c="stopped; nothing has been written"
    )


def read_words(words: list[str], kinds: Sequence[str]) -> tuple[str, Path, Path]:
    """Reads the words of a command line.

    Args:
        words: The arguments that are no options.
        kinds: The names of the kinds.

    Returns:
        The kind, and the paths CHECKPOINT and OUT.

    Raises:
        ValueError: There are not three words, or the kind is unknown.
    """
    if words and words[0] not in kinds:
        raise ConfigError(f"unknown kind {words[0]!r}{suggest(words[0], kinds)} (there are {', '.join(kinds)})")
    if len(words) != 3:
        raise ConfigError(
            f"expected KIND, CHECKPOINT and OUT, got {len(words)} ({' '.join(words) or 'none'}); for example "
            "python -m sr.import_weights dasr model_600.pt models/dasr"
        )
    return words[0], expand_user(words[1], "CHECKPOINT"), expand_user(words[2], "OUT")


def _format_help() -> str:
    from sr.imports import KINDS

    kinds = "\n".join(f"  {name:14s}{kind.title}\n{'':16s}{kind.source}" for name, kind in KINDS.items())
    options = {kind.options: None for kind in KINDS.values()}  # each once, in order
    return f"{__doc__}\nKinds:\n{kinds}\n\n{describe_options(*options)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
