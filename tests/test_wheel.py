"""The wheel: complete, and it works from another folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("shared", "pretrain", "analysis", "sr")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder with what the wheel installs."""
    root = tmp_path_factory.mktemp("wheel")
    source = root / "source"  # a copy, since two builds in one folder would disturb each other
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-cache-dir"]
    subprocess.run([*build, "--wheel-dir", root, source], check=True, capture_output=True, cwd=root)
    (wheel,) = root.glob("unblind-*.whl")
    with zipfile.ZipFile(wheel) as files:
        files.extractall(root / "site")
    return root / "site"


def test_it_holds_every_file_of_the_packages(site):
    kept = [path for package in PACKAGES for path in (ROOT / package).rglob("*")]
    suffixes = (".py", ".yaml", ".csv", ".js", ".html", ".css", ".safetensors", ".npz", ".json")
    expected = {path.relative_to(ROOT) for path in kept if path.suffix in suffixes}
    assert Path("shared/readings/photo/model.safetensors") in expected
    found = {path.relative_to(site) for path in site.rglob("*") if path.is_file()}
    assert not expected - found


@pytest.mark.parametrize(
    "program",
    [
        "pretrain.train",
        "sr.train",
        "sr.evaluate",
        "sr.upscale",
        "sr.import_weights",
        "analysis.report",
        "analysis.embed",
    ],
)
def test_programs_start_from_another_folder(site, tmp_path, program):
    answer = subprocess.run(
        [sys.executable, "-c", f"import shared, runpy, sys; print(shared.__file__); sys.argv = ['x', '--help']; "
         f"runpy.run_module({program!r}, run_name='__main__')"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert answer.stdout.startswith(str(site)), answer.stderr
    assert answer.returncode == 0, answer.stderr
