"""Degradation: the record of what is done to each row of a batch."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from shared.degradations.operations import CODES, NONE, OPERATIONS

_UNITS = {
    "noise_sigma": lambda value: f"{255 * value:.1f}/255",
    "theta": lambda value: f"{math.degrees(value):.0f} degrees",
    "relative_size": lambda value: f"x{value:.3g}",
}


@dataclass(frozen=True)
class Degradation:
    """What is done to B rows, each a sequence of S operations; every view of a row gets exactly this.

    Attributes:
        operation: (B, S) int64 codes into `OPERATIONS`, applied from left to right; `none` fills up short sequences.
        parameters: (B, S, 4) float32 in the order of the operation's own parameters, unused ones 0.
        seed: (B,) int64, of the row's noise fields.
        scale: whole down-sampling factor from input to output; 1 = not down-sampled.
        kernel_size: odd side of the blur kernels in pixels.
    """

    operation: Tensor
    parameters: Tensor
    seed: Tensor
    scale: int
    kernel_size: int

    def __len__(self) -> int:
        return len(self.operation)

    def __getitem__(self, rows: slice | Tensor | list[int]) -> "Degradation":
        return self._with(self.operation[rows], self.parameters[rows], self.seed[rows])

    def _with(self, operation: Tensor, parameters: Tensor, seed: Tensor) -> "Degradation":
        return Degradation(operation, parameters, seed, self.scale, self.kernel_size)

    def repeat(self, times: int) -> "Degradation":
        """Each row `times` times in succession, with the same noise seed."""
        return self._with(*(t.repeat_interleave(times, 0) for t in (self.operation, self.parameters, self.seed)))

    def with_seed(self, seed: Tensor) -> "Degradation":
        """The same degradations with other noise fields; seed (B,) int64."""
        return self._with(self.operation, self.parameters, seed)

    @staticmethod
    def concatenate(parts: list["Degradation"]) -> "Degradation":
        """All rows of the parts in order.

        Raises:
            ValueError: the parts differ in scale or kernel size.
        """
        first = parts[0]
        if any((p.scale, p.kernel_size) != (first.scale, first.kernel_size) for p in parts):
            raise ValueError("degradations of different scale or kernel size cannot be concatenated")
        steps = max(p.operation.shape[1] for p in parts)
        padded = [F.pad(p.operation, (0, steps - p.operation.shape[1]), value=NONE) for p in parts]
        values = [F.pad(p.parameters, (0, 0, 0, steps - p.parameters.shape[1])) for p in parts]
        return first._with(torch.cat(padded), torch.cat(values), torch.cat([p.seed for p in parts]))

    def equals(self, other: "Degradation") -> Tensor:
        """(B, B') bool: which rows are the same degradation, whatever their noise fields."""
        if (self.scale, self.kernel_size) != (other.scale, other.kernel_size):
            return torch.zeros(len(self), len(other), dtype=torch.bool)
        steps = max(self.operation.shape[1], other.operation.shape[1])
        (operation, values), (their_operation, their_values) = (one._packed(steps) for one in (self, other))
        same_order = (operation[:, None] == their_operation[None]).all(-1)
        same_values = (values[:, None] == their_values[None]).flatten(2).all(-1)
        return same_order & same_values

    def _packed(self, steps: int) -> tuple[Tensor, Tensor]:
        """Operations and parameters with `none` moved behind and filled up to `steps`."""
        order = (self.operation == NONE).to(torch.int8).argsort(dim=1, stable=True)
        operation = self.operation.gather(1, order)
        values = self.parameters.gather(1, order[..., None].expand_as(self.parameters))
        spare = steps - operation.shape[1]
        return F.pad(operation, (0, spare), value=NONE), F.pad(values, (0, 0, 0, spare))

    def rows(self) -> list[list[tuple[str, dict[str, float]]]]:
        """Each row as a list of (operation name, {parameter: value}), `none` left out: the table of the batch."""
        table = []
        for codes, values in zip(self.operation.tolist(), self.parameters.tolist(), strict=True):
            steps = []
            for code, numbers in zip(codes, values, strict=True):
                operation = OPERATIONS[code]
                if code != NONE:
                    steps.append((operation.name, dict(zip(operation.parameters, numbers, strict=False))))
            table.append(steps)
        return table

    def words(self) -> list[str]:
        """Each row in words, such as "gaussian sigma 2.10, gaussian_noise noise_sigma 7.0/255"."""
        return [", ".join(_step_words(name, values) for name, values in steps) or "none" for steps in self.rows()]

    def save(self, path: Path) -> None:
        """Write an .npz that `load` reads; operations are stored by name, so their order here may change."""
        names = json.dumps([operation.name for operation in OPERATIONS])
        np.savez(
            path, operation=self.operation.numpy(), parameters=self.parameters.numpy(), seed=self.seed.numpy(),
            scale=self.scale, kernel_size=self.kernel_size, names=names,
        )  # fmt: skip

    @staticmethod
    def load(path: Path) -> "Degradation":
        """Read what `save` wrote.

        Raises:
            ValueError: the file names an operation this version does not have.
        """
        with np.load(path, allow_pickle=False) as stored:
            names = json.loads(str(stored["names"]))
            operation = torch.from_numpy(stored["operation"])
            unknown = [names[code] for code in operation.unique().tolist() if names[code] not in CODES]
            if unknown:
                raise ValueError(f"{path} has operations this version does not know: {', '.join(unknown)}")
            here = torch.tensor([CODES.get(name, NONE) for name in names])
            return Degradation(
                here[operation], torch.from_numpy(stored["parameters"]), torch.from_numpy(stored["seed"]),
                int(stored["scale"]), int(stored["kernel_size"]),
            )  # fmt: skip


def _step_words(name: str, values: dict[str, float]) -> str:
    if name == "gaussian" and values["sigma"] == values["sigma_y"]:
        values = {"sigma": values["sigma"]}
    plain = lambda value: f"{value:.2f}"  # noqa: E731
    return " ".join([name, *(f"{key} {_UNITS.get(key, plain)(value)}" for key, value in values.items())])
