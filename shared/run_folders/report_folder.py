"""Folders of reports, which are written completely or not at all and found again by their configuration."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from shared.files import make_private_path, write_json
from shared.run_folders.run_folder import CONFIG_FILE, RunFolder, list_differences, without_free_options

HASH_DIGITS = 6  # of a configuration, behind the name of a folder


class ReportFolder:
    """The folder `<runs_dir>/<stage>/<name>/` of one report.

    Args:
        runs_dir: Root folder of all runs.
        stage: Name of the folder under `runs_dir`: `analysis` or `sr-eval`.
        name: Name given by the user; empty for `default`, with a hash of the configuration appended if another report
            has that name.
        default: Default name, a plain folder name.
        config: Everything that the report depends on, as plain JSON values.
        results: Name of the JSON file with the results.
        required: Names of further files without which the report counts as incomplete.

    Raises:
        ValueError: The name is not a plain folder name.
    """

    def __init__(
        self,
        runs_dir: str,
        stage: str,
        *,
        name: str,
        default: str,
        config: dict[str, Any],
        results: str,
        required: tuple[str, ...] = (),
    ) -> None:
        self._config = json.loads(json.dumps(config))
        self._results, self._required = results, required
        self._run = RunFolder(runs_dir, stage, name or default, results)
        if not name:
            text = json.dumps(without_free_options(self._config), sort_keys=True)
            digits = hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]
            with_digits = RunFolder(runs_dir, stage, f"{default}-{digits}", results)
            if with_digits.is_finished or self._belongs_to_another_report():
                self._run = with_digits
        self.path = self._run.path

    def lock(self) -> AbstractContextManager[None]:
        """Keeps other processes out of the folder, see `RunFolder.lock`."""
        return self._run.lock()

    def load(self) -> dict[str, Any] | None:
        """Reads the results of a complete report; None if there is none yet.

        Raises:
            ValueError: The folder belongs to another report (the message lists the differences) or holds other files.
        """
        self._run.check(self._config)
        if not all((self.path / file).exists() for file in (self._results, *self._required)):
            return None
        return json.loads((self.path / self._results).read_text(encoding="utf-8"))

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Makes a private folder for the files of the report and publishes it when the block ends.

        An error or Ctrl-C in the block leaves nothing behind; what a kill leaves is deleted by the next call.

        Yields:
            The private folder, which already holds the configuration.

        Raises:
            ValueError: The folder cannot be written.
        """
        private = make_private_path(self.path)
        try:
            private.mkdir(parents=True)
            write_json(private / CONFIG_FILE, self._config)
        except OSError as error:
            raise ValueError(f"{private} cannot be written ({error.strerror}): give another runs_dir=") from error
        try:
            yield private
            if self.path.exists():
                self._complete_from(private)
            else:
                private.rename(self.path)
        finally:
            shutil.rmtree(private, ignore_errors=True)
        self._run.make_latest()

    def _complete_from(self, private: Path) -> None:
        """Replaces the files of an incomplete report, the results last; files of other names stay."""
        for new in sorted(private.iterdir(), key=lambda path: path.name == self._results):
            old = self.path / new.name
            if old.is_dir():
                shutil.rmtree(old)
            new.replace(old)

    def _belongs_to_another_report(self) -> bool:
        try:
            return self._run.path.exists() and bool(list_differences(self._run.load_config(), self._config))
        except ValueError:
            return True  # a corrupt configuration
