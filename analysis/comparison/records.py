"""Records of runs: the scores of an arm and a seed, per image and over the steps, without the run's folder."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analysis.measures.run_log import read_score_curves
from shared.files import write_atomically
from shared.probing import ImageSums
from shared.probing.run_scores import STORED_NAMES
from shared.run_folders.run_folder import without_free_options

VERSION = 1
DIGITS = 6  # of a stored number


@dataclass(frozen=True)
class Record:
    """The scores of a run, or of a control that it scored beside its own.

    Attributes:
        arm: Name of the arm or of the control.
        seed: Seed of the run.
        options: Options of the run that matter for its scores, as plain JSON.
        inputs: Description of the degradation space and of the images.
        values: Scores by name.
        sums: What each image adds to those scores that are ratios of such sums, (images,) each.
        curves: Steps and values of the scores that were logged during the training, by name.
        minutes: Duration of the training.
        device: What computed.
    """

    arm: str
    seed: int
    options: dict[str, Any]
    inputs: dict[str, Any]
    values: dict[str, float]
    sums: dict[str, ImageSums]
    curves: dict[str, tuple[list[int], list[float]]] = field(default_factory=dict)
    minutes: float = 0.0
    device: str = ""


def read_run(folder: Path, arm: str, controls: Sequence[str]) -> list[Record]:
    """Reads the record of a finished run, and those of its controls.

    Args:
        folder: Folder of the run.
        arm: Name of the arm.
        controls: Names of the controls to read.

    Raises:
        ValueError: The run was scored by an earlier version, without scores per image.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    if "per_image" not in metrics:
        raise ValueError(f"{folder} has no scores per image: it is a run of an earlier version; give another name=")
    read = _read_sr if "conditioning" in config else _read_pretraining
    scored = read(config, metrics, controls)
    inputs, seed = config.pop("inputs"), int(config["seed"])
    config = without_free_options(config)
    own, *others = scored.items()
    records = [
        Record(
            arm,
            seed,
            config,
            inputs,
            *own[1],
            curves=read_score_curves(folder),
            minutes=metrics["train_seconds"] / 60,
            device=str(metrics.get("device", "")),
        )
    ]
    return records + [Record(name, seed, config, inputs, *one) for name, one in others]


_Scored = dict[str, tuple[dict[str, float], dict[str, ImageSums]]]


def _read_pretraining(config: dict[str, Any], metrics: dict[str, Any], controls: Sequence[str]) -> _Scored:
    """Returns values and sums of the trained encoder and of the controls."""
    scored = {}
    for row in ("trained", *controls):
        if row not in metrics["scores"]:
            raise ValueError(f"controls: {row} was not scored by a run of {config['method']['name']}")
        scores = metrics["scores"][row]
        values = {name: scores[stored] for name, stored in STORED_NAMES.items()}
        values |= {f"r2/{key}": r2 for key, r2 in scores["r2"].items()}
        stored = metrics["per_image"]["sums"][row]
        sums = {key: ImageSums(np.array(one["part"]), np.array(one["whole"])) for key, one in stored.items()}
        scored[row] = {key: np.nan if value is None else value for key, value in values.items()}, sums
    return scored


def _read_sr(config: dict[str, Any], metrics: dict[str, Any], controls: Sequence[str]) -> _Scored:
    """Returns PSNR-Y, over all degradations and under each, of the model and of the controls."""
    names = metrics["scores"]["degradations"]
    scored = {}
    for row in ("psnr_y", *controls):
        psnr = np.array(metrics["per_image"][row])  # (D, N)
        kinds = {"psnr_y": psnr.mean(0)} | {f"psnr_y/{name}": of_one for name, of_one in zip(names, psnr, strict=True)}
        sums = {name: ImageSums(values, np.ones(len(values))) for name, values in kinds.items()}
        scored[row] = {name: float(values.mean()) for name, values in kinds.items()}, sums
    return scored


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Writes records to a JSON file, a line each, with six digits of each number."""
    lines = ",\n".join(json.dumps(_round(asdict(record)), allow_nan=False) for record in records)
    write_atomically(path, f'{{"version": {VERSION}, "records": [\n{lines}\n]}}\n'.encode())


def read_records(path: Path) -> list[Record]:
    """Reads a file that `write_records` has written; none if there is no file.

    Raises:
        ValueError: The file is damaged, or of another version.
    """
    if not path.is_file():
        return []
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["version"] != VERSION:
            raise ValueError(f"version {stored['version']}, not {VERSION}")
        return [_restore(record) for record in stored["records"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} cannot be read ({error}): delete it, or restore it") from error


def _restore(stored: dict[str, Any]) -> Record:
    values = {name: np.nan if value is None else value for name, value in stored["values"].items()}
    sums = {name: ImageSums(*map(np.array, one)) for name, one in stored["sums"].items()}
    curves = {name: (one[0], one[1]) for name, one in stored["curves"].items()}
    return Record(**{**stored, "values": values, "sums": sums, "curves": curves})


def _round(value: Any) -> Any:
    """Converts a record to plain JSON with rounded numbers, NaN as null."""
    if isinstance(value, Mapping):
        return {key: _round(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_round(one) for one in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    return float(f"{float(value):.{DIGITS}g}") if np.isfinite(value) else None
