"""Run folders: one configuration each, locked while in use, never overwritten, found again by `latest`."""

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.files import write_json

# What may differ between two starts of one run: it changes neither the weights nor the scores.
FREE_TO_CHANGE = frozenset({"name", "runs_dir", "checkpoint_every", "log_every", "workers", "dry_run", "probe_every",
                            "panel_every", "figures_every", "validate_every", "data.cache_dir"})  # fmt: skip


class RunFolder:
    """`<runs_dir>/<stage>/<name>/`: config.json, TensorBoard events, last.ckpt, the artefact; the scores last of all.

    Args:
        runs_dir: root of all runs.
        stage: `pretrain`, `analysis`, `sr` or `sr-eval`.
        name: of the run, one path component.
        scores: name of the file with the scores, whose presence marks the run finished.

    Raises:
        ValueError: the name is not a plain folder name.
    """

    def __init__(self, runs_dir: str, stage: str, name: str, scores: str = "metrics.json") -> None:
        if not name or name in (".", "..", "latest") or "/" in name or name != name.strip():
            raise ValueError(f"name={name!r} must be a plain folder name (and not `latest`)")
        self.path = Path(runs_dir) / stage / name
        self.checkpoint = self.path / "last.ckpt"
        self.metrics = self.path / scores
        self._config = self.path / "config.json"

    @property
    def finished(self) -> bool:
        """Whether the run ended and its scores are there."""
        return self.metrics.is_file()

    def check(self, config: dict[str, Any]) -> None:
        """Refuse a folder that this configuration cannot have; writes nothing.

        Raises:
            ValueError: another configuration has the name (the differences are listed), or other files are there.
        """
        if self._config.is_file():
            stored = self.load_config()
            changed = differences({key: value for key, value in stored.items() if key in config}, config)
            if changed:
                raise ValueError(
                    f"{self.path} holds a run of another configuration ({'; '.join(changed)}): give another name="
                )
        elif self.path.is_dir() and any(not path.name.startswith(".") for path in self.path.iterdir()):
            raise ValueError(f"{self.path} holds files that are not of a run: give another name=")

    def load_config(self) -> dict[str, Any]:
        """The configuration that a run of this name was started with; empty where there is none.

        Raises:
            ValueError: it is corrupt.
        """
        if not self._config.is_file():
            return {}
        try:
            stored = json.loads(self._config.read_text(encoding="utf-8"))
            if isinstance(stored, dict):
                return stored
            reason = "not an object"
        except ValueError as error:
            reason = str(error)
        raise ValueError(f"{self._config} is corrupt ({reason}): restore it, or give another name=")

    def claim(self, config: dict[str, Any]) -> None:
        """Take the folder for this configuration, or go on with it.

        Raises:
            ValueError: as `check`, or the folder is not writable.
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
        """Keep a second process out of the folder; the lock goes with the process, however it ends.

        Raises:
            ValueError: another process has it.
        """
        lock_folder = self.path.parent
        try:
            lock_folder.mkdir(parents=True, exist_ok=True)
            lock = open(lock_folder / f".{self.path.name}.lock", "w")  # noqa: SIM115
        except OSError as error:
            raise ValueError(f"{lock_folder} cannot be written ({error.strerror}): give another runs_dir=") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ValueError(
                    f"{self.path} is in use by another process: wait for it, or give another name="
                ) from error
            yield

    def finish(self, metrics: dict[str, Any]) -> None:
        """Point `latest` at the run, then write its scores, which marks it finished; a rerun mends a kill between."""
        self.make_latest()
        write_json(self.metrics, metrics)

    def make_latest(self) -> None:
        """Point `latest` at the run."""
        link, fresh = self.path.parent / "latest", self.path.parent / f".latest-{uuid.uuid4().hex}"
        fresh.symlink_to(self.path.name)
        os.replace(fresh, link)


def newest_run(runs_dir: str, stage: str) -> Path | None:
    """The folder of the newest finished run of a stage, by its own name; None where there is none."""
    latest = Path(runs_dir) / stage / "latest"
    return latest.parent / (latest.readlink() if latest.is_symlink() else "latest") if latest.exists() else None


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """The settings that differ, as "steps: 500 -> 600"; those in `FREE_TO_CHANGE` do not count."""
    found = []
    for key in sorted(old.keys() | new.keys()):
        if f"{prefix}{key}" in FREE_TO_CHANGE:
            continue
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found += differences(before, after, f"{prefix}{key}.")
        elif before != after:
            found.append(f"{prefix}{key}: {before} -> {after}")
    return found


def without_free_options(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The settings without those in `FREE_TO_CHANGE`."""
    return {
        key: without_free_options(value, f"{prefix}{key}.") if isinstance(value, dict) else value
        for key, value in config.items() if f"{prefix}{key}" not in FREE_TO_CHANGE
    }  # fmt: skip


def check_free_space(folder: Path, needed: int) -> None:
    """Refuse to start what the disk cannot hold.

    Args:
        folder: of the run; its nearest existing parent is asked.
        needed: bytes.

    Raises:
        ValueError: less is free.
    """
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ValueError(
            f"{folder}: {free / 1e9:.1f} GB are free, and the run's checkpoints take {needed / 1e9:.1f} GB"
        )
