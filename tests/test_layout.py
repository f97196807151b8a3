"""The rules of the layout: who may import whom, and how files are named and sized."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("shared", "pretrain", "analysis", "sr")
ALLOWED = {
    "shared": {"shared"},
    "pretrain": {"shared", "pretrain"},
    "analysis": {"shared", "analysis"},
    "sr": {"shared", "sr", "pretrain.methods", "pretrain.views"},
}
# Rooms (folders, and files beside them) of a package, floor by floor from the ground up; imports go down alone.
FLOORS = {
    "shared": (
        {"files", "inference", "devices"},
        {"images", "degradations", "encoders", "run_folders", "command"},
        {"artefacts", "data"},
        {"probing", "checkpoints"},
        {"training"},
    ),
    "analysis": (
        {"config", "probes"},
        {"embedding"},
        {"measures"},
        {"figures"},
        {"page"},
        {"report_files"},
        {"run", "own_images", "snapshot"},
        {"report", "embed"},
    ),
    "sr": (
        {"metrics", "conditioning", "recipes"},
        {"fusion"},
        {"networks"},
        {"model"},
        {"upscaling", "export"},
        {"evaluation"},
        {"training"},
        {"train", "evaluate", "upscale"},
    ),
}
FILES = [path.relative_to(ROOT) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported_modules(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
    return {name for name in found if name.split(".")[0] in PACKAGES}


def room_of(module: str) -> str:
    return module.split(".")[1]


def test_imports_go_one_way_between_packages():
    for path in FILES:
        for module in imported_modules(path):
            allowed = ALLOWED[path.parts[0]]
            assert any(module == name or module.startswith(f"{name}.") for name in allowed), f"{path} imports {module}"


def test_imports_go_down_between_the_rooms_of_a_package():
    for path in FILES:
        package, *inside = path.with_suffix("").parts
        if package not in FLOORS or inside == ["__init__"]:
            continue
        floor_of = {room: number for number, rooms in enumerate(FLOORS[package]) for room in rooms}
        assert inside[0] in floor_of, f"{path}: its room has no floor in FLOORS"
        for module in imported_modules(path):
            if module.startswith(f"{package}.") and room_of(module) != inside[0]:
                assert floor_of[room_of(module)] < floor_of[inside[0]], (
                    f"{path} imports {module}, which is not below it"
                )


def test_files_say_what_is_in_them_and_stay_short():
    for path in FILES:
        assert path.stem not in {"utils", "common", "helpers", "misc"}, path
        text = (ROOT / path).read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, path
        assert text.startswith('"""'), f"{path}: no docstring"


def test_checking_a_command_line_loads_no_heavy_library():
    heavy = {"pytorch_lightning", "lightly", "timm", "faiss", "umap", "sklearn", "cv2", "skimage"}
    code = f"import sys, pretrain.train; print(*({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
