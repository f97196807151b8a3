"""Positives: roles, terms of each aggregate, gradients, enqueued keys, refused options."""

import itertools

import pytest
import torch
from torch.nn.functional import normalize

from pretrain.positives import Positives, PositivesConfig


def _units(rows: int, views: int, seed: int = 0) -> torch.Tensor:
    return normalize(torch.randn(rows, views, 8, generator=torch.Generator().manual_seed(seed)), dim=-1)


def _build_terms(
    queries: torch.Tensor, keys: torch.Tensor, count: int, side: str, aggregate: str, symmetric: bool = False
):
    return Positives(PositivesConfig(count, side, aggregate, symmetric)).terms(queries, keys)


@pytest.mark.parametrize(
    ("count", "side", "symmetric", "queries", "keys", "views"),
    [
        (1, "key", False, 1, 1, 2),
        (5, "key", False, 1, 5, 6),
        (5, "query", False, 5, 1, 6),
        (3, "both", False, 3, 3, 6),
        (1, "key", True, 2, 2, 2),
        (3, "key", True, 4, 4, 4),
    ],
)
def test_roles(count: int, side: str, symmetric: bool, queries: int, keys: int, views: int) -> None:
    positives = Positives(PositivesConfig(count, side, "pair", symmetric))
    assert (positives.query_views, positives.key_views, positives.views_needed()) == (queries, keys, views)
    large, small = torch.arange(views).float().view(1, views, 1), torch.tensor([100.0, 101.0]).view(1, 2, 1)
    query_crops, key_crops = positives.split((large, small))
    assert query_crops[0].flatten().tolist() == list(range(queries))
    assert query_crops[1] is small
    assert key_crops.flatten().tolist() == list(range(views) if symmetric else range(queries, views))
    role_queries, role_keys = positives.roles(torch.cat([large, small], dim=1))
    assert torch.equal(role_queries, torch.cat(query_crops, dim=1))
    assert torch.equal(role_keys, key_crops)


def test_pair_repeats_the_shorter_side() -> None:
    queries, keys = _units(4, 1), _units(4, 3, seed=1)
    terms = _build_terms(queries, keys, 3, "key", "pair")
    assert torch.equal(terms.queries, queries.expand(-1, 3, -1))
    assert torch.equal(terms.keys, keys)
    terms = _build_terms(keys, queries, 3, "query", "pair")
    assert torch.equal(terms.queries, keys)
    assert torch.equal(terms.keys, queries.expand(-1, 3, -1))
    assert terms.candidates.shape[1] == 1


def test_pair_both_sides_with_alternating_keys_for_smaller_crops() -> None:
    queries, keys = _units(4, 2 + 3), _units(4, 2, seed=1)  # 2 large and 3 small queries
    terms = _build_terms(queries, keys, 2, "both", "pair")
    assert torch.equal(terms.queries, queries)
    assert torch.equal(terms.keys, keys[:, [0, 1, 0, 1, 0]])


def test_symmetric_pair_of_two_views_swaps_them() -> None:
    views = _units(4, 2)
    terms = _build_terms(views, views, 1, "key", "pair", symmetric=True)
    assert torch.equal(terms.queries, views)
    assert torch.equal(terms.keys, views.flip(1))


def test_all_pairs() -> None:
    queries, keys = _units(4, 2 + 1), _units(4, 2, seed=1)
    terms = _build_terms(queries, keys, 2, "both", "all_pairs")
    expected = list(itertools.product(range(3), range(2)))
    assert torch.equal(terms.queries, queries[:, [q for q, _ in expected]])
    assert torch.equal(terms.keys, keys[:, [k for _, k in expected]])


@pytest.mark.parametrize("aggregate", ["pair", "all_pairs"])
@pytest.mark.parametrize("large", [2, 3, 4])
def test_symmetric_view_is_never_its_own_positive(aggregate: str, large: int) -> None:
    views = _units(5, large + 1)  # the last view is a smaller crop
    terms = _build_terms(views, views[:, :large], large - 1, "key", aggregate, symmetric=True)
    assert (terms.queries * terms.keys).sum(-1).max() < 0.9999
    assert terms.candidates.shape[1] == large
    if aggregate == "all_pairs":
        assert terms.queries.shape[1] == large * (large - 1) + large


def test_center_per_side() -> None:
    queries, keys = _units(4, 3), _units(4, 3, seed=1)
    query_center, key_center = (normalize(x.mean(1, keepdim=True), dim=-1) for x in (queries, keys))
    on_key = _build_terms(queries[:, :1], keys, 3, "key", "center")
    torch.testing.assert_close(on_key.keys, key_center)
    assert torch.equal(on_key.queries, queries[:, :1])
    on_query = _build_terms(queries, keys[:, :1], 3, "query", "center")
    torch.testing.assert_close(on_query.queries, query_center)
    assert torch.equal(on_query.keys, keys[:, :1])
    on_both = _build_terms(queries, keys, 3, "both", "center")
    torch.testing.assert_close(on_both.queries, query_center)
    torch.testing.assert_close(on_both.keys, key_center)


