"""The frame of every entry point: arguments, help, warnings, Ctrl-C, and errors in one sentence."""

import errno
import inspect
import io
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from shared.files import escape_unprintable

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run_command(
    program: str, arguments: list[str], work: Callable[[], int], *, help_text: Callable[[], str], after_ctrl_c: str
) -> int:
    """Runs the work of an entry point, or prints its help.

    Args:
        program: Name of the program, which precedes its messages on stderr.
        arguments: Arguments of the command line; only `-h` and `--help` are read here.
        work: Function that does the work and returns the exit status.
        help_text: Function that returns the text for `--help`.
        after_ctrl_c: Message after Ctrl-C.

    Returns:
        The exit status; 130 after Ctrl-C.

    Raises:
        SystemExit: The user has to correct something; the status is 2, and stderr says what in one line.
    """
    if any(argument in ("-h", "--help") for argument in arguments):
        print(help_text())
        return 0
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal's encoding lacks must not end the work
            stream.reconfigure(errors="backslashreplace")
    threading.excepthook = _report_in_main_thread
    handler = logging.StreamHandler()
    handler.setFormatter(_SafeFormatter(f"{program}: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    try:
        return work()
    except KeyboardInterrupt:
        print(f"{program}: {after_ctrl_c}", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError) as error:
        if isinstance(error, OSError) and error.errno in FULL_DISK and not error.filename:
            exit_with_error(program, f"the disk is full ({error.strerror}): free some space and repeat the command")
        exit_with_error(program, error)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        exit_with_error(program, f"out of memory: {_first_sentence(error)}; use smaller batches, patches or tiles")


class _SafeFormatter(logging.Formatter):
    """Formatter that writes out what a terminal would obey, as in the names of some files."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return escape_unprintable(super().formatMessage(record))


def _report_in_main_thread(arguments: threading.ExceptHookArgs) -> None:
    """Leaves to the main thread an error of the system in another, such as that of TensorBoard's writer."""
    if not isinstance(arguments.exc_value, OSError):
        threading.__excepthook__(arguments)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that numpy or torch, on a CPU or a GPU, could not allocate memory."""
    return isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error)


def _first_sentence(error: BaseException) -> str:
    return " ".join(str(error).split()).split(". ")[0].rstrip(".") or type(error).__name__


def exit_with_error(program: str, error: BaseException | str) -> NoReturn:
    """Prints an error in one line on stderr and exits with status 2."""
    print(escape_unprintable(f"{program}: {' '.join(str(error).split())}"), file=sys.stderr)
    raise SystemExit(2)


def list_recipes(folder: Path) -> str:
    """Lists the recipes of a folder, one per line: name and first line of the header."""
    paths = sorted(folder.glob("*.yaml"))
    titles = (path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ") for path in paths)
    return "\n".join(f"  {path.stem:28s}{title}" for path, title in zip(paths, titles, strict=True))


def describe_options(*schemas: type) -> str:
    """Joins the docstrings of dataclasses of options to one text for `--help`."""
    texts = (inspect.cleandoc(schema.__doc__ or "") for schema in schemas)
    return "\n\n".join(text.replace("\n\nAttributes:\n", "\n") for text in texts)


def split_arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Splits the arguments of a command line into positional ones and options.

    Options are flags and `key=value`. An argument with `=` is a path all the same if the path exists or the `=` comes
    after a slash.
    """
    options = [
        argument
        for argument in arguments
        if argument.startswith("-") or ("=" in argument.partition("/")[0] and not Path(argument).exists())
    ]
    return [argument for argument in arguments if argument not in options], options
