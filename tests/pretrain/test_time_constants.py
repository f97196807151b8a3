"""Time constants against the length of a run: the fitted values, the sentences, and what each method and recipe has."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretrain.config import GROUPS, SHORTHANDS, PretrainConfig
from pretrain.methods import METHODS, Positives, PositivesConfig, build_method
from pretrain.methods.moco import MoCoConfig
from pretrain.time_constants import (
    RunPace,
    choose_key_momentum,
    choose_last_key_momentum,
    choose_queue_size,
    describe_slow_target,
    describe_stale_queue,
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
    [(20, 0.9), (300, 0.9), (600, 0.95), (2400, 0.9875), (10_000, 0.997), (10**6, 0.999)],
)
def test_a_target_network_has_thirty_lags_in_a_run_within_limits(steps, momentum):
    assert choose_key_momentum(steps) == momentum


@pytest.mark.parametrize(
    ("momentum", "size"), [(0.9, 0), (0.95, 0), (0.97, 266), (0.99, 800), (0.999, 8000), (1, 65536)]
)
def test_a_queue_is_a_quarter_as_old_as_its_targets_memory_or_not_worth_it(momentum, size):
    assert choose_queue_size(RunPace(1000, 1, 32, momentum), 32) == size


def test_few_rows_always_get_a_queue():
    assert choose_queue_size(RunPace(300, 8, 1, 0.9), 8) == 20
    assert choose_queue_size(RunPace(300, 1, 4, 0.5), 4) == 4


def test_a_target_network_comes_to_rest_only_in_a_long_run():
    assert choose_last_key_momentum(1000, 0.97) == 0.97
    assert choose_last_key_momentum(10_000, 0.99) == 1


def test_published_values_in_a_short_run_are_told_in_one_sentence_each():
    assert describe_slow_target(JOINT) == (
        "conditioning.key_momentum=0.999: the target network lags by 1000 steps, but should lag by at most a tenth of "
        "this run's 500: use conditioning.key_momentum=auto, which is 0.94 here"
    )
    assert describe_stale_queue(JOINT, size=8192, keys_per_step=8) == (
        "conditioning.method.queue_size=8192: a full queue holds the keys of 1024 steps, more than the 16.7 that a "
        "target network with conditioning.key_momentum=0.94 remembers, and this run's 500 never fill it: use "
        "conditioning.method.queue_size=auto, which is 0 here, so that the negatives are the other rows of the batch"
    )
    long = replace(JOINT, steps=5000)
    assert describe_slow_target(replace(long, key_momentum=0.995)) is None
    told = describe_stale_queue(replace(long, key_momentum=0.995), size=8192, keys_per_step=8)
    assert "never fill" not in told
    assert told.endswith("use conditioning.method.queue_size=auto, which is 400 here")
    assert "never moves" in describe_slow_target(replace(JOINT, key_momentum=1.0))


def test_a_run_too_short_for_any_target_is_told_a_method_without():
    told = describe_slow_target(replace(JOINT, steps=99))
    assert told.endswith("use conditioning.method=simclr, which has no target network")


@given(
    steps=st.integers(100, 10**6),
    momentum=st.floats(0, 1),
    size=st.integers(1, 65536),
    keys=st.integers(1, 4096),
)
def test_the_values_told_fit(steps, momentum, size, keys):
    pace = RunPace(steps, 1, keys, momentum)
    if describe_slow_target(pace):
        pace = replace(pace, key_momentum=choose_key_momentum(steps))
        assert describe_slow_target(pace) is None
    if describe_stale_queue(pace, size=size, keys_per_step=keys):
        fitted = choose_queue_size(pace, keys)
        assert fitted < size
        assert describe_stale_queue(pace, size=fitted, keys_per_step=keys) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queue_size": "automatic"}, "method.queue_size=automatic must be a number of keys"),
    ],
)
def test_a_queue_that_is_none_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MoCoConfig(**options).fit_to(replace(JOINT, method_option="method"), Positives(PAIR))


def test_auto_becomes_a_number_and_stays_that_with_which_a_run_was_started():
    new, resumed, given = load("method=moco"), load("method=moco"), load("method=moco", "key_momentum=1")
    new.fit_time_constants({})
    assert (new.key_momentum, new.key_momentum_end, new.method.queue_size) == (0.9444, -1, 0)
    resumed.fit_time_constants({"key_momentum": 0.999, "method": {"queue_size": 8192}})
    assert (resumed.key_momentum, resumed.method.queue_size) == (0.999, 8192)
    given.fit_time_constants({"key_momentum": 0.999})
    assert given.key_momentum == 1.0


def test_auto_follows_the_run():
    short, long = load("method=moco", "steps=300"), load("method=moco", "steps=20000", "key_momentum_end=auto")
    assert short.key_momenta == (0.9, 0.9)
    assert long.key_momenta == (0.9985, 0.9985)
    for one in (short, long):
        one.fit_time_constants()
    assert load("method=byol", "steps=20000", "key_momentum=0.99", "key_momentum_end=auto").key_momenta == (0.99, 1)
    queues = (
        build_method("moco", LinearEncoder(), Positives(one.positives), one.method).queue for one in (short, long)
    )
    assert [queue.size if queue else 0 for queue in queues] == [0, 10666]


@pytest.mark.parametrize("method", METHODS)
def test_only_methods_with_a_target_have_time_constants(method):
    positives = PositivesConfig(3, aggregate="center", symmetric=True) if method == "fastsiam" else PAIR
    told = build(method, positives, config=SMALL[method]).describe_misfits(JOINT)
    has_target = method in ("moco", "mocov3", "byol", "fastmoco")
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
        (["method=moco"], []),
        (["method=moco", "steps=200"], []),
        (
            ["method=moco", "key_momentum=0.999", "method.queue_size=8192"],
            ["key_momentum=auto", "method.queue_size=auto"],
        ),
        (["method=byol", "key_momentum=0.98", "key_momentum_end=1"], []),
        (["method=byol", "key_momentum=1", "key_momentum_end=0.99"], ["key_momentum=auto key_momentum_end=-1"]),
        (["method=moco", "key_momentum=0.999"], ["key_momentum=auto"]),
        (["method=moco", "key_momentum=0.98", "method.queue_size=2048", "accumulation=2"], []),
    ],
    ids=str,
)
def test_recipes_fit_their_steps_and_overrides_are_told(options, told):
    config = load(*options)
    config.fit_time_constants()
    method = build_method(config.method_name, LinearEncoder(), Positives(config.positives), config.method)
    sentences = method.describe_misfits(config.pace)
    assert [sentence.split(": use ")[1].split(", which is")[0] for sentence in sentences] == told
