"""The rules of the layout: who may import whom, and how files are named and sized."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("shared", "pretrain", "analysis", "sr")
ALLOWED = {
    "shared": {"shared"},
    "pretrain": {"shared", "pretrain"},
    "analysis": {"shared", "analysis"},
    "sr": {"shared", "sr", "pretrain.methods", "pretrain.views"},
}
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported_modules(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
    return {name for name in found if name.split(".")[0] in PACKAGES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    allowed = ALLOWED[path.relative_to(ROOT).parts[0]]
    for module in imported_modules(path):
        assert any(module == name or module.startswith(f"{name}.") for name in allowed), f"{path} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_say_what_is_in_them_and_stay_short(path):
    assert path.stem not in {"utils", "common", "helpers", "misc"}
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_checking_a_command_line_loads_no_heavy_library():
    heavy = {"pytorch_lightning", "lightly", "timm", "faiss", "umap", "sklearn", "cv2", "skimage"}
    code = f"import sys, pretrain.train; print(*({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
