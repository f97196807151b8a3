"""Peak memory of a short run on built-in images, and of the same run over a folder of many."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.image_folder import write_images
from tests.bench.measuring import Row, Settings
from tests.bench.real_run import TINY

# MB of anonymous memory (what a run takes from others; mapped pages of the image cache can be dropped at any time):
# weights, moments, activations, probes; on a GPU the host's side of them and of CUDA.
RUN_BOUND = {"cpu": 3000.0, "cuda": 6000.0}
FOLDER_BOUND = 200.0  # MB more than that for a folder of 10,000 images
IMAGE_SIDE = 256
POLL_SECONDS = 0.02
STEPS = 3


@dataclass
class Peak:
    """Largest memory of a run's process in MB: anonymous until the images are decoded, and in all; resident in all."""

    decoding: float = 0.0
    anonymous: float = 0.0
    resident: float = 0.0


def measure(settings: Settings) -> list[Row]:
    """A run on built-in images, then one over the folder."""
    start = time.perf_counter()
    folder = write_images(settings.scratch / "many_images", settings.images, 96 if settings.tiny else IMAGE_SIDE)
    made = time.perf_counter() - start
    usual = ["data=builtin"]
    if settings.tiny:  # the photographs take seconds
        usual = ["data=folder", f"data.root={write_images(settings.scratch / 'few_images', 12, 96)}"]
    small = _run(settings, "usual", *usual)
    start = time.perf_counter()
    large = _run(settings, "many", "data=folder", f"data.root={folder}")
    taken = time.perf_counter() - start
    what = f"the same over a folder of {settings.images} images"
    more, more_decoding = large.anonymous - small.anonymous, large.decoding - small.decoding
    return [
        Row(
            "a run on built-in images: peak anonymous memory", (small.anonymous,), RUN_BOUND[settings.device.type],
            at_most=True, unit="MB", detail=f"resident {small.resident:.0f} MB",
        ),
        Row(
            f"{what}: more than that", (more,), FOLDER_BOUND, at_most=True, unit="MB",
            detail=f"resident {large.resident:.0f} MB; files made in {made:.0f} s, run of {taken:.0f} s",
        ),
        Row(
            f"{what}: more while decoding", (more_decoding,), FOLDER_BOUND, at_most=True, unit="MB",
            detail=f"{large.decoding:.0f} against {small.decoding:.0f} MB",
        ),
    ]  # fmt: skip


def _run(settings: Settings, name: str, *options: str) -> Peak:
    """The quick recipe for a few steps, to the end with its probes, in a process of its own with an empty cache.

    Raises:
        RuntimeError: the run failed; with what it said.
    """
    cache, log_path = settings.scratch / f"cache-{name}", settings.scratch / f"{name}.log"
    command = [sys.executable, "-m", "pretrain.train", f"name={name}", f"runs_dir={settings.scratch / 'runs'}"]
    command += [f"steps={STEPS}", f"data.cache_dir={cache}", *options]
    command += [f"accelerator={'gpu' if settings.device.type == 'cuda' else 'cpu'}"]
    if settings.tiny:
        command += ["dry_run=true", *(option for option in TINY if not option.startswith("data"))]
    peak = Peak()
    with open(log_path, "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        while process.poll() is None:
            anonymous, resident = anonymous_and_resident(process.pid)
            peak.anonymous, peak.resident = max(peak.anonymous, anonymous), max(peak.resident, resident)
            if not any(cache.glob("*/index.json")):
                peak.decoding = max(peak.decoding, anonymous)
            time.sleep(POLL_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{log_path.read_text()[-2000:]}")
    return peak


def anonymous_and_resident(pid: int) -> tuple[float, float]:
    """Anonymous memory now and the largest resident memory so far, in MB; 0 once the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    kibibytes = {
        name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines) if "kB" in value
    }
    return kibibytes.get("RssAnon", 0) * 1024 / 1e6, kibibytes.get("VmHWM", 0) * 1024 / 1e6
