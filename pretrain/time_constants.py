"""Time constants of a target network and its queue: values that fit a run, and sentences about those that do not.

A target network of key momentum m lags behind the online network by about 1 / (1 - m) steps, the time constant of its
moving average. A run that is not much longer trains on targets that hardly leave the initialisation. A queue whose keys
are older than that lag holds negatives of networks that the target has forgotten (MoCo, arXiv:1911.05722, section 3.2,
wants the keys of a queue consistent).
"""

import math
from dataclasses import dataclass, replace

AUTO = "auto"  # a time constant that is computed from the length of the run
LAGS = 30  # lags of the target network in a run, with key_momentum=auto
FASTEST, SLOWEST = 0.9, 0.999  # limits of key_momentum=auto; the slowest is that of MoCo and DASR
LONG_RUN = 100  # lags of the target network in a run that can afford to slow it down, as BYOL does
QUEUE_AGE = 0.25  # age of a full queue in lags of the target network, with queue_size=auto
MIN_QUEUE_STEPS = 8  # a queue that may hold the keys of fewer steps is worth less than the keys of the batch itself
MIN_ROWS = 8  # a batch of fewer rows has too few negatives of its own
MAX_QUEUE = 65536  # keys; MoCo
MIN_LAGS = 10  # lags of the target network in a run: with fewer, its start weighs on too much of the run
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


def choose_key_momentum(steps: int) -> float:
    """Computes the key momentum of a run with `key_momentum=auto`: `LAGS` lags in all, within `FASTEST`..`SLOWEST`.

    Args:
        steps: Number of optimiser steps.
    """
    return round(min(max(1 - LAGS / steps, FASTEST), SLOWEST), 4)


def choose_last_key_momentum(steps: int, key_momentum: float) -> float:
    """Computes the key momentum at the last step with `key_momentum_end=auto`: 1 in runs of `LONG_RUN` lags or more.

    In shorter ones a target that comes to rest would cost too much of the run, and the momentum stays constant.

    Args:
        steps: Number of optimiser steps.
        key_momentum: Key momentum at the first step.
    """
    return 1.0 if steps >= LONG_RUN * count_lag(key_momentum) * (1 - ROUNDING) else key_momentum


def choose_queue_size(pace: RunPace, keys_per_step: int) -> int:
    """Computes the number of keys with `queue_size=auto`.

    A full queue is `QUEUE_AGE` of the target's lag old; if that is too few steps, there is none. A batch of less than
    `MIN_ROWS` rows always gets a queue.

    Args:
        pace: Pace of the run.
        keys_per_step: Number of keys that enter the queue at each optimiser step, over all devices.
    """
    steps = QUEUE_AGE * count_lag(pace.key_momentum) * (1 + ROUNDING)
    if steps < MIN_QUEUE_STEPS and pace.rows >= MIN_ROWS:
        return 0
    return int(min(keys_per_step * max(1.0, steps), MAX_QUEUE))


def check_key_momentum(value: float | str, option: str) -> None:
    """Refuses a key momentum that is neither within 0..1 nor `auto`.

    Raises:
        ValueError: The value is invalid; the message names the option.
    """
    if value != AUTO and not (isinstance(value, int | float) and 0 <= value <= 1):
        raise ValueError(f"{option}={value} must be within 0..1, or auto")


def keep_started(given: float | str, fitted: float, started: object) -> float:
    """Returns a given key momentum; for `auto` that with which a run was started, or the fitted one of a new run."""
    if given == AUTO:
        return float(started) if isinstance(started, int | float) else fitted
    return float(given)


def describe_target(pace: RunPace) -> str:
    """Describes the target network of a run in a few words."""
    lag = count_lag(pace.key_momentum)
    moves = f"lags by {_format(lag)} of {pace.steps} steps" if lag < math.inf else "never moves"
    return f"key momentum {pace.key_momentum}, {moves}"


def describe_slow_target(pace: RunPace) -> str | None:
    """Describes in one sentence a target network that is too slow for the run; None if it fits."""
    if pace.fits_target:
        return None
    lag, fitted = count_lag(pace.key_momentum), choose_key_momentum(pace.steps)
    moves = f"lags by {_format(lag)} steps" if lag < math.inf else "never moves"
    problem = f"{pace.momentum_option}={pace.key_momentum}: the target network {moves}"
    if not replace(pace, key_momentum=fitted).fits_target:
        return (
            f"{problem}, and no key momentum of {FASTEST} or more fits a run of {pace.steps} steps: use "
            f"{pace.method_option}=simclr, which has no target network"
        )
    start = pace.momentum_option.removesuffix("_end")
    remedy = f"{start}=auto" if start == pace.momentum_option else f"{start}=auto {pace.momentum_option}=-1"
    return (
        f"{problem}, but should lag by at most a tenth of this run's {pace.steps}: use {remedy}, which is {fitted} here"
    )


def describe_queue(*, size: int, keys_per_step: int) -> str:
    """Describes the negatives of a run in a few words; a queue of 0 keys is none."""
    return f"queue of {size} keys, {_format(size / keys_per_step)} steps" if size else "negatives from the batch"


def describe_stale_queue(pace: RunPace, *, size: int, keys_per_step: int) -> str | None:
    """Describes in one sentence a queue that is older than the memory of its target network; None if it fits.

    If the target network is too slow, the queue is compared with one that fits the run.

    Args:
        pace: Pace of the run.
        size: Capacity of the queue in keys.
        keys_per_step: Number of keys that enter the queue at each optimiser step, over all devices.
    """
    if size == choose_queue_size(pace, keys_per_step):
        return None  # a queue of queue_size=auto follows the target network
    fitting = pace if pace.fits_target else replace(pace, key_momentum=choose_key_momentum(pace.steps))
    age, lag = size / keys_per_step, count_lag(fitting.key_momentum)
    if age <= lag * (1 + ROUNDING):
        return None
    never_full = f", and this run's {pace.steps} never fill it" if age > pace.steps else ""
    fitted = choose_queue_size(fitting, keys_per_step)
    instead = f"{fitted} here" if fitted else "0 here, so that the negatives are the other rows of the batch"
    return (
        f"{pace.method_option}.queue_size={size}: a full queue holds the keys of {_format(age)} steps, more than the "
        f"{_format(lag)} that a target network with {pace.momentum_option}={fitting.key_momentum} remembers"
        f"{never_full}: use {pace.method_option}.queue_size=auto, which is {instead}"
    )


def _format(steps: float) -> str:
    """Formats a number of steps with at most one decimal."""
    return f"{steps:.1f}".removesuffix(".0")
