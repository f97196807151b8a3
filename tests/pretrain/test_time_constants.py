"""Time constants against the length of a run: the fitted values, the sentences, and what each method and recipe has."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pretrain.config import GROUPS, SHORTHANDS, PretrainConfig
from pretrain.methods import METHODS, Positives, PositivesConfig, build_method
from pretrain.methods.moco import MoCoConfig
from pretrain.time_constants import (
    RunPace,
    count_lag,
    describe_slow_target,
    describe_stale_queue,
    fit_key_momentum,
    fit_queue_size,
)
from pretrain.train import RECIPES
from shared.command import load_config
from tests.pretrain.linear_encoder import LinearEncoder
from tests.pretrain.small_methods import PAIR, SMALL, build

JOINT = RunPace(500, 1, 8, 0.999, "conditioning.key_momentum", "conditioning.method")  # its defaults, in a short run


def load(*arguments: str) -> PretrainConfig:
    config = load_config(PretrainConfig, RECIPES, list(arguments), groups=GROUPS, shorthands=SHORTHANDS)[1]
    config.check()
    return config


@pytest.mark.parametrize(
    ("steps", "momentum"),
    [(19, None), (20, 0.5), (100, 0.9), (300, 0.96), (500, 0.98), (990, 0.98), (1000, 0.99), (1200, 0.991)],
)
def test_the_key_momentum_that_fits_a_run(steps, momentum):
    assert fit_key_momentum(steps) == momentum


def test_the_queue_that_fits_a_target():
    assert fit_queue_size(8, 50) == 256  # 32 steps; 512 keys would be 64 steps old
    assert fit_queue_size(64, 100) == 4096
    assert fit_queue_size(84, 1) == 84  # no power of two, but one step of keys


def test_published_values_in_a_short_run_are_told_in_one_sentence_each():
    assert describe_slow_target(JOINT) == (
        "conditioning.key_momentum=0.999: the target network lags by 1000 steps, but should lag by at most a tenth of "
        "this run's 500: use conditioning.key_momentum=0.98"
    )
    assert describe_stale_queue(JOINT, size=8192, keys_per_step=8) == (
        "conditioning.method.queue_size=8192: a full queue holds the keys of 1024 steps, more than the 50 that a "
        "target network with conditioning.key_momentum=0.98 remembers, and this run's 500 never fill it: use "
        "conditioning.method.queue_size=256"
    )
    assert describe_slow_target(replace(JOINT, steps=500_000)) is None
    assert "never fill" not in describe_stale_queue(replace(JOINT, steps=2000), size=8192, keys_per_step=8)
    assert "never moves" in describe_slow_target(replace(JOINT, key_momentum=1.0))


def test_a_run_too_short_for_any_target_is_told_a_method_without():
    pace = replace(JOINT, steps=12)
    assert describe_slow_target(pace).endswith("use conditioning.method=simclr, which has no target network")
    assert describe_stale_queue(pace, size=8192, keys_per_step=8) is None


@example(steps=100, momentum=0.9, size=80, keys=8)  # both at their limits
@given(
    steps=st.integers(20, 10**6),
    momentum=st.floats(0, 1),
    size=st.integers(1, 65536),
    keys=st.integers(1, 4096),
)
def test_the_values_told_fit_and_are_not_needlessly_small(steps, momentum, size, keys):
    pace = RunPace(steps, 1, keys, momentum)
    if describe_slow_target(pace):
        fitted = fit_key_momentum(steps)
        assert steps / 20 - 1e-3 <= count_lag(fitted) < count_lag(momentum)
        pace = replace(pace, key_momentum=fitted)
        assert describe_slow_target(pace) is None
    if describe_stale_queue(pace, size=size, keys_per_step=keys):
        fitted = fit_queue_size(keys, count_lag(pace.key_momentum))
        assert fitted < size
        assert describe_stale_queue(pace, size=fitted, keys_per_step=keys) is None
        assert describe_stale_queue(pace, size=2 * fitted + 1, keys_per_step=keys)


@pytest.mark.parametrize("method", METHODS)
def test_only_methods_with_a_target_have_time_constants(method):
    positives = PositivesConfig(3, aggregate="center", symmetric=True) if method == "fastsiam" else PAIR
    told = build(method, positives, config=SMALL[method]).describe_misfits(JOINT)
    has_target = method in ("moco", "byol", "fastmoco")
    assert len(told) == has_target, told  # the small queue of moco is no older than its target's memory


@pytest.mark.parametrize(
    ("positives", "keys_per_step", "micro_batches", "age"),
    [
        (PositivesConfig(), None, 1, "1024"),
        (PositivesConfig(), None, 4, "256"),
        (PositivesConfig(), 2, 2, "2048"),
        (PositivesConfig(5, aggregate="center", enqueue="center"), None, 1, "1024"),
        (PositivesConfig(5, aggregate="center", enqueue="all"), None, 1, "204.8"),
        (PositivesConfig(symmetric=True, enqueue="all"), None, 1, "512"),
    ],
)
def test_a_queue_ages_with_the_keys_that_a_step_enqueues(positives, keys_per_step, micro_batches, age):
    config = MoCoConfig(hidden_dim=8, output_dim=4, queue_size=8192, keys_per_step=keys_per_step)
    method = build_method("moco", LinearEncoder(), Positives(positives), config)
    _, told = method.describe_misfits(replace(JOINT, micro_batches=micro_batches))
    assert f"holds the keys of {age} steps" in told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        *(([f"--config-name={path.stem}"], []) for path in sorted(RECIPES.glob("*.yaml"))),
        (["method=moco"], ["key_momentum=0.98", "method.queue_size=2048"]),
        (["method=byol", "key_momentum=0.98", "key_momentum_end=1"], []),
        (["method=byol", "key_momentum=1", "key_momentum_end=0.99"], ["key_momentum_end=0.98"]),
        (["method=moco", "key_momentum=0.98", "method.queue_size=2048", "accumulation=2"], []),
    ],
    ids=str,
)
def test_recipes_fit_their_steps_and_overrides_are_told(options, told):
    config = load(*options)
    method = build_method(config.method_name, LinearEncoder(), Positives(config.positives), config.method)
    assert [sentence.split(": use ")[1] for sentence in method.describe_misfits(config.pace)] == told
