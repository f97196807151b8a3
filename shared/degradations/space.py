"""Degradation spaces: distributions over degradations, each defined by a short YAML.

```yaml
scale: 1                 # down-sampling factor of the output, a whole number; default 1
kernel_size: 21          # side of the blur kernels in pixels; default 21
margin: 32               # input pixels around a patch; default: a bound of the reach of the steps
shuffle: false           # true: draw the order of the steps marked `movable` for each row
probe: grid              # listed space for probes, by name or as a .yaml in the same folder; default: drawn ones
steps:                   # applied from top to bottom
  - gaussian: {sigma: [0.2, 4.0], sigma_y: [0.2, 4.0], theta: [0, pi]}
  - one_of:              # one of several, chosen by weight (default 1)
      - {gaussian_noise: {noise_sigma: [0, 25/255]}, weight: 2}
      - {gray_noise: {noise_sigma: [0, 25/255]}}
    probability: 0.5     # of the step; otherwise it is skipped
  - quantize: {}
```

Instead of `steps`, `rows` lists whole degradations, each `{name: ..., steps: [...]}`, for probes; a draw takes one of
them. `operations.py` lists the parameters, `distributions.py` the distributions.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from shared.degradations.operations import MAX_PARAMETERS, NONE
from shared.degradations.reach import bound_reach, check_whole_factors, find_end_sizes
from shared.degradations.record import Degradation
from shared.degradations.steps import Choice, Step, check_keys, read_flag, read_step
from shared.yaml_text import quote, read_yaml

YAML_SUFFIXES = (".yaml", ".yml")
_BUILT_IN_FOLDER = Path(__file__).parent / "spaces"
MAX_SCALE, MAX_KERNEL_SIZE, MAX_MARGIN = 16, 101, 4096  # pixels; beyond, a patch needs more memory than there is
MAX_ROWS, MAX_STEPS = 10_000, 100
MIN_NUMBERS = 4  # random numbers for the parameters of a step, as in earlier versions, so that their draws stay
_KEYS = {"description", "scale", "kernel_size", "margin", "shuffle", "steps", "rows", "probe"}


class Space:
    """A distribution over degradations, or a list of them.

    Args:
        definition: Parsed YAML, see the docstring of this module.
        name: Name of the space, for error messages.

    Attributes:
        definition: The parsed YAML.
        scale: Down-sampling factor of the output.
        kernel_size: Odd side of the blur kernels in pixels.
        shuffle: Whether the order of the movable steps is drawn.
        probe: Name or path of the listed space for probes; empty if there is none.
        is_list: Whether the space is a list of degradations.
        row_names: Names of the listed degradations; one name for a space that is not a list.

    Raises:
        ValueError: The definition is wrong. The message gives the place.
    """

    def __init__(self, definition: Mapping, name: str) -> None:
        check_keys(definition, _KEYS, f"space {name}")
        self.name = name
        self.definition = dict(definition)
        self.scale = _check_whole_number(definition.get("scale", 1), 1, MAX_SCALE, f"space {name}: scale")
        self.kernel_size = _check_whole_number(
            definition.get("kernel_size", 21), 3, MAX_KERNEL_SIZE, f"space {name}: kernel_size"
        )
        if self.kernel_size % 2 == 0:
            raise ValueError(f"space {name}: kernel_size {self.kernel_size} must be odd")
        self.shuffle = read_flag(definition, "shuffle", f"space {name}")
        self.probe = str(definition.get("probe", ""))
        if "rows" in definition and "steps" in definition:
            raise ValueError(f"space {name}: give `steps` or `rows`, not both")
        rows = definition.get("rows") or [{"name": name, "steps": definition.get("steps")}]
        if not isinstance(rows, list) or len(rows) > MAX_ROWS:
            raise ValueError(f"space {name}: `rows` must be a list of at most {MAX_ROWS} degradations")
        for row in rows:
            if not isinstance(row, Mapping) or not isinstance(row.get("steps"), list) or not row["steps"]:
                raise ValueError(f"space {name}: needs a non-empty list `steps`, or `rows` that each have one")
            if len(row["steps"]) > MAX_STEPS:
                raise ValueError(f"space {name}: {len(row['steps'])} steps are more than {MAX_STEPS}")
        self.row_names = [str(row.get("name", i)) for i, row in enumerate(rows)]
        self.is_list = bool(definition.get("rows"))
        for row in rows:
            check_keys(row, {"name", "steps"}, f"space {name}")
        self._sequences = [
            [read_step(step, f"space {name}, step {i + 1}", self.kernel_size) for i, step in enumerate(row["steps"])]
            for row in rows
        ]
        self._check_ends()
        self._margin = definition.get("margin")
        if self._margin is not None:
            _check_whole_number(self._margin, 0, MAX_MARGIN, f"space {name}: margin")

    def draw(self, count: int, generator: torch.Generator) -> Degradation:
        """Draws degradations.

        Args:
            count: Number of degradations.
            generator: CPU generator, the only source of randomness, so that a draw is reproducible from its seed.
        """
        sequences = torch.randint(len(self._sequences), (count,), generator=generator).tolist()
        parts = [self._draw_sequence(sequence, count, generator) for sequence in self._sequences]
        if len(parts) == 1:
            return parts[0]
        together = Degradation.concatenate(parts)
        return together[torch.tensor([sequence * count + row for row, sequence in enumerate(sequences)])]

    def draw_near(self, count: int, near: int, generator: torch.Generator) -> Degradation:
        """Draws groups of degradations that differ in one operation only and share the others.

        Independent rows can be distinguished by the most visible operation alone, such as noise, which hides blur; rows
        that share this operation cannot.

        Args:
            count: Number of degradations, a multiple of `near`.
            near: Number of successive rows that form a group.
            generator: CPU generator.

        Raises:
            ValueError: The order of the operations is not fixed, or fewer than two operations vary.
        """
        free = self._find_free_steps()
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

    def draw_listed(self, generator: torch.Generator) -> Degradation:
        """Draws each listed degradation once, in order; a space that is not a list has one."""
        return Degradation.concatenate([self._draw_sequence(s, 1, generator) for s in self._sequences])

    @property
    def operations(self) -> tuple[str, ...]:
        """The names of the operations that can be drawn, sorted."""
        choices = [choice for sequence in self._sequences for step in sequence for choice in step.choices]
        return tuple(sorted({choice.operation.name for choice in choices}))

    def margin(self) -> int:
        """Returns the margin around a patch in input pixels, a multiple of the scale.

        It is the one of the definition, or else a bound of what any draw needs.
        """
        if self._margin is None:
            reaches = [
                bound_reach(s, scale=self.scale, kernel_size=self.kernel_size, is_shuffled=self.shuffle)
                for s in self._sequences
            ]
            return -(-int(max(reaches) + 0.999) // self.scale) * self.scale
        return -(-int(self._margin) // self.scale) * self.scale

    def _find_free_steps(self) -> list[int]:
        """Finds the steps that can differ between rows without changing a size."""
        return [
            i
            for i, step in enumerate(self._sequences[0])
            if all(c.operation.parameters and c.operation.kind != "resize" for c in step.choices)
            and (len(step.choices) > 1 or step.probability < 1 or bool(step.choices[0].varying))
        ]

    def _draw_sequence(self, steps: list[Step], count: int, generator: torch.Generator) -> Degradation:
        operation = torch.full((count, len(steps)), NONE)
        parameters = torch.zeros(count, len(steps), MAX_PARAMETERS, dtype=torch.float64)
        for i, step in enumerate(steps):
            # As many random numbers for each step: a changed probability then leaves the draws of other steps alone.
            needed = max((i + 1 for choice in step.choices for i in choice.varying), default=0)
            uniform = torch.rand(count, 2 + max(needed, MIN_NUMBERS), generator=generator, dtype=torch.float64)
            weights = torch.tensor([choice.weight for choice in step.choices], dtype=torch.float64)
            edges = (weights / weights.sum()).cumsum(0)[:-1].contiguous()
            chosen = torch.bucketize(uniform[:, 0].contiguous(), edges, right=True)
            is_applied = uniform[:, 1] < step.probability
            for c, choice in enumerate(step.choices):
                rows = (is_applied & (chosen == c)).nonzero().squeeze(1)
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
                check_whole_factors(steps, is_shuffled=self.shuffle)
            except ValueError as error:
                raise ValueError(f"space {self.name}: {error}") from error
            for end in sorted(find_end_sizes(steps, is_shuffled=self.shuffle)):
                if abs(end * self.scale - 1) > 1e-6:
                    raise ValueError(
                        f"space {self.name}: the last resize goes to relative_size {end:.4g}, but scale {self.scale} "
                        f"needs {1 / self.scale:.4g}"
                    )


def load_space(name_or_path: str) -> Space:
    """Loads a built-in space by its name, or a user's by the path of its YAML.

    Raises:
        ValueError: There is no such space (the message suggests the nearest), or the YAML is wrong (the message gives
            the place).
    """
    path = Path(name_or_path)
    if path.suffix not in YAML_SUFFIXES:
        path = _BUILT_IN_FOLDER / f"{name_or_path}.yaml"
        if name_or_path not in list_spaces():
            nearest = difflib.get_close_matches(name_or_path, list_spaces(), n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise ValueError(
                f"no degradation space {name_or_path[:100]!r}{hint} (there are "
                f"{', '.join(list_spaces())}, or give the path of a .yaml)"
            )
    try:
        definition = read_yaml(path)
    except ValueError as error:
        raise ValueError(f"degradation space {error}") from error
    if not isinstance(definition, Mapping):
        raise ValueError(f"degradation space {path}: must be a mapping with `steps` or `rows`")
    if str(definition.get("probe", "")).endswith(YAML_SUFFIXES):
        definition = {**definition, "probe": str(path.parent / definition["probe"])}
    return Space(definition, path.stem)


def list_spaces() -> list[str]:
    """Lists the names of the built-in spaces."""
    return sorted(path.stem for path in _BUILT_IN_FOLDER.glob("*.yaml"))


def _draw_order(steps: list[Step], count: int, generator: torch.Generator) -> Tensor:
    """Draws step indices, (B, S): movable steps change places, but those `in_order` keep their order."""
    order = torch.arange(len(steps)).repeat(count, 1)
    movable = torch.tensor([i for i, step in enumerate(steps) if step.movable])
    if len(movable) == 0:
        return order
    shuffled = torch.rand(count, len(movable), generator=generator).argsort(1)
    permuted = movable[shuffled]  # (B, M), the step at each movable place
    ordered = torch.tensor([i for i, step in enumerate(steps) if step.movable and step.in_order])
    if len(ordered) > 1:
        is_ordered = torch.isin(permuted, ordered)
        permuted[is_ordered] = ordered.repeat(count)  # masks are filled row by row, from left to right
    order[:, movable] = permuted
    return order


def _draw_parameters(choice: Choice, uniform: Tensor) -> Tensor:
    """Maps uniform numbers, (n, at least 4), to the parameters of an operation, (n, 5)."""
    names = list(choice.operation.parameters)
    values = uniform.new_zeros(len(uniform), MAX_PARAMETERS)
    for i, distribution in enumerate(choice.parameters):
        if isinstance(distribution, str):
            values[:, i] = values[:, names.index(distribution)]
        else:
            values[:, i] = distribution.draw(uniform[:, min(i, uniform.shape[1] - 1)])  # any number for a constant
    return values


def _check_whole_number(value: object, minimum: int, maximum: int, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise ValueError(f"{where} must be a whole number within {minimum}..{maximum}, not {quote(value)}")
    return value
