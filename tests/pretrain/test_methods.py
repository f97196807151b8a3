"""Contract of all methods: gradients, targets, state, refused options."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from pretrain.methods import METHODS
from pretrain.methods.base import NEGATIVE_ROWS, MomentumMethod
from pretrain.methods.fastmoco import FastMoCoConfig
from pretrain.methods.moco import MoCo, MoCoConfig
from pretrain.methods.redegradation import RedegradationConfig
from pretrain.methods.supcon import SupConConfig
from pretrain.positives import Positives, PositivesConfig
from shared.encoders import EncoderConfig, build_encoder
from tests.pretrain.linear_encoder import LinearEncoder, random_views
from tests.pretrain.small_methods import CENTER, PAIR, SMALL, build


def _choose_policy(name: str) -> PositivesConfig:
    return CENTER if name == "fastsiam" else PAIR


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("small", [0, 2])
def test_contract(name: str, small: int) -> None:
    policy = _choose_policy(name)
    method = build(name, policy)
    large = Positives(policy).views_needed()
    views = random_views(6, ((large, 16), (small, 12)) if small else ((large, 16),))
    loss, logs, _ = method(views)
    assert loss.shape == ()
    assert torch.equal(logs["loss"], loss.detach())
    assert all(value.shape == () and not value.requires_grad for value in logs.values())
    loss.backward()
    assert float(method.encoder.linear.weight.grad.abs().max()) > 0
    assert not method.last_projection.requires_grad
    assert method.last_projection.shape[0] == 6 * (large + small) * (6 if name == "fastmoco" else 1)
    trained = {n for n, p in method.named_parameters() if p.requires_grad}
    assert {n for n, p in method.named_parameters() if p.grad is not None} == trained
    assert not any(n.startswith("target_") for n in trained)


def test_negative_rows_are_logged() -> None:
    """Of five rows, the four others count, whatever their number of keys."""
    many = PositivesConfig(count=3, side="key", aggregate="all_pairs")
    in_batch = MoCoConfig(hidden_dim=8, output_dim=4, queue_size=0)
    for name, policy, config in (
        ("simclr", PAIR, None),
        ("simclr", many, None),
        ("fastmoco", PAIR, None),
        ("mocov3", PAIR, None),
        ("moco", PAIR, in_batch),
    ):
        views = random_views(5, ((Positives(policy).views_needed(), 16),))
        assert int(build(name, policy, config=config)(views)[1][NEGATIVE_ROWS]) == 4, name
    moco = build("moco", replace(many, enqueue="all"), config=MoCoConfig(hidden_dim=8, output_dim=4, queue_size=36))
    views = random_views(5, ((4, 16),))
    assert [float(moco(views)[1][NEGATIVE_ROWS]) for _ in range(4)] == [4, 5, 10, 12]  # the queue holds 36 keys of 3
    for name, policy in (("simclr", CENTER), ("moco", CENTER), ("byol", PAIR), ("supervised", PAIR)):
        views = random_views(5, ((Positives(policy).views_needed(), 16),))
        assert NEGATIVE_ROWS not in build(name, policy)(views)[1], name


@pytest.mark.parametrize("name", METHODS)
def test_methods_that_compare_rows_refuse_a_single_row(name: str) -> None:
    method = build(name, _choose_policy(name))
    assert method.compares_rows == (name in ("mocov3", "simclr", "fastmoco", "redegradation", "supcon", "vicreg"))
    method.check((64, 48), rows=2)
    if method.compares_rows:
        with pytest.raises(ValueError, match="1 row in a"):
            method.check((64, 48), rows=1)
    else:
        method.check((64, 48), rows=1)


@pytest.mark.parametrize(("grid", "patches", "bad"), [(3, (64,), 64), (2, (64, 33), 33), (4, (64, 48), 48)])
def test_fastmoco_refuses_crops_without_equal_parts(grid: int, patches: tuple[int, ...], bad: int) -> None:
    method = build("fastmoco", PAIR)
    method.config = replace(method.config, grid=grid)
    with pytest.raises(ValueError, match=f"crop of {bad} pixels cannot be cut into method.grid={grid}"):
        method.check(patches, rows=4)


def test_redegradation_refuses_a_margin_that_its_kernels_reach_beyond() -> None:
    method = build("redegradation", PAIR, config=RedegradationConfig(kernel_size=21))
    method.check_source(1, 10)
    with pytest.raises(ValueError, match="kernel_size=21 needs a margin of 10 pixels .* the degradation space has 9:"):
        method.check_source(1, 9)
    with pytest.raises(ValueError, match="kernel_size=21 needs a margin of"):
        method.check_source(4, 10)


@pytest.mark.parametrize("name", METHODS)
def test_after_step_moves_only_the_target(name: str) -> None:
    method = build(name, _choose_policy(name))
    assert isinstance(method, MomentumMethod) == (name in ("moco", "mocov3", "byol", "fastmoco"))
    with torch.no_grad():
        for part in (method.encoder, getattr(method, "projector", nn.Identity())):
            for parameter in part.parameters():
                parameter += 1
    before = {n: p.clone() for n, p in method.named_parameters()}
    method.key_momentum = 0.9
    method.after_step()
    for n, p in method.named_parameters():
        expected = 0.9 * before[n] + 0.1 * before[n.removeprefix("target_")] if n.startswith("target_") else before[n]
        torch.testing.assert_close(p, expected)


@pytest.mark.parametrize("name", METHODS)
def test_real_encoder_fits_one_batch(name: str) -> None:
    torch.manual_seed(0)
    policy = _choose_policy(name)
    method = build(name, policy, build_encoder(EncoderConfig(name="dasr")))
    views = random_views(4, ((Positives(policy).views_needed(), 32),))
    views.crops[0].mul_(torch.linspace(0.2, 1, 4).view(4, 1, 1, 1, 1))  # rows differ in what their views share
    optimizer = torch.optim.Adam([p for p in method.parameters() if p.requires_grad], 1e-3)
    losses = []
    for _ in range(6):
        if name == "moco":  # keys of the same degradations from earlier steps would be negatives
            method.queue.filled.zero_()
        loss, *_ = method(views)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.after_step()
        losses.append(float(loss))
    assert min(losses[1:]) < losses[0]


@pytest.mark.parametrize("aggregate", ["pair", "all_pairs", "center", "logit_mean", "combination"])
@pytest.mark.parametrize("side", ["key", "query", "both"])
@pytest.mark.parametrize("name", ["moco", "mocov3", "simclr", "byol", "simsiam", "fastmoco"])
def test_every_policy_gives_a_finite_gradient(name: str, side: str, aggregate: str) -> None:
    policy = PositivesConfig(2, side, aggregate)
    method = build(name, policy)
    for seed in (0, 1):
        loss, *_ = method(random_views(4, ((Positives(policy).views_needed(), 16), (1, 12)), seed))
    loss.backward()
    gradient = method.encoder.linear.weight.grad
    assert torch.isfinite(gradient).all()
    assert float(gradient.abs().max()) > 0


def test_queue_and_target_resume_bit_exactly() -> None:
    method = build("moco", PositivesConfig())
    other = build("moco", PositivesConfig(), LinearEncoder(seed=5))
    method(random_views(4))
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    for each in (method, other):
        each(random_views(4, seed=1))
    assert torch.equal(method.queue.keys, other.queue.keys)
    assert torch.equal(method(random_views(4, seed=2))[0], other(random_views(4, seed=2))[0])


def test_low_precision_leaves_similarities_in_float32() -> None:
    method = build("moco", PositivesConfig())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, *_ = method(random_views(4))
    assert loss.dtype == torch.float32
    assert isinstance(method, MoCo)
    lengths = method.queue.keys[:4].norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(4))


@pytest.mark.parametrize(
    ("name", "positives", "config", "message"),
    [
        ("mocco", PAIR, SMALL["moco"], "method 'mocco' is unknown; did you mean moco?"),
        ("moco", PAIR, SMALL["byol"], "method moco needs a MoCoConfig, got BYOLConfig"),
        ("fastsiam", PAIR, SMALL["fastsiam"], "fastsiam averages several targets"),
        ("vicreg", CENTER, SMALL["vicreg"], "vicreg compares projections of any length"),
        ("supcon", PAIR, SupConConfig(bandwidth=0.0), "bandwidth=0.0 must be positive"),
        ("redegradation", PAIR, RedegradationConfig(contrastive=-1), "contrastive=-1 must not be negative"),
        ("redegradation", PAIR, RedegradationConfig(kernel_size=8), "kernel_size=8 must be odd and at least 3"),
        ("fastmoco", PAIR, FastMoCoConfig(combine="image"), "combine='image' must be one of parts, images"),
        ("fastmoco", PAIR, FastMoCoConfig(combine="images"), "combine=images combines two query views"),
        ("fastmoco", PAIR, FastMoCoConfig(grid=1), "grid=1 must be at least 2"),
    ],
)
def test_invalid_options_are_refused(name: str, positives: PositivesConfig, config: object, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        build(name, positives, config=config)
