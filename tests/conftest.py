"""Session-wide home folder, shared by all workers, so that no test reads or writes the user's cache of images."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def session_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "home"
    home.mkdir(exist_ok=True)
    os.environ["HOME"] = str(home)  # subprocesses inherit it
    return home
