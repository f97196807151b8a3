"""Folders of training runs: one configuration each, locked while in use, never overwritten; and the newest of them."""

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from shared.files import write_atomically, write_json
from shared.locks import hold_lock

CONFIG_FILE = "config.json"
LATEST_FILE = "latest"  # in the folder of a stage: a text file with the name of the newest finished run
# Options that may differ when a run is resumed, since they change neither the weights nor the scores.
FREE_OPTIONS = frozenset(
    {
        "name",
        "runs_dir",
        "checkpoint_every",
        "log_every",
        "workers",
        "dry_run",
        "show_config",
        "probe_every",
        "panel_every",
        "figures_every",
        "validate_every",
        "data.cache_dir",
    }
)
# Options that runs of earlier versions did not have, with the value of what they did.
ADDED_OPTIONS = {"conditioning.adapter": "linear"}

logger = logging.getLogger(__name__)


class RunFolder:
    """The folder `<runs_dir>/<stage>/<name>/` of one run.

    It holds config.json, TensorBoard events, last.ckpt and the artefact; the file with the scores, written last, marks
    the run as finished.

    Args:
        runs_dir: Root folder of all runs.
        stage: Name of the folder under `runs_dir`: `pretrain`, `analysis`, `sr` or `sr-eval`.
        name: Name of the run, one path component.
        scores: Name of the file with the scores.

    Raises:
        ValueError: The name is not a plain folder name.
    """

    def __init__(self, runs_dir: str, stage: str, name: str, scores: str = "metrics.json") -> None:
        if not name or name in (".", "..", LATEST_FILE) or "/" in name or name != name.strip():
            raise ValueError(f"name={name!r} must be a plain folder name (and not `latest`)")
        self.path = Path(runs_dir) / stage / name
        self.checkpoint = self.path / "last.ckpt"
        self.metrics = self.path / scores
        self._config = self.path / CONFIG_FILE

    @property
    def is_finished(self) -> bool:
        """Whether the run has ended and written its scores."""
        return self.metrics.is_file()

    def check(self, config: dict[str, Any]) -> None:
        """Refuses the folder if it cannot be made or belongs to a run with another configuration; writes nothing.

        Args:
            config: Configuration as plain JSON values.

        Raises:
            ValueError: The stored configuration differs (the message lists the differences), the folder holds files of
                another kind, or it cannot be written.
        """
        existing = self.path
        while not existing.exists() and existing != existing.parent:
            existing = existing.parent
        if not existing.is_dir() or not (self.is_finished or os.access(existing, os.W_OK | os.X_OK)):
            reason = "no permission" if existing.is_dir() else f"{existing} is not a folder"
            raise ValueError(f"{self.path} cannot be written ({reason}): give another runs_dir=")
        if self._config.is_file():
            stored = self.load_config()
            changed = list_differences({key: value for key, value in stored.items() if key in config}, config)
            if changed:
                raise ValueError(
                    f"{self.path} holds a run with another configuration ({'; '.join(changed)}): give another name="
                )
        elif self.path.is_dir() and any(not path.name.startswith(".") for path in self.path.iterdir()):
            raise ValueError(f"{self.path} holds files that do not belong to a run: give another name=")

    def load_config(self) -> dict[str, Any]:
        """Reads the configuration that a run with this name was started with; empty if there is none.

        Raises:
            ValueError: The file is corrupt.
        """
        if not self._config.is_file():
            return {}
        try:
            stored = json.loads(self._config.read_text(encoding="utf-8"))
            if isinstance(stored, dict):
                return stored
            reason = "not an object"
        except (ValueError, RecursionError) as error:
            reason = str(error)
        raise ValueError(f"{self._config} is corrupt ({reason}): restore it, or give another name=")

    def claim(self, config: dict[str, Any]) -> None:
        """Creates the folder for this configuration, or checks that it already belongs to it.

        Raises:
            ValueError: See `check`; or the folder cannot be written.
        """
        self.check(config)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not self._config.is_file():
                write_json(self._config, config)
        except OSError as error:
            raise ValueError(f"{self.path} cannot be written ({error.strerror}): give another runs_dir=") from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other processes out of the folder; the system frees the lock of a process that dies.

        Raises:
            ValueError: Another process uses the folder, or the lock file cannot be written.
        """
        lock_folder = self.path.parent
        with ExitStack() as stack:
            try:
                lock_folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(hold_lock(lock_folder / f".{self.path.name}.lock"))
            except BlockingIOError as error:
                raise ValueError(
                    f"{self.path} is in use by another process: wait for it, or give another name="
                ) from error
            except OSError as error:
                raise ValueError(
                    f"{lock_folder} cannot be written ({error.strerror}): give another runs_dir="
                ) from error
            yield

    def finish(self, metrics: dict[str, Any]) -> None:
        """Makes the run the newest, then writes its scores, which marks it as finished.

        After a kill between the two, resuming the run does both again.
        """
        self.make_latest()
        write_json(self.metrics, metrics)

    def make_latest(self) -> None:
        """Makes the run the newest finished one of its stage; only warns if that cannot be stored."""
        latest = self.path.parent / LATEST_FILE
        try:
            write_atomically(latest, f"{self.path.name}\n".encode())
        except OSError as error:
            logger.warning("%s cannot be written (%s): give this run by its path", latest, error.strerror or error)


def find_newest_run(runs_dir: str, stage: str) -> Path | None:
    """Finds the folder of the newest finished run of a stage; None if there is none."""
    latest = Path(runs_dir) / stage / LATEST_FILE
    try:  # earlier versions made a symbolic link
        name = latest.readlink().name if latest.is_symlink() else latest.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    run = latest.parent / name
    return run if name and Path(name).name == name and run.is_dir() else None


def list_differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """Lists the options that differ, such as "steps: 500 -> 600", without `FREE_OPTIONS`.

    Args:
        old, new: Nested configurations.
        prefix: Dotted key of these configurations in larger ones, with a final dot.
    """
    found = []
    for key in sorted(old.keys() | new.keys()):
        if f"{prefix}{key}" in FREE_OPTIONS:
            continue
        before, after = old.get(key, ADDED_OPTIONS.get(f"{prefix}{key}")), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found += list_differences(before, after, f"{prefix}{key}.")
        elif before != after:
            found.append(f"{prefix}{key}: {before} -> {after}")
    return found


def without_free_options(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Copies a nested configuration without `FREE_OPTIONS`; `prefix` as in `list_differences`."""
    return {
        key: without_free_options(value, f"{prefix}{key}.") if isinstance(value, dict) else value
        for key, value in config.items()
        if f"{prefix}{key}" not in FREE_OPTIONS
    }


def check_free_space(folder: Path, required: int) -> None:
    """Refuses to start a run whose checkpoints the disk cannot hold.

    Args:
        folder: Folder of the run; it need not exist.
        required: Size of the checkpoints in bytes.

    Raises:
        ValueError: Less space is free.
    """
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < required:
        raise ValueError(
            f"{folder}: {free / 1e6:.0f} MB are free, but the checkpoints of the run need {required / 1e6:.0f} MB"
        )
