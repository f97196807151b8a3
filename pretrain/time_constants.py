"""Time constants of a target network and its queue against the length of a run, and the values that would fit.

A target network of key momentum m lags behind the online network by about 1 / (1 - m) steps, the time constant of its
moving average. A run that is not much longer trains on targets that hardly leave the initialisation. A queue whose keys
are older than that lag holds negatives of networks that the target has forgotten (MoCo, arXiv:1911.05722, section 3.2,
wants the keys of a queue consistent).
"""

import math
from dataclasses import dataclass

MIN_LAGS = 10  # lags of the target network in a run: with fewer, its start weighs on too much of the run
MIN_MOMENTUM = 0.5  # below, the target is closer to the online network than to its own past
ROUNDING = 1e-6  # relative; 1 - 0.9 is less than 0.1 in floating point


@dataclass(frozen=True)
class RunPace:
    """What the time constants of a run are measured against.

    Attributes:
        steps: Number of optimiser steps, each of which updates the target network once.
        micro_batches: Number of micro-batches per optimiser step, each of which enqueues its keys.
        rows: Number of rows of a micro-batch, over all devices.
        key_momentum: Share of its weights that the target network keeps at each step, in [0, 1].
        momentum_option: Option that sets `key_momentum`, as the user types it.
        method_option: Option that chooses the method, as the user types it.
    """

    steps: int
    micro_batches: int
    rows: int
    key_momentum: float
    momentum_option: str = "key_momentum"
    method_option: str = "method"

    @property
    def fits_target(self) -> bool:
        """Whether the run is long enough for its target network."""
        return self.steps * (1 - self.key_momentum) >= MIN_LAGS * (1 - ROUNDING)


def count_lag(key_momentum: float) -> float:
    """Computes by how many steps a target network lags behind the online network; infinite if it never moves."""
    return 1 / (1 - key_momentum) if key_momentum < 1 else math.inf


def fit_key_momentum(steps: int) -> float | None:
    """Computes the largest key momentum that fits a run, up to rounding; None if the run is too short for any.

    Args:
        steps: Number of optimiser steps.

    Returns:
        1 - `MIN_LAGS` / `steps`, rounded down to one significant digit of its distance from 1, such as 0.98 or 0.995.
    """
    share = MIN_LAGS / steps
    digit = 10.0 ** math.floor(math.log10(share))
    momentum = round(1 - math.ceil(share / digit - ROUNDING) * digit, 12)
    return momentum if momentum >= MIN_MOMENTUM else None


def fit_queue_size(keys_per_step: int, lag: float) -> int:
    """Computes the largest power of two whose keys are at most `lag` steps old, but at least the keys of one step."""
    most = int(keys_per_step * lag * (1 + ROUNDING))
    return max(keys_per_step, 1 << (most.bit_length() - 1))


def describe_slow_target(pace: RunPace) -> str | None:
    """Describes in one sentence a target network that is too slow for the run; None if it fits."""
    if pace.fits_target:
        return None
    lag, fitted = count_lag(pace.key_momentum), fit_key_momentum(pace.steps)
    moves = f"lags by {_format(lag)} steps" if lag < math.inf else "never moves"
    problem = f"{pace.momentum_option}={pace.key_momentum}: the target network {moves}"
    if fitted is None:
        return (
            f"{problem}, and no key momentum fits a run of {pace.steps} steps: use {pace.method_option}=simclr, which "
            "has no target network"
        )
    return (
        f"{problem}, but should lag by at most a tenth of this run's {pace.steps}: use {pace.momentum_option}={fitted}"
    )


def describe_stale_queue(pace: RunPace, *, size: int, keys_per_step: int) -> str | None:
    """Describes in one sentence a queue that is older than the memory of its target network; None if it fits.

    If the target network is too slow, the queue is compared with one that fits the run.

    Args:
        pace: Pace of the run.
        size: Capacity of the queue in keys.
        keys_per_step: Number of keys that enter the queue at each optimiser step, over all devices.
    """
    momentum = pace.key_momentum if pace.fits_target else fit_key_momentum(pace.steps)
    if momentum is None:
        return None  # no queue fits, as `describe_slow_target` says
    age, lag = size / keys_per_step, count_lag(momentum)
    if age <= lag * (1 + ROUNDING):
        return None
    never_full = f", and this run's {pace.steps} never fill it" if age > pace.steps else ""
    return (
        f"{pace.method_option}.queue_size={size}: a full queue holds the keys of {_format(age)} steps, more than the "
        f"{_format(lag)} that a target network with {pace.momentum_option}={momentum} remembers{never_full}: use "
        f"{pace.method_option}.queue_size={fit_queue_size(keys_per_step, lag)}"
    )


def _format(steps: float) -> str:
    """Formats a number of steps with at most one decimal."""
    return f"{steps:.1f}".removesuffix(".0")
