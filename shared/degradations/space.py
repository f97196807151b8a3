"""Degradation spaces: distributions over degradations, each written in a short YAML.

```yaml
scale: 1                 # whole down-sampling factor of the output; default 1
kernel_size: 21          # default 21
margin: 32               # input pixels around a patch; default: a bound of what the steps can reach
shuffle: false           # draw the order of the steps marked `movable` anew for each row
probe: grid              # the listed space that a run's probe takes, or a .yaml beside this one; default: draws
steps:                   # applied from top to bottom
  - gaussian: {sigma: [0.2, 4.0], sigma_y: [0.2, 4.0], theta: [0, pi]}
  - one_of:              # one of several, by weight (default 1)
      - {gaussian_noise: {noise_sigma: [0, 25/255]}, weight: 2}
      - {gray_noise: {noise_sigma: [0, 25/255]}}
    probability: 0.5     # else the step is left out
  - quantize: {}
```

Instead of `steps`, `rows` lists whole degradations, each `{name: ..., steps: [...]}` (probe sets); a draw takes one
of them. Parameters and their units stand with the operations; distributions in `distributions.py`.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path

import torch
import yaml
from torch import Tensor

from shared.degradations.operations import MAX_PARAMETERS, NONE
from shared.degradations.reach import check_whole_factors, end_sizes, largest_reach
from shared.degradations.record import Degradation
from shared.degradations.space_reading import Choice, Step, check_keys, read_flag, read_step

_SPACES = Path(__file__).parent / "spaces"
YAML_SUFFIXES = (".yaml", ".yml")
_KEYS = {"description", "scale", "kernel_size", "margin", "shuffle", "steps", "rows", "probe"}


class Space:
    """A distribution over degradations, or a list of them; see the module's text for the YAML."""

    def __init__(self, written: Mapping, name: str) -> None:
        check_keys(written, _KEYS, f"space {name}")
        self.name = name
        self.written = dict(written)
        self.scale = _whole(written.get("scale", 1), 1, f"space {name}: scale")
        self.kernel_size = _whole(written.get("kernel_size", 21), 3, f"space {name}: kernel_size")
        if self.kernel_size % 2 == 0:
            raise ValueError(f"space {name}: kernel_size {self.kernel_size} must be odd")
        self.shuffle = read_flag(written, "shuffle", f"space {name}")
        self.probe = str(written.get("probe", ""))
        if "rows" in written and "steps" in written:
            raise ValueError(f"space {name}: give `steps` or `rows`, not both")
        rows = written.get("rows") or [{"name": name, "steps": written.get("steps")}]
        for row in rows:
            if not isinstance(row, Mapping) or not isinstance(row.get("steps"), list) or not row["steps"]:
                raise ValueError(f"space {name}: needs a non-empty list `steps`, or `rows` that each have one")
        self.row_names = [str(row.get("name", i)) for i, row in enumerate(rows)]
        self.is_list = bool(written.get("rows"))
        for row in rows:
            check_keys(row, {"name", "steps"}, f"space {name}")
        self._sequences = [
            [read_step(step, f"space {name}, step {i + 1}", self.kernel_size) for i, step in enumerate(row["steps"])]
            for row in rows
        ]
        self._check_ends()
        self._margin = written.get("margin")
        if self._margin is not None:
            _whole(self._margin, 0, f"space {name}: margin")

    def draw(self, count: int, generator: torch.Generator) -> Degradation:
        """`count` degradations; the only randomness is the CPU `generator`'s, so a draw is replayable from its seed."""
        which = torch.randint(len(self._sequences), (count,), generator=generator).tolist()
        parts = [self._draw_sequence(sequence, count, generator) for sequence in self._sequences]
        if len(parts) == 1:
            return parts[0]
        together = Degradation.concatenate(parts)
        return together[torch.tensor([w * count + i for i, w in enumerate(which)])]

    def draw_near(self, count: int, near: int, generator: torch.Generator) -> Degradation:
        """`draw`, but each `near` rows in succession differ in one operation only and share the others.

        A batch of independent rows can be told apart by the most visible operation alone (noise hides blur); rows that
        share it cannot.

        Args:
            count: rows, a multiple of `near`.
            near: rows of a group.
            generator: as `draw`.

        Raises:
            ValueError: the rows have no common order of operations, or nothing but one operation varies.
        """
        free = self._free_steps()
        if self.shuffle or self.is_list or len(free) < 2:
            raise ValueError(
                f"space {self.name}: near rows need a fixed order and two operations or more that vary without resizing"
            )
        drawn = self.draw(count, generator)
        groups = count // near
        chosen = torch.tensor(free)[torch.randint(len(free), (groups,), generator=generator)].repeat_interleave(near)
        own = torch.arange(drawn.operation.shape[1]) == chosen[:, None]  # (B, S)
        first = torch.arange(groups).repeat_interleave(near) * near  # (B,)
        operation = torch.where(own, drawn.operation, drawn.operation[first])
        parameters = torch.where(own[..., None], drawn.parameters, drawn.parameters[first])
        return Degradation(operation, parameters, drawn.seed, self.scale, self.kernel_size)

    def _free_steps(self) -> list[int]:
        """Steps that can differ between rows without changing a size."""
        return [
            i
            for i, step in enumerate(self._sequences[0])
            if all(c.operation.parameters and c.operation.kind != "resize" for c in step.choices)
            and (len(step.choices) > 1 or step.probability < 1 or step.choices[0].varies)
        ]

    @property
    def operations(self) -> tuple[str, ...]:
        """Names of the operations that a draw can have, sorted."""
        choices = [choice for sequence in self._sequences for step in sequence for choice in step.choices]
        return tuple(sorted({choice.operation.name for choice in choices}))

    def listed(self, generator: torch.Generator) -> Degradation:
        """One draw of each listed row, in order (a space with `steps` alone has one)."""
        return Degradation.concatenate([self._draw_sequence(s, 1, generator) for s in self._sequences])

    def margin(self) -> int:
        """Input pixels around a patch, a multiple of the scale: as written, else a bound of what any draw needs."""
        if self._margin is None:
            reaches = [
                largest_reach(s, scale=self.scale, kernel_size=self.kernel_size, shuffled=self.shuffle)
                for s in self._sequences
            ]
            return -(-int(max(reaches) + 0.999) // self.scale) * self.scale
        return -(-int(self._margin) // self.scale) * self.scale

    def _draw_sequence(self, steps: list[Step], count: int, generator: torch.Generator) -> Degradation:
        operation = torch.full((count, len(steps)), NONE)
        parameters = torch.zeros(count, len(steps), MAX_PARAMETERS, dtype=torch.float64)
        for i, step in enumerate(steps):
            # Always the same number of draws per step: changing one probability leaves the other steps' draws alone.
            uniform = torch.rand(count, 2 + MAX_PARAMETERS, generator=generator, dtype=torch.float64)
            weights = torch.tensor([choice.weight for choice in step.choices], dtype=torch.float64)
            edges = (weights / weights.sum()).cumsum(0)[:-1].contiguous()
            chosen = torch.bucketize(uniform[:, 0].contiguous(), edges, right=True)
            applies = uniform[:, 1] < step.probability
            for c, choice in enumerate(step.choices):
                rows = (applies & (chosen == c)).nonzero().squeeze(1)
                operation[rows, i] = choice.code
                parameters[rows, i] = _draw_parameters(choice, uniform[rows, 2:])
        seed = torch.randint(2**62, (count,), generator=generator)
        if self.shuffle:
            order = _draw_order(steps, count, generator)
            operation = operation.gather(1, order)
            parameters = parameters.gather(1, order[..., None].expand_as(parameters))
        return Degradation(operation, parameters.float(), seed, self.scale, self.kernel_size)

    def _check_ends(self) -> None:
        for steps in self._sequences:
            try:
                check_whole_factors(steps, shuffled=self.shuffle)
            except ValueError as error:
                raise ValueError(f"space {self.name}: {error}") from error
            for end in sorted(end_sizes(steps, shuffled=self.shuffle)):
                if abs(end * self.scale - 1) > 1e-6:
                    raise ValueError(
                        f"space {self.name}: the last resize goes to relative_size {end:.4g}, but scale {self.scale} "
                        f"needs {1 / self.scale:.4g}"
                    )


def load_space(name_or_path: str) -> Space:
    """A built-in space by name, or a user's by the path of its YAML.

    Raises:
        ValueError: no such space (with the near matches), or something in the YAML is not right (with the place).
    """
    path = Path(name_or_path)
    if path.suffix not in YAML_SUFFIXES:
        path = _SPACES / f"{name_or_path}.yaml"
        if not path.is_file():
            near = difflib.get_close_matches(name_or_path, space_names(), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(
                f"no degradation space {name_or_path!r}{hint} (there are "
                f"{', '.join(space_names())}, or a path to a .yaml)"
            )
    if not path.is_file():
        raise ValueError(f"degradation space {name_or_path!r}: no such file")
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"degradation space {path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(written, Mapping):
        raise ValueError(f"degradation space {path}: must be a mapping with `steps` or `rows`")
    if str(written.get("probe", "")).endswith(YAML_SUFFIXES):
        written = {**written, "probe": str(path.parent / written["probe"])}
    return Space(written, path.stem)


def space_names() -> list[str]:
    """The built-in spaces."""
    return sorted(path.stem for path in _SPACES.glob("*.yaml"))


def _draw_order(steps: list[Step], count: int, generator: torch.Generator) -> Tensor:
    """(B, S) step indices: movable steps permuted among their places, those `in_order` keeping their order."""
    order = torch.arange(len(steps)).repeat(count, 1)
    movable = torch.tensor([i for i, step in enumerate(steps) if step.movable])
    if len(movable) == 0:
        return order
    shuffled = torch.rand(count, len(movable), generator=generator).argsort(1)
    permuted = movable[shuffled]  # (B, M): which step stands at each movable place
    ordered = torch.tensor([i for i, step in enumerate(steps) if step.movable and step.in_order])
    if len(ordered) > 1:
        is_ordered = torch.isin(permuted, ordered)
        permuted[is_ordered] = ordered.repeat(count)  # row by row, from left to right
    order[:, movable] = permuted
    return order


def _draw_parameters(choice: Choice, uniform: Tensor) -> Tensor:
    """(n, 4) uniform -> (n, 4) parameters."""
    names = list(choice.operation.parameters)
    values = torch.zeros_like(uniform)
    for i, distribution in enumerate(choice.parameters):
        values[:, i] = (
            values[:, names.index(distribution)] if isinstance(distribution, str) else distribution.draw(uniform[:, i])
        )
    return values


def _whole(value: object, least: int, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{where} must be a whole number of at least {least}, not {value!r}")
    return value
