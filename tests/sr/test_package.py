"""What `from sr import ...` offers."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_package_offers_load_model_and_loads_torch_only_for_it():
    code = "import sys, sr\nassert 'torch' not in sys.modules\nfrom sr import load_model\nprint(load_model.__module__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["sr.model_artefact"]
