"""Peak memory of a short run on built-in images, and of the same run over a folder of many."""

import subprocess
import sys
import time
from pathlib import Path

from tests.bench.image_folder import write_images
from tests.bench.measuring import Row, Settings
from tests.bench.real_run import TINY

RUN_BOUND = 4000.0  # MB of anonymous memory: weights, moments, activations, probes
FOLDER_BOUND = 200.0  # MB more than that for a folder of 10,000 images
IMAGE_SIDE = 256
POLL_SECONDS = 0.02
STEPS = 3


def measure(settings: Settings) -> list[Row]:
    """Anonymous memory is what a run takes from others; mapped pages of the image cache can be dropped at any time."""
    start = time.perf_counter()
    folder = write_images(settings.scratch / "many_images", settings.images, 64 if settings.tiny else IMAGE_SIDE)
    made = time.perf_counter() - start
    few = write_images(settings.scratch / "few_images_of_a_run", 12, 96) if settings.tiny else None
    small = _peak(settings, "few", ["data=builtin"] if few is None else ["data=folder", f"data.root={few}"])
    large = _peak(settings, "many", ["data=folder", f"data.root={folder}"])
    detail = "the whole process {:.0f} MB"
    return [
        Row("a run on built-in images: peak anonymous memory", (small[0],), RUN_BOUND, True, "MB", detail.format(small[1])),
        Row(
            f"the same over a folder of {settings.images} images: more than that", (large[0] - small[0],), FOLDER_BOUND,
            True, "MB", f"{detail.format(large[1])}; files made in {made:.0f} s, run of {large[2]:.0f} s",
        ),
    ]  # fmt: skip


def _peak(settings: Settings, name: str, data: list[str]) -> tuple[float, float, float]:
    """Largest anonymous and resident memory of a run's process in MB, and its seconds."""
    accelerator = "gpu" if settings.device.type == "cuda" else "cpu"
    tiny = [option for option in TINY if not option.startswith("data")] if settings.tiny else []
    command = [
        sys.executable, "-m", "pretrain.train", f"name={name}", f"runs_dir={settings.scratch / 'runs'}", f"steps={STEPS}",
        f"data.cache_dir={settings.scratch / 'cache'}", f"accelerator={accelerator}", *tiny, *data,
    ]  # fmt: skip
    start = time.perf_counter()
    with open(settings.scratch / f"{name}.log", "w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        anonymous = resident = 0
        while process.poll() is None:
            found = _memory(process.pid)
            anonymous, resident = max(anonymous, found["RssAnon"]), max(resident, found["VmHWM"])
            time.sleep(POLL_SECONDS)
        if process.returncode:
            log.seek(0)
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{log.read()[-2000:]}")
    return anonymous / 1e6, resident / 1e6, time.perf_counter() - start


def _memory(pid: int) -> dict[str, int]:
    """Bytes by the names of /proc/PID/status; 0 once the process has ended."""
    found = {"RssAnon": 0, "VmHWM": 0}
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        name, _, value = line.partition(":")
        if name in found:
            found[name] = int(value.split()[0]) * 1024
    return found
