"""Random streams for initial weights, so that one module's draws do not shift another's."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class RandomStream:
    """An independent stream of random numbers, for modules that draw from torch's global generator.

    Args:
        state: State of a CPU generator at which the stream begins, as returned by `torch.get_rng_state`.
    """

    def __init__(self, state: Tensor) -> None:
        self.state = state

    @classmethod
    def spawn(cls, count: int) -> list["RandomStream"]:
        """Makes independent streams that are determined by the state of the global generator, which does not change."""
        generator = torch.Generator()
        generator.set_state(torch.get_rng_state())
        seeds = torch.randint(2**62, (count,), generator=generator).tolist()
        return [cls(torch.Generator().manual_seed(seed).get_state()) for seed in seeds]

    @contextmanager
    def active(self) -> Iterator[None]:
        """Lets the global generator continue this stream within the block, and restores its state afterwards."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.state)
            yield
            self.state = torch.get_rng_state()
