"""Options of `python -m sr.evaluate`."""

import difflib
import json
from dataclasses import dataclass, field
from pathlib import Path

from shared.command import Shorthand
from shared.degradations import YAML_SUFFIXES
from shared.training.run_config import PRECISIONS
from sr.evaluation.protocols import PROTOCOLS, REAL

REPRESENTATIONS = ("own", "other_image", "shuffled")


@dataclass
class BenchmarkConfig:
    """Where the data sets are.

    Attributes:
        root: holds one folder of images per data set.
    """

    root: str | None = None


@dataclass
class EvaluationConfig:
    """An evaluation.

    Attributes:
        name: folder under `runs_dir/sr-eval/`; empty takes the models' names, the protocol's and the scale.
        runs_dir: root of all runs.
        protocol: a name, or the path of a YAML with `rows`, as degradation spaces are written.
        scale: 2, 3 or 4; 0 takes the model's.
        data: `data.root` holds one folder of images per data set.
        datasets: names of these folders, such as `[Set5,Set14]`; empty takes all.
        representation: what the network is told of the degradation: `own`, what the model sees in the image itself; or,
            as a control, what it sees in another image of the data set under the same degradation (`other_image`), or
            in another image under another degradation of the protocol (`shuffled`). An oracle is told the
            parameters of the other one, so `other_image` leaves it as it is.
        precision: `fp32`, or `bf16` (autocast).
        accelerator: `auto`, `cpu` or `gpu`.
        seed: of the noise, the other images and degradations, and the intervals.
        repeats: draws of the images behind each interval.
    """

    name: str = ""
    runs_dir: str = "runs"
    protocol: str = "dasr_iso"
    scale: int = 0
    data: BenchmarkConfig = field(default_factory=BenchmarkConfig)
    datasets: list[str] = field(default_factory=list)
    representation: str = "own"
    precision: str = "fp32"
    accelerator: str = "auto"
    seed: int = 0
    repeats: int = 500

    def check(self) -> None:
        """Refuse values that mean nothing.

        Raises:
            ValueError: names the option, its value and what would be right.
        """
        if self.protocol not in PROTOCOLS and Path(self.protocol).suffix not in YAML_SUFFIXES:
            near = difflib.get_close_matches(self.protocol, list(PROTOCOLS), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(
                f"protocol={self.protocol!r} is unknown{hint} (there are {', '.join(PROTOCOLS)}, or a path to a .yaml)"
            )
        for option, allowed in (
            ("representation", REPRESENTATIONS), ("precision", PRECISIONS), ("accelerator", ("auto", "cpu", "gpu")),
        ):  # fmt: skip
            if getattr(self, option) not in allowed:
                raise ValueError(f"{option}={getattr(self, option)!r} must be one of {', '.join(allowed)}")
        if self.scale not in (0, 2, 3, 4):
            raise ValueError(f"scale={self.scale} must be 2, 3 or 4, or 0 for the model's")
        for option in ("seed", "repeats"):
            if getattr(self, option) < 0:
                raise ValueError(f"{option}={getattr(self, option)} must not be negative")
        if self.protocol == REAL and self.representation != "own":
            raise ValueError(
                f"representation={self.representation} is a control of scores, and protocol={REAL} gives none"
            )
        if not self.data.root:
            raise ValueError("data.root is not set: give the folder that holds one folder of images per data set")


def _quote_names(key: str, value: str) -> list[str]:
    """Takes `Set5`, `Set5,Set14` and `[Set5,Set14]` alike, with names of any letters."""
    names = [name.strip().strip("'\"") for name in value.strip().removeprefix("[").removesuffix("]").split(",")]
    return [f"{key}={json.dumps([name for name in names if name], ensure_ascii=False)}"]


SHORTHANDS: dict[str, Shorthand] = {"datasets": _quote_names}
