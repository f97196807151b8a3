"""Rules of the layout: allowed imports, and names, docstrings and lengths of files."""

import ast
import fnmatch
import subprocess
import sys
from pathlib import Path

from tests.covered_by import COVERED_BY

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("shared", "pretrain", "analysis", "sr")
ALLOWED = {
    "shared": {"shared"},
    "pretrain": {"shared", "pretrain"},
    "analysis": {"shared", "analysis"},
    "sr": {"shared", "sr", "pretrain.methods", "pretrain.views"},
}
# folders and top-level modules of each package in layers, lowest first; they import only from lower layers
LAYERS = {
    "shared": (
        {"bounds", "files", "inference", "devices", "locks", "progress_bar", "yaml_text"},
        {"images", "degradations", "encoders", "run_folders", "command"},
        {"artefacts", "data"},
        {"probing", "readings", "checkpoints"},
        {"training"},
    ),
    "analysis": (
        {"config", "probes", "studies"},
        {"embedding"},
        {"measures"},
        {"wording"},
        {"figures"},
        {"page"},
        {"report_files", "curve_files", "own_page", "reading_files", "photographs"},
        {"run", "own_images", "snapshot"},
        {"comparison"},
        {"report", "embed", "curves", "study"},
    ),
    "sr": (
        {"metrics", "conditioning", "recipes"},
        {"fusion"},
        {"networks"},
        {"model"},
        {"model_artefact"},
        {"upscaling", "export", "imports"},
        {"evaluation"},
        {"training"},
        {"train", "evaluate", "shares", "upscale", "import_weights"},
    ),
}
FILES = [path.relative_to(ROOT) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def list_imports(path: Path) -> set[str]:
    """Lists the modules of our packages that a file imports."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return {name for name in names if name.split(".")[0] in PACKAGES}


def test_packages_import_only_allowed_packages():
    for path in FILES:
        for module in list_imports(path):
            allowed = ALLOWED[path.parts[0]]
            assert any(module == name or module.startswith(f"{name}.") for name in allowed), f"{path} imports {module}"


def test_folders_of_a_package_import_only_from_lower_layers():
    for path in FILES:
        package, importer, *_ = path.with_suffix("").parts
        if package not in LAYERS or importer == "__init__":
            continue
        layers = {name: number for number, names in enumerate(LAYERS[package]) for name in names}
        assert importer in layers, f"{path}: {importer} is not in LAYERS"
        for module in list_imports(path):
            imported = module.split(".")[1:2]
            if module.startswith(f"{package}.") and imported != [importer]:
                assert layers[imported[0]] < layers[importer], f"{path} imports {module}, which is not in a lower layer"


def test_files_have_docstrings_and_stay_short():
    for path in FILES:
        assert path.stem not in {"utils", "common", "helpers", "misc"}, path
        text = (ROOT / path).read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, path
        assert text.startswith('"""'), f"{path}: no docstring"


def test_every_module_has_a_test_file():
    modules = {path.as_posix() for path in FILES if path.name != "__init__.py"}
    tested = {name for name in modules if (ROOT / "tests" / name).with_name(f"test_{Path(name).name}").exists()}
    listed = {name for name in modules if any(fnmatch.fnmatch(name, pattern) for pattern in COVERED_BY)}
    assert modules - tested == listed - tested, "give these a test file of their own, or list them in covered_by.py"
    for pattern, test in COVERED_BY.items():
        assert fnmatch.filter(modules - tested, pattern), f"covered_by.py: {pattern} has a test of its own, or is gone"
        assert (ROOT / test).is_file(), f"covered_by.py: {test} is missing"


def test_checking_a_command_line_loads_no_heavy_library():
    heavy = {"pytorch_lightning", "lightly", "timm", "faiss", "umap", "sklearn", "cv2", "skimage"}
    code = f"import sys, pretrain.train; print(*({heavy!r} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.split() == []
