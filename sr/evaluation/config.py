"""Options of `python -m sr.evaluate`."""

import difflib
import json
from dataclasses import dataclass, field
from pathlib import Path

from shared.bounds import bounded
from shared.command import Shorthand
from shared.degradations import YAML_SUFFIXES
from shared.training.run_config import PRECISIONS
from sr.evaluation.protocols import PROTOCOLS, REAL

REPRESENTATIONS = ("own", "other_image", "shuffled")


@dataclass
class BenchmarkConfig:
    """Location of the data sets.

    Attributes:
        root: Path of a folder with one folder of images per data set.
    """

    root: str | None = None


@dataclass
class EvaluationConfig:
    """Options of an evaluation.

    Attributes:
        name: Folder under `runs_dir/sr-eval/`; empty = a name made of models, protocol and scale.
        runs_dir: Root of all runs.
        protocol: Name of a protocol, or path of a YAML with `rows`, in the format of degradation spaces.
        scale: 2, 3 or 4; 0 = the model's.
        data: Location of the data sets: `data.root` is a folder with one folder of images per data set.
        datasets: Names of the data sets, such as `[Set5,Set14]`; empty = all.
        representation: Image whose representation steers the network: `own`, the image itself; or, as controls,
            `other_image`, another image of the data set under the same degradation, or `shuffled`, another image under
            another degradation of the protocol. An oracle receives the parameters of that degradation, so that
            `other_image` does not change its scores, except by another error with `r2` below 1.
        precision: `fp32`, or `bf16` (autocast).
        accelerator: `auto`, `cpu` or `gpu`.
        seed: Seed of the noise, of the choice of other images and degradations, and of the intervals.
        repeats: Number of bootstrap draws per interval; 0 = no intervals.
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
    seed: int = bounded(0, 0, 2**32 - 1)
    repeats: int = bounded(500, 0, 100_000)

    def check(self) -> None:
        """Refuses invalid values.

        Raises:
            ValueError: An option has an invalid value; the message names the valid ones.
        """
        if self.protocol not in PROTOCOLS and Path(self.protocol).suffix not in YAML_SUFFIXES:
            near = difflib.get_close_matches(self.protocol, list(PROTOCOLS), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(
                f"protocol={self.protocol!r} is unknown{hint} (there are {', '.join(PROTOCOLS)}, or the path of a "
                ".yaml)"
            )
        for option, allowed in (
            ("representation", REPRESENTATIONS),
            ("precision", PRECISIONS),
            ("accelerator", ("auto", "cpu", "gpu")),
        ):
            if getattr(self, option) not in allowed:
                raise ValueError(f"{option}={getattr(self, option)!r} must be one of {', '.join(allowed)}")
        if self.scale not in (0, 2, 3, 4):
            raise ValueError(f"scale={self.scale} must be 2, 3 or 4, or 0 for the model's")
        if self.protocol == REAL and self.representation != "own":
            raise ValueError(
                f"representation={self.representation} is a control for scores, but protocol={REAL} computes none"
            )
        if not self.data.root:
            raise ValueError("data.root is not set: give a folder with one folder of images per data set")


def _quote_names(key: str, value: str) -> list[str]:
    """Accepts `Set5`, `Set5,Set14` and `[Set5,Set14]`, with names of any characters."""
    names = [name.strip().strip("'\"") for name in value.strip().removeprefix("[").removesuffix("]").split(",")]
    return [f"{key}={json.dumps([name for name in names if name], ensure_ascii=False)}"]


SHORTHANDS: dict[str, Shorthand] = {"datasets": _quote_names}
