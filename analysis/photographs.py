"""Readings of photographs in Python: `from analysis import read_photographs`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def read_photographs(
    paths: Sequence[str | Path],
    *,
    encoder: str | Path = "",
    cache_dir: str = "~/.cache/unblind",
    accelerator: str = "auto",
) -> list[dict[str, Any]]:
    """Reads what happened to photographs: blur, motion, noise and JPEG, each with an interval.

    Args:
        paths: Image files, and folders of them.
        encoder: Path of a run or an artefact; by default the encoder that comes with the package. For any other,
            samples are drawn from built-in photographs once, which takes minutes.
        cache_dir: Folder for decoded images and samples.
        accelerator: `auto`, `cpu` or `gpu`.

    Returns:
        An entry a photograph: `image`, its path; `verdict`, a sentence; and `blur_px`, `noise` (8-bit levels),
        `jpeg_quality`, `motion_px` and `angle_degrees`, each a dictionary of `value`, `low` and `high`, or None where
        it does not apply. The intervals hold the truth in four of five cases.

    Raises:
        FileNotFoundError, ValueError: There is nothing to read, or the encoder cannot be used.
    """
    from shared.data.sources import DataConfig, open_files  # only now: these imports take seconds
    from shared.devices import resolve_precision, select_device
    from shared.files import expand_user
    from shared.readings import SHIPPED, open_reader

    device = select_device(accelerator)
    cache = expand_user(cache_dir, "cache_dir")
    store = open_files([Path(path) for path in paths], cache, 1)
    bf16 = resolve_precision("auto", device) == "bf16"
    reader = open_reader(encoder or SHIPPED, DataConfig(cache_dir=cache_dir), cache, device=device, bf16=bf16)
    return [reading.to_json(name) for reading, name in zip(reader.read_store(store), store.names, strict=True)]
