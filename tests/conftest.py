"""The suite keeps out of the user's home: decoded images go to the session's own folder, shared by its workers."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def home_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "home"
    home.mkdir(exist_ok=True)
    os.environ["HOME"] = str(home)  # subprocesses inherit it
    return home
