"""Sequences of random weights that do not move each other."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Draws:
    """A sequence of draws of its own, for modules that take theirs from torch's global generator.

    Args:
        state: of the generator, at which the sequence begins.
    """

    def __init__(self, state: Tensor) -> None:
        self.state = state

    @classmethod
    def apart(cls, count: int) -> list["Draws"]:
        """Different sequences, told by the state of the global generator, which stays as it is."""
        generator = torch.Generator()
        generator.set_state(torch.get_rng_state())
        seeds = torch.randint(2**62, (count,), generator=generator).tolist()
        return [cls(torch.Generator().manual_seed(seed).get_state()) for seed in seeds]

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While this lasts the global generator goes on with this sequence; then it is as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.state)
            yield
            self.state = torch.get_rng_state()
