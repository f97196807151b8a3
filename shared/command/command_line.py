"""What every entry point does around its work: help, warnings, Ctrl-C, and errors as one sentence."""

import inspect
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn


def command(
    program: str, arguments: list[str], work: Callable[[], int], *, help_text: Callable[[], str], after_ctrl_c: str
) -> int:
    """Runs the work of a command line.

    Args:
        program: named before everything that is said on stderr.
        arguments: of the command line; only `-h` and `--help` are looked at.
        work: does it, and returns the exit status.
        help_text: what `--help` prints.
        after_ctrl_c: what the user is told who stopped it.

    Returns:
        The exit status; 130 after Ctrl-C.

    Raises:
        SystemExit: with status 2 and one line on stderr, for what the user can mend.
    """
    if any(argument in ("-h", "--help") for argument in arguments):
        print(help_text())
        return 0
    logging.basicConfig(level=logging.WARNING, format=f"{program}: %(message)s")
    try:
        return work()
    except KeyboardInterrupt:
        print(f"{program}: {after_ctrl_c}", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError) as error:
        stop(program, error)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        stop(program, f"the memory is too small: {_first_sentence(error)}; take smaller batches, patches or tiles")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether numpy or torch, on a CPU or a GPU, found no memory."""
    return isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error)


def _first_sentence(error: BaseException) -> str:
    return " ".join(str(error).split()).split(". ")[0].rstrip(".") or type(error).__name__


def stop(program: str, error: BaseException | str) -> NoReturn:
    """Print one line and leave with status 2."""
    print(f"{program}: {' '.join(str(error).split())}", file=sys.stderr)
    raise SystemExit(2)


def recipe_titles(folder: Path) -> str:
    """A line per recipe of a folder: its name and the first line of its header."""
    paths = sorted(folder.glob("*.yaml"))
    titles = (path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ") for path in paths)
    return "\n".join(f"  {path.stem:28s}{title}" for path, title in zip(paths, titles, strict=True))


def attributes_of(*schemas: type) -> str:
    """What the docstrings of dataclasses of options say, as one text."""
    return "\n\n".join(inspect.cleandoc(schema.__doc__ or "") for schema in schemas)


def positional_and_options(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What is not `key=value` nor a flag, and what is; a path may hold an `=` where it exists, or after a slash."""
    options = [
        one for one in arguments if one.startswith("-") or ("=" in one.partition("/")[0] and not Path(one).exists())
    ]
    return [one for one in arguments if one not in options], options
