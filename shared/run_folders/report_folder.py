"""Folders of results that are made in one go: there whole or not at all, and found again by what was asked."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from shared.files import write_json
from shared.run_folders.run_folder import RunFolder, differences, without_free_options

CONFIG = "config.json"


class ReportFolder:
    """`<runs_dir>/<stage>/<name>/` of one report.

    Args:
        runs_dir: root of all runs.
        stage: `analysis` or `sr-eval`.
        name: as the user gave it; empty takes `default`, with some digits behind it where another report has that name.
        default: a plain folder name.
        asked: everything that the report depends on, as plain JSON.
        results: name of the JSON file with the results.
        needed: files without which the report is made again.

    Raises:
        ValueError: the name is not a plain folder name.
    """

    def __init__(
        self, runs_dir: str, stage: str, *, name: str, default: str, asked: dict[str, Any], results: str,
        needed: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self._asked = json.loads(json.dumps(asked))
        self._results, self._needed = results, needed
        self._run = RunFolder(runs_dir, stage, name or default, results)
        if not name:
            digits = hashlib.sha256(json.dumps(without_free_options(self._asked), sort_keys=True).encode()).hexdigest()[
                :6
            ]
            with_digits = RunFolder(runs_dir, stage, f"{default}-{digits}", results)
            if with_digits.finished or self._is_of_another():
                self._run = with_digits
        self.path = self._run.path

    def lock(self) -> AbstractContextManager[None]:
        """Keep a second process out, see `RunFolder.locked`."""
        return self._run.lock()

    def load(self) -> dict[str, Any] | None:
        """The results of the report where it has been made before; None where it is to be made.

        Raises:
            ValueError: another report has the name (the differences are listed), or other files are there.
        """
        self._run.check(self._asked)
        if not all((self.path / one).exists() for one in (self._results, *self._needed)):
            return None
        return json.loads((self.path / self._results).read_text(encoding="utf-8"))

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """A private folder to write the report's files to, which takes its place when the block ends.

        An error or Ctrl-C in the block leaves nothing; what a kill leaves is deleted the next time.

        Raises:
            ValueError: it cannot be written.
        """
        private = self.path.with_name(f".{self.path.name}.partial")
        try:
            shutil.rmtree(private, ignore_errors=True)
            private.mkdir(parents=True)
            write_json(private / CONFIG, self._asked)
        except OSError as error:
            raise ValueError(f"{private} cannot be written ({error.strerror}): give another runs_dir=") from error
        try:
            yield private
            if self.path.exists():
                self._mend(private)
            else:
                private.rename(self.path)
        finally:
            shutil.rmtree(private, ignore_errors=True)
        self._run.make_latest()

    def _mend(self, private: Path) -> None:
        """Files take the place of those of an earlier report that is not whole, the results last; others stay."""
        for made in sorted(private.iterdir(), key=lambda path: path.name == self._results):
            old = self.path / made.name
            if old.is_dir():
                shutil.rmtree(old)
            made.replace(old)

    def _is_of_another(self) -> bool:
        try:
            return bool(differences(self._run.load_config(), self._asked)) if self._run.path.exists() else False
        except ValueError:
            return True  # a corrupt configuration
