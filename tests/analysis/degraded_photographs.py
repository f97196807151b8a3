"""Photographs under nine known degradations, and how well they are read.

`python -m tests.analysis.degraded_photographs FOLDER [encoder=PATH ...]` degrades the photographs of a folder, reads
them by `python -m analysis.embed`, and prints the errors: that is how the table in RESULTS.md was made.
"""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from analysis.embed import main as embed
from shared.data.sources import open_files
from shared.degradations import degrade, load_space
from shared.progress_bar import ProgressBar

LENGTH = 15  # of the motions in pixels
BLUR_15, BLUR_25 = "gaussian: {sigma: 1.5}", "gaussian: {sigma: 2.5}"
NOISE_10, NOISE_20 = "gaussian_noise: {noise_sigma: 10/255}", "gaussian_noise: {noise_sigma: 20/255}"
# name -> steps, JPEG quality of the file, true width of the blur (None: of another kind), noise
KINDS: dict[str, tuple[tuple[str, ...], int, float | None, float]] = {
    "sharp": ((), 100, 0, 0),
    "blur 1.5": ((BLUR_15,), 100, 1.5, 0),
    "blur 2.5": ((BLUR_25,), 100, 2.5, 0),
    "noise 10": ((NOISE_10,), 100, 0, 10),
    "noise 20": ((NOISE_20,), 100, 0, 20),
    "blur 1.5, noise 10": ((BLUR_15, NOISE_10), 100, 1.5, 10),
    "JPEG 20": ((), 20, 0, 0),
    "JPEG 50": ((), 50, 0, 0),
    "motion 15": ((f"motion: {{length: {LENGTH}, theta: [0, pi]}}",), 100, None, 0),
}


def write_degraded(photographs: Sequence[np.ndarray], folder: Path) -> None:
    """Writes each photograph (H, W, 3) uint8 under each of `KINDS` to a file, `KIND/NUMBER_DEGREES.SUFFIX`."""
    for number, (kind, (steps, quality, _, _)) in enumerate(KINDS.items()):
        (folder / kind).mkdir(parents=True)
        (folder / "space.yaml").write_text(f"kernel_size: 31\nmargin: 16\nsteps: [{{quantize: {{}}}}, {_join(steps)}]")
        space = load_space(str(folder / "space.yaml"))
        drawn = space.draw(len(photographs), torch.Generator().manual_seed(number))
        for i, photograph in enumerate(photographs):
            image = torch.from_numpy(photograph.copy()).permute(2, 0, 1).float().div(255)
            padded = F.pad(image[None], (space.margin(),) * 4, mode="reflect")[None]
            pixels = (degrade(padded, drawn[[i]], margin=space.margin())[0, 0] * 255).round().byte()
            angle = f"_{np.degrees(float(drawn.parameters[i, 1, 1])):.1f}" if kind == "motion 15" else ""
            name, bgr = f"{i:03d}{angle}", np.ascontiguousarray(pixels.permute(1, 2, 0).numpy()[..., ::-1])
            if quality < 100:
                cv2.imwrite(str(folder / kind / f"{name}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
            else:
                cv2.imwrite(str(folder / kind / f"{name}.png"), bgr)
    (folder / "space.yaml").unlink()


def read_through_the_command(folder: Path, runs: Path, options: Sequence[str]) -> list[dict[str, Any]]:
    """Reads the photographs of a folder by `python -m analysis.embed`; returns the entries of `readings.json`."""
    assert embed([str(folder), f"runs_dir={runs}", "name=readings", "patches=1", "map=pca", *options]) == 0
    return json.loads((runs / "analysis" / "readings" / "readings.json").read_text())


def score(entries: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Scores the readings of each of `KINDS`.

    Returns:
        Of each kind: `errors`, the median error of each quantity that it is about, relative for blurs and motions;
        `held`, the share of the true values that are inside of their interval; `named`, the share that is named sharp
        or motion blur; `said`, what the verdicts begin with, and how often.
    """
    table: dict[str, dict[str, Any]] = {}
    for kind, (_, quality, blur, noise) in KINDS.items():
        rows = [entry for entry in entries if Path(entry["image"]).parent.name == kind]
        truth = {"blur_px": blur, "noise": noise, "jpeg_quality": quality}
        truth["motion_px"] = LENGTH if blur is None else None
        held, errors = [], {}
        for name, value in truth.items():
            found = [entry[name] for entry in rows]
            if value is None:
                continue
            held += [one is not None and one["low"] <= value <= one["high"] for one in found]
            if _is_subject(kind, name):
                scale = value if name in ("blur_px", "motion_px") else 1
                errors[name] = float(np.median([abs(one["value"] - value) / scale for one in found if one is not None]))
        said = Counter(entry["verdict"].partition(",")[0].partition(":")[0].partition(";")[0] for entry in rows)
        named = "motion blur" if blur is None else "sharp"
        table[kind] = {
            "errors": errors,
            "held": float(np.mean(held)),
            "named": said[named] / len(rows),
            "said": dict(said.most_common()),
        }
    return table


def _join(steps: Sequence[str]) -> str:
    return ", ".join(f"{{{step}}}" for step in steps)


def _is_subject(kind: str, name: str) -> bool:
    """Whether a kind of degradation is about a quantity."""
    return {"blur_px": "blur", "noise": "noise", "jpeg_quality": "JPEG", "motion_px": "motion"}[name] in kind


def _main(folder: str, *options: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        store = open_files([Path(folder)], Path(scratch) / "cache", 64)
        photographs = [store.image(i).numpy() for i in ProgressBar(range(len(store)), desc="photographs")]
        write_degraded(photographs, Path(scratch) / "degraded")
        table = score(read_through_the_command(Path(scratch) / "degraded", Path(scratch) / "runs", options))
    print(f"\n{len(photographs)} photographs, median errors:")
    for kind, row in table.items():
        errors = ", ".join(f"{name} {error:.2f}" for name, error in row["errors"].items())
        print(f"{kind:20s} {errors:28s} held {row['held']:.2f}   {row['said']}")
    print(f"held in all {np.mean([row['held'] for row in table.values()]):.2f}")


if __name__ == "__main__":
    _main(*sys.argv[1:])
