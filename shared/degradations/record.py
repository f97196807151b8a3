"""The record of the degradations of a batch."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from shared.degradations.operations import CODES, MAX_PARAMETERS, NONE, OPERATIONS

_FORMATS = {
    "noise_sigma": lambda value: f"{255 * value:.1f}/255",
    "theta": lambda value: f"{math.degrees(value):.0f} degrees",
    "relative_size": lambda value: f"x{value:.3g}",
}


@dataclass(frozen=True)
class Degradation:
    """The degradations of B rows, each a sequence of S operations; all views of a row get the same one.

    Attributes:
        operation: Indices into `OPERATIONS`, (B, S) int64, applied from left to right; `none` pads short sequences.
        parameters: Parameters in the order of the operation's own, (B, S, 5) float32; unused ones are 0.
        seed: Seed of the noise fields of each row, (B,) int64.
        scale: Down-sampling factor from input to output, a whole number; 1 for none.
        kernel_size: Odd side of the blur kernels in pixels.
    """

    operation: Tensor
    parameters: Tensor
    seed: Tensor
    scale: int
    kernel_size: int

    def __len__(self) -> int:
        return len(self.operation)

    def __getitem__(self, rows: slice | Tensor | list[int]) -> "Degradation":
        return self._replace(self.operation[rows], self.parameters[rows], self.seed[rows])

    def repeat(self, times: int) -> "Degradation":
        """Repeats each row in succession, with the same noise seed."""
        return self._replace(*(t.repeat_interleave(times, 0) for t in (self.operation, self.parameters, self.seed)))

    def with_seed(self, seed: Tensor) -> "Degradation":
        """Returns the same degradations with other noise seeds, (B,) int64."""
        return self._replace(self.operation, self.parameters, seed)

    @staticmethod
    def concatenate(parts: list["Degradation"]) -> "Degradation":
        """Concatenates the rows of several records.

        Raises:
            ValueError: The records differ in scale or kernel size.
        """
        first = parts[0]
        if any((p.scale, p.kernel_size) != (first.scale, first.kernel_size) for p in parts):
            raise ValueError("degradations of different scale or kernel size cannot be concatenated")
        steps = max(p.operation.shape[1] for p in parts)
        padded = [F.pad(p.operation, (0, steps - p.operation.shape[1]), value=NONE) for p in parts]
        values = [F.pad(p.parameters, (0, 0, 0, steps - p.parameters.shape[1])) for p in parts]
        return first._replace(torch.cat(padded), torch.cat(values), torch.cat([p.seed for p in parts]))

    def equals(self, other: "Degradation") -> Tensor:
        """Compares each row with each row of another record, except for the noise seeds.

        Returns:
            Whether the rows are the same degradation, (B, B') bool.
        """
        if (self.scale, self.kernel_size) != (other.scale, other.kernel_size):
            return torch.zeros(len(self), len(other), dtype=torch.bool)
        steps = max(self.operation.shape[1], other.operation.shape[1])
        operation, values = self._pad_to(steps)
        other_operation, other_values = other._pad_to(steps)
        same_order = (operation[:, None] == other_operation[None]).all(-1)
        same_values = (values[:, None] == other_values[None]).flatten(2).all(-1)
        return same_order & same_values

    def rows(self) -> list[list[tuple[str, dict[str, float]]]]:
        """Converts each row to a list of (operation name, {parameter: value}), without `none`."""
        table = []
        for codes, values in zip(self.operation.tolist(), self.parameters.tolist(), strict=True):
            steps = []
            for code, numbers in zip(codes, values, strict=True):
                operation = OPERATIONS[code]
                if code != NONE:
                    known = dict(zip(operation.parameters, numbers, strict=False))
                    if known.get("kernel_size") == 0:  # the one of the space
                        del known["kernel_size"]
                    steps.append((operation.name, known))
            table.append(steps)
        return table

    def describe(self) -> list[str]:
        """Describes each row in words, such as "gaussian sigma 2.10, gaussian_noise noise_sigma 7.0/255"."""
        return [", ".join(_describe_step(name, values) for name, values in steps) or "none" for steps in self.rows()]

    def save(self, path: Path) -> None:
        """Writes an .npz file; operations are stored by name, so that the order of `OPERATIONS` may change."""
        names = json.dumps([operation.name for operation in OPERATIONS])
        np.savez(
            path,
            operation=self.operation.numpy(),
            parameters=self.parameters.numpy(),
            seed=self.seed.numpy(),
            scale=self.scale,
            kernel_size=self.kernel_size,
            names=names,
        )

    @staticmethod
    def load(path: Path) -> "Degradation":
        """Reads a file that `save` has written.

        Raises:
            ValueError: The file contains an operation that this version does not have.
        """
        with np.load(path, allow_pickle=False) as stored:
            names = json.loads(str(stored["names"]))
            operation = torch.from_numpy(stored["operation"])
            unknown = [names[code] for code in operation.unique().tolist() if names[code] not in CODES]
            if unknown:
                raise ValueError(f"{path} contains operations that this version does not have: {', '.join(unknown)}")
            values = torch.from_numpy(stored["parameters"])  # those of earlier versions are fewer
            current_codes = torch.tensor([CODES.get(name, NONE) for name in names])
            return Degradation(
                current_codes[operation],
                F.pad(values, (0, MAX_PARAMETERS - values.shape[-1])),
                torch.from_numpy(stored["seed"]),
                int(stored["scale"]),
                int(stored["kernel_size"]),
            )

    def _replace(self, operation: Tensor, parameters: Tensor, seed: Tensor) -> "Degradation":
        return Degradation(operation, parameters, seed, self.scale, self.kernel_size)

    def _pad_to(self, steps: int) -> tuple[Tensor, Tensor]:
        """Moves `none` to the end of each row and pads with it to a number of steps."""
        order = (self.operation == NONE).to(torch.int8).argsort(dim=1, stable=True)
        operation = self.operation.gather(1, order)
        values = self.parameters.gather(1, order[..., None].expand_as(self.parameters))
        spare = steps - operation.shape[1]
        return F.pad(operation, (0, spare), value=NONE), F.pad(values, (0, 0, 0, spare))


def _describe_step(name: str, values: dict[str, float]) -> str:
    if name == "gaussian" and values["sigma"] == values["sigma_y"]:
        values = {"sigma": values["sigma"]}
    plain = lambda value: f"{value:.2f}"  # noqa: E731
    return " ".join([name, *(f"{key} {_FORMATS.get(key, plain)(value)}" for key, value in values.items())])
