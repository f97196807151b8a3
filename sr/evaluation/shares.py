"""The share of what knowing the degradation is worth that each condition wins, from finished SR runs."""

import json
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from shared.command import TABLE_WIDTH, align_columns, format_interval
from shared.probing import percentile_interval
from shared.run_folders import RunGroup, group_by_seed
from sr.evaluation.image_scores import Interval, format_difference

# options, and inputs, that a fair comparison needs
SAME = ("scale", "network", "steps", "batch_size", "accumulation", "patch", "optimizer", "ema", "loss", "augmentation")
SAME_INPUTS = ("space", "training_images", "held_out_images")
REPEATS = 2000
CAPTION = (
    "share = (row - constant) / (oracle - constant), in mean PSNR-Y over images, degradations and seeds; in brackets, "
    "95 % interval over images and seeds, paired."
)


@dataclass(frozen=True)
class Condition:
    """Runs that differ only in their seed.

    Attributes:
        name: Name of the first run without its seed.
        psnr: PSNR-Y of N held-out images under D degradations by seed, (D, N).
        seconds: Mean duration of the training.
        config: Options of one of the runs.
        degradations, images: Names of the degradations and of the images.
    """

    name: str
    psnr: dict[int, np.ndarray]
    seconds: float
    config: dict[str, Any]
    degradations: list[str]
    images: list[str]

    @property
    def conditioning(self) -> str:
        """Name of the conditioning; an oracle with error is `oracle with error`."""
        options = self.config["conditioning"]
        return "oracle with error" if options.get("r2", 1) < 1 else str(options["name"])


def read_conditions(paths: Sequence[str]) -> list[Condition]:
    """Reads finished SR runs and groups those that differ only in their seed, in the order given.

    Raises:
        ValueError: A path is no finished SR run, or was scored by an earlier version; or two runs are the same, or
            conditions have the same name.
    """
    runs: dict[Path, tuple[dict[str, Any], dict[str, Any]]] = {}
    for path in map(Path, paths):
        if path in runs:
            raise ValueError(f"{path} is given twice")
        runs[path] = _read_run(path)
    groups = group_by_seed({path: config for path, (config, _) in runs.items()})
    return [_read_condition(group, {seed: runs[path][1] for seed, path in group.paths.items()}) for group in groups]


def _read_run(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        config = json.loads((path / "config.json").read_text())
        metrics = json.loads((path / "metrics.json").read_text())
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} is no finished SR run, such as runs/sr/NAME: it has no config.json and metrics.json"
        ) from error
    if "conditioning" not in config or "per_image" not in metrics:
        raise ValueError(f"{path} has no scores per image: it is no SR run, or one of an earlier version")
    return config, metrics


def _read_condition(group: RunGroup, metrics: dict[int, dict[str, Any]]) -> Condition:
    first = next(iter(metrics.values()))
    return Condition(
        name=group.name,
        psnr={seed: np.array(one["per_image"]["psnr_y"]) for seed, one in metrics.items()},
        seconds=float(np.mean([one["train_seconds"] for one in metrics.values()])),
        config=group.config,
        degradations=first["scores"]["degradations"],
        images=first["per_image"]["images"],
    )


def find_control(conditions: Sequence[Condition], conditioning: str) -> Condition:
    """Finds the only condition of a conditioning.

    Raises:
        ValueError: There is none, or there are several.
    """
    found = [one for one in conditions if one.conditioning == conditioning]
    if len(found) != 1:
        names = f": {', '.join(one.name for one in found)}" if found else ""
        raise ValueError(
            f"{len(found)} of the conditions have conditioning={conditioning}{names}; give the runs of exactly one, of "
            "several seeds"
        )
    return found[0]


def check_comparable(condition: Condition, other: Condition) -> None:
    """Refuses conditions that were trained or scored differently.

    Raises:
        ValueError: Two of their options or their images differ; the message names them.
    """
    for option in SAME:
        values = [one.config[option] for one in (condition, other)]
        if values[0] != values[1]:
            raise ValueError(f"{condition.name} and {other.name} differ in {option}: {values[0]} and {values[1]}")
    for name in SAME_INPUTS:
        if condition.config["inputs"][name] != other.config["inputs"][name]:
            raise ValueError(f"{condition.name} and {other.name} differ in their {name.replace('_', ' ')}")
    if (condition.images, condition.degradations) != (other.images, other.degradations):
        raise ValueError(f"{condition.name} and {other.name} were scored on different images or degradations")


