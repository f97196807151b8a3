"""Peak memory of a short run on built-in images, and of the same run on a folder of many images."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.image_folder import write_images
from tests.bench.measuring import Row, Settings
from tests.bench.real_run import TINY

# MB of anonymous memory (mapped pages of the image cache do not count, since the system can drop them at any time):
# weights, optimiser state, activations and probes; on a GPU their host side and that of CUDA
MAX_RUN_MEMORY = {"cpu": 3000.0, "cuda": 6000.0}
MAX_FOLDER_GROWTH = 200.0  # MB beyond that, for a folder of 10,000 images
IMAGE_SIDE = 256
POLL_SECONDS = 0.02
STEPS = 3


@dataclass
class Peak:
    """Peak memory of the process of a run in MB.

    Attributes:
        decoding: Anonymous memory until all images are decoded.
        anonymous: Anonymous memory over the whole run.
        resident: Resident memory over the whole run.
    """

    decoding: float = 0.0
    anonymous: float = 0.0
    resident: float = 0.0


def measure(settings: Settings) -> list[Row]:
    """Measures a run on built-in images, then one on the folder."""
    start = time.perf_counter()
    folder = write_images(settings.scratch / "many_images", settings.images, 96 if settings.tiny else IMAGE_SIDE)
    write_seconds = time.perf_counter() - start
    few_images = ["data=builtin"]
    if settings.tiny:  # decoding the photographs takes seconds
        few_images = ["data=folder", f"data.root={write_images(settings.scratch / 'few_images', 12, 96)}"]
    small = _measure_run(settings, "few", *few_images)
    start = time.perf_counter()
    large = _measure_run(settings, "many", "data=folder", f"data.root={folder}")
    run_seconds = time.perf_counter() - start
    what = f"a run on a folder of {settings.images} images"
    growth, decoding_growth = large.anonymous - small.anonymous, large.decoding - small.decoding
    return [
        Row(
            "a run on built-in images: peak anonymous memory",
            (small.anonymous,),
            MAX_RUN_MEMORY[settings.device.type],
            at_most=True,
            unit="MB",
            detail=f"resident {small.resident:.0f} MB",
        ),
        Row(
            f"{what}: peak memory beyond that",
            (growth,),
            MAX_FOLDER_GROWTH,
            at_most=True,
            unit="MB",
            detail=f"resident {large.resident:.0f} MB; written in {write_seconds:.0f} s, run in {run_seconds:.0f} s",
        ),
        Row(
            f"{what}: the same while decoding",
            (decoding_growth,),
            MAX_FOLDER_GROWTH,
            at_most=True,
            unit="MB",
            detail=f"{large.decoding:.0f} against {small.decoding:.0f} MB",
        ),
    ]


def _measure_run(settings: Settings, name: str, *options: str) -> Peak:
    """Runs the quick recipe for a few steps and its probes, in a process of its own and with an empty image cache.

    Raises:
        RuntimeError: The run failed; the message ends with its output.
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
        raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}:\n{log_path.read_text()[-2000:]}")
    return peak


def anonymous_and_resident(pid: int) -> tuple[float, float]:
    """Reads the current anonymous and the peak resident memory of a process in MB; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    kibibytes = {
        name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines) if "kB" in value
    }
    return kibibytes.get("RssAnon", 0) * 1024 / 1e6, kibibytes.get("VmHWM", 0) * 1024 / 1e6