def test_center_of_one_is_pair() -> None:
    queries, keys = _units(4, 1), _units(4, 1, seed=1)
    center, pair = (_build_terms(queries, keys, 1, "key", aggregate) for aggregate in ("center", "pair"))
    assert torch.equal(center.queries, pair.queries)
    assert torch.equal(center.keys, pair.keys)


@pytest.mark.parametrize("side", ["key", "query"])
def test_symmetric_center_excludes_the_view_itself(side: str) -> None:
    views = _units(4, 3 + 1)  # three large, one small
    terms = _build_terms(views, views[:, :3], 2, side, "center", symmetric=True)
    for t in range(3):
        members = [j for j in range(3) if j != t] + ([3] if side == "query" else [])
        mean = normalize(views[:, members].mean(1), dim=-1)
        torch.testing.assert_close(terms.keys[:, t] if side == "key" else terms.queries[:, t], mean)
        assert torch.equal(terms.queries[:, t] if side == "key" else terms.keys[:, t], views[:, t])
    if side == "key":  # the smaller crop is in no mean and predicts the mean of all large ones
        torch.testing.assert_close(terms.keys[:, 3], normalize(views[:, :3].mean(1), dim=-1))


@pytest.mark.parametrize("side", ["key", "query", "both"])
def test_logit_mean_is_the_mean_of_the_logits(side: str) -> None:
    queries, keys = _units(4, 1 if side == "key" else 3), _units(4, 1 if side == "query" else 3, seed=1)
    mean, pairs = (_build_terms(queries, keys, 3, side, aggregate) for aggregate in ("logit_mean", "all_pairs"))
    logit = (mean.queries * mean.keys).sum(-1).squeeze(1)
    torch.testing.assert_close(logit, (pairs.queries * pairs.keys).sum(-1).mean(1))


def test_combination_averages_every_pair_of_keys() -> None:
    queries, keys = _units(4, 1), _units(4, 4, seed=1)
    terms = _build_terms(queries, keys, 4, "key", "combination")
    expected = [normalize((keys[:, i] + keys[:, j]) / 2, dim=-1) for i, j in itertools.combinations(range(4), 2)]
    torch.testing.assert_close(terms.keys, torch.stack(expected, dim=1))
    assert torch.equal(terms.queries, queries.expand(-1, 6, -1))


def test_candidates_are_distinct_and_hold_every_key() -> None:
    views = _units(3, 3)
    for aggregate in ("pair", "all_pairs", "center", "combination"):
        terms = _build_terms(views, views, 2, "key", aggregate, symmetric=True)
        similarity = terms.candidates @ terms.candidates.transpose(1, 2)
        assert similarity.triu(1).max() < 0.9999, aggregate
        assert set(terms.slots.tolist()) == set(range(terms.candidates.shape[1]))


def test_gradient_flows_through_a_query_mean() -> None:
    queries = _units(2, 3).requires_grad_()
    terms = _build_terms(queries, _units(2, 1, seed=1), 3, "query", "center")
    (terms.queries * terms.keys).sum().backward()
    assert queries.grad is not None
    assert (queries.grad.abs().amax(-1) > 0).all()


def test_terms_built_in_inference_mode_do_not_break_later_gradients() -> None:
    with torch.inference_mode():
        _build_terms(_units(2, 7), _units(2, 1), 7, "query", "center")
    queries = _units(2, 7).requires_grad_()
    _build_terms(queries, _units(2, 1), 7, "query", "center").queries.sum().backward()
    assert queries.grad is not None


def test_keys_to_enqueue() -> None:
    keys = _units(4, 3)
    enqueued = {e: Positives(PositivesConfig(3, enqueue=e)).keys_to_enqueue(keys) for e in ("first", "center", "all")}
    assert torch.equal(enqueued["first"], keys[:, 0])
    torch.testing.assert_close(enqueued["center"], normalize(keys.mean(1), dim=-1))
    assert torch.equal(enqueued["all"], keys.reshape(12, 8))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (PositivesConfig(side="left"), "side='left' must be one of key, query, both"),
        (PositivesConfig(aggregate="mean"), "aggregate='mean' must be one of pair"),
        (PositivesConfig(enqueue="last"), "enqueue='last' must be one of first"),
        (PositivesConfig(count=0), "count=0 must be at least 1"),
        (PositivesConfig(count=1, aggregate="combination"), "combination needs pairs"),
        (PositivesConfig(2, "both", "center", symmetric=True), "side=both aggregate=center symmetric=true"),
    ],
)
def test_contradictory_policies_are_refused(config: PositivesConfig, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Positives(config)


@pytest.mark.parametrize(
    ("config", "large_views"),
    [(PositivesConfig(symmetric=True), 1), (PositivesConfig(), 3), (PositivesConfig(5), 2)],
)
def test_check_refuses_another_number_of_views(config: PositivesConfig, large_views: int) -> None:
    positives = Positives(config)
    positives.check(positives.views_needed())
    with pytest.raises(
        ValueError, match=f"uses {positives.views_needed()} large views per row, the views give {large_views}"
    ):
        positives.check(large_views)