def keep_common_seeds(condition: Condition, constant: Condition, oracle: Condition) -> Condition:
    """Returns the condition with those seeds that the constant and the oracle have too.

    Raises:
        ValueError: There are none.
    """
    seeds = sorted(condition.psnr.keys() & constant.psnr.keys() & oracle.psnr.keys())
    if not seeds:
        raise ValueError(f"{condition.name}, {constant.name} and {oracle.name} have no seed in common")
    return replace(condition, psnr={seed: condition.psnr[seed] for seed in seeds})


def compute_share(condition: Condition, constant: Condition, oracle: Condition) -> tuple[float, Interval]:
    """Computes the share of the gain of the oracle over the constant, and its 95 % interval over images and seeds.

    Args:
        condition: A condition, see `keep_common_seeds`.
        constant, oracle: The controls.
    """
    return _bootstrap(_divide, [condition, constant, oracle], list(condition.psnr))


def _bootstrap(
    score: Callable[[np.ndarray], float], conditions: Sequence[Condition], seeds: list[int]
) -> tuple[float, Interval]:
    """Computes a score of PSNR-Y (conditions, seeds, images), and its 95 % interval over images and seeds."""
    by_image = np.array([[one.psnr[seed].mean(0) for seed in seeds] for one in conditions])
    generator = np.random.default_rng(0)
    count, draws = by_image.shape[2], []
    for _ in range(REPEATS):
        rows, images = generator.integers(len(seeds), size=len(seeds)), generator.integers(count, size=count)
        draws.append(score(by_image[:, rows][:, :, images]))
    return score(by_image), percentile_interval(np.array(draws), images=count)


def _divide(by_image: np.ndarray) -> float:
    """Computes the share from PSNR-Y of condition, constant and oracle, (3, seeds, images)."""
    mean, low, high = by_image.mean((1, 2))
    return float((mean - low) / (high - low))


def _subtract(by_image: np.ndarray) -> float:
    """Computes the gain from PSNR-Y of oracle and constant, (2, seeds, images)."""
    high, low = by_image.mean((1, 2))
    return float(high - low)


def format_shares(conditions: Sequence[Condition]) -> str:
    """Formats a table with a row per condition, in ascending order of the share.

    Raises:
        ValueError: The conditions cannot be compared, or constant or oracle are missing.
    """
    constant, oracle = (find_control(conditions, name) for name in ("constant", "oracle"))
    for condition in conditions:
        check_comparable(condition, constant)
    rows = [keep_common_seeds(one, constant, oracle) for one in conditions]
    shares = {one.name: compute_share(one, constant, oracle) for one in rows}
    rows.sort(key=lambda one: shares[one.name][0])
    columns = [["seeds", *(str(len(one.psnr)) for one in rows)]]
    for d, name in enumerate(constant.degradations):
        columns.append([name, *(f"{np.mean([psnr[d].mean() for psnr in one.psnr.values()]):.2f}" for one in rows)])
    columns.append(["PSNR-Y", *(f"{np.mean([psnr.mean() for psnr in one.psnr.values()]):.2f}" for one in rows)])
    columns.append(["share", *(format_interval(*shares[one.name]) for one in rows)])
    columns.append(["minutes", *(f"{one.seconds / 60:.1f}" for one in rows)])
    heading = f"{len(constant.images)} held-out images, x{constant.config['scale']}, {constant.config['steps']} steps"
    heading += f" of {constant.config['batch_size']} LR patches"
    seeds = list(keep_common_seeds(oracle, constant, oracle).psnr)
    gain, interval = _bootstrap(_subtract, [oracle, constant], seeds)
    worth = f"The oracle is {format_difference(gain, interval)} dB ahead of the constant."
    if interval[0] <= 0:
        worth += " This may be chance, so that the shares say nothing."
    table = align_columns(["", *(one.name for one in rows)], columns)
    return "\n\n".join([heading, *table, worth, textwrap.fill(CAPTION, TABLE_WIDTH)])
