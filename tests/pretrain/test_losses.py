"""Losses against formulas written as loops and against lightly's losses."""

import math

import pytest
import torch
from lightly.loss import NegativeCosineSimilarity, NTXentLoss
from torch.nn.functional import normalize

from pretrain.losses import EXCLUDED, alignment_loss, batch_info_nce, parameter_info_nce, queue_info_nce
from pretrain.positives import Positives, PositivesConfig, Terms


def _units(*shape: int, seed: int = 0) -> torch.Tensor:
    return normalize(torch.randn(*shape, 8, generator=torch.Generator().manual_seed(seed)), dim=-1)


def _symmetric_terms(views: torch.Tensor, aggregate: str = "pair") -> Terms:
    return Positives(PositivesConfig(views.shape[1] - 1, aggregate=aggregate, symmetric=True)).terms(views, views)


def _info_nce(query: torch.Tensor, key: torch.Tensor, negatives: list[torch.Tensor], temperature: float) -> float:
    positive = math.exp(float(query @ key) / temperature)
    return -math.log(positive / (positive + sum(math.exp(float(query @ n) / temperature) for n in negatives)))


def test_alignment_is_lightlys_negative_cosine() -> None:
    views = torch.randn(6, 2, 8, generator=torch.Generator().manual_seed(0))
    terms = _symmetric_terms(normalize(views, dim=-1))
    torch.testing.assert_close(alignment_loss(terms), NegativeCosineSimilarity()(views[:, 0], views[:, 1]))


def test_queue_info_nce_formula_and_mask() -> None:
    terms = Positives(PositivesConfig(3, aggregate="all_pairs")).terms(_units(4, 1), _units(4, 3, seed=1))
    negatives, valid = _units(7, seed=2), torch.tensor([True] * 4 + [False] * 3)
    expected = [
        _info_nce(terms.queries[b, t], terms.keys[b, t], list(negatives[:4]), 0.3) for b in range(4) for t in range(3)
    ]
    loss = queue_info_nce(terms, negatives, valid, 0.3)
    assert float(loss) == pytest.approx(sum(expected) / 12, rel=1e-5)
    per_row = torch.stack([valid, valid, ~valid, ~valid])
    expected = [
        _info_nce(terms.queries[b, t], terms.keys[b, t], list(negatives[per_row[b]]), 0.3)
        for b in range(4)
        for t in range(3)
    ]
    assert float(queue_info_nce(terms, negatives, per_row, 0.3)) == pytest.approx(sum(expected) / 12, rel=1e-5)


def test_queue_info_nce_without_negatives_is_zero_and_finite() -> None:
    queries = _units(4, 1).requires_grad_()
    terms = Positives(PositivesConfig()).terms(queries, _units(4, 1, seed=1))
    loss = queue_info_nce(terms, torch.zeros(5, 8), torch.zeros(5, dtype=torch.bool), 0.07)
    loss.backward()
    assert float(loss) == 0
    assert queries.grad is not None
    assert torch.isfinite(queries.grad).all()


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_two_symmetric_views_are_lightlys_ntxent(temperature: float) -> None:
    views = torch.randn(6, 2, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    own, other = views.clone().requires_grad_(), views.clone().requires_grad_()
    loss = batch_info_nce(_symmetric_terms(normalize(own, dim=-1)), temperature)
    reference = NTXentLoss(temperature)(other[:, 0], other[:, 1])
    torch.testing.assert_close(loss, reference)
    loss.backward()
    reference.backward()
    torch.testing.assert_close(own.grad, other.grad)


@pytest.mark.parametrize("aggregate", ["pair", "all_pairs", "center", "combination", "logit_mean"])
@pytest.mark.parametrize("same_slot", [False, True])
def test_batch_info_nce_formula(aggregate: str, same_slot: bool) -> None:
    terms = _symmetric_terms(_units(4, 3), aggregate)
    losses = []
    for b in range(4):
        for t, slot in enumerate(terms.slots.tolist()):
            slots = [slot] if same_slot else range(terms.candidates.shape[1])
            negatives = [terms.candidates[r, s] for r in range(4) if r != b for s in slots]
            losses.append(_info_nce(terms.queries[b, t], terms.candidates[b, slot], negatives, 0.2))
    loss = batch_info_nce(terms, 0.2, same_slot)
    assert float(loss) == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_other_views_of_the_row_are_no_negatives() -> None:
    queries, keys = _units(4, 1), _units(4, 2, seed=1)
    keys[:, 1] = queries[:, 0]  # not the positive of any term, but equal to the query of its row
    loss = batch_info_nce(Terms(queries, keys, torch.tensor([0])), 0.1)
    expected = [
        _info_nce(queries[b, 0], keys[b, 0], [keys[r, s] for r in range(4) if r != b for s in range(2)], 0.1)
        for b in range(4)
    ]
    assert float(loss) == pytest.approx(sum(expected) / 4, rel=1e-5)


def _soft_info_nce(views: torch.Tensor, parameters: torch.Tensor, temperature: float, bandwidth: float) -> float:
    rows, count = views.shape[:2]
    weight = [[math.exp(-float((p - q).square().sum()) / (2 * bandwidth**2)) for q in parameters] for p in parameters]
    samples = [(r, v) for r in range(rows) for v in range(count)]
    total = 0.0
    for i, v in samples:
        similarity = {o: math.exp(float(views[i, v] @ views[o]) / temperature) for o in samples}
        negative = sum((1 - weight[i][o[0]]) * similarity[o] for o in samples)
        positives = [o for o in samples if o != (i, v)]
        terms = [weight[i][o[0]] * -math.log(similarity[o] / (similarity[o] + negative)) for o in positives]
        total += sum(terms) / sum(weight[i][o[0]] for o in positives)
    return total / len(samples)


@pytest.mark.parametrize("bandwidth", [0.05, 0.5])
def test_parameter_info_nce_formula(bandwidth: float) -> None:
    views, parameters = _units(5, 3), torch.rand(5, 2, generator=torch.Generator().manual_seed(3))
    parameters[4] = parameters[0]  # two rows of one degradation
    loss = parameter_info_nce(views, parameters, 0.2, bandwidth)
    assert float(loss) == pytest.approx(_soft_info_nce(views, parameters, 0.2, bandwidth), rel=1e-4)


def test_parameter_info_nce_with_a_narrow_bandwidth_is_ntxent() -> None:
    views, parameters = _units(6, 2), torch.arange(6.0)[:, None]
    loss = parameter_info_nce(views, parameters, 0.2, 1e-3)
    torch.testing.assert_close(loss, NTXentLoss(0.2)(views[:, 0], views[:, 1]))


def test_parameter_info_nce_pulls_equal_degradations_together() -> None:
    parameters = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    directions = torch.eye(8)[:2]
    together = directions[[0, 0, 1, 1]][:, None].expand(-1, 2, -1)
    separate = directions[[0, 1, 0, 1]][:, None].expand(-1, 2, -1)
    losses = [float(parameter_info_nce(v, parameters, 0.2, 0.1)) for v in (together, separate)]
    assert losses[0] < 0.05 < losses[1]


def test_parameter_info_nce_of_one_degradation_has_a_finite_gradient() -> None:
    views = _units(3, 2).requires_grad_()
    loss = parameter_info_nce(views, torch.zeros(3, 2), 0.1, 0.1)
    loss.backward()
    assert float(loss) == 0
    assert views.grad is not None
    assert torch.isfinite(views.grad).all()


def test_autocast_does_not_round_the_losses() -> None:
    terms, parameters = _symmetric_terms(_units(6, 2)), torch.rand(6, 2)

    def losses() -> list[torch.Tensor]:
        return [
            batch_info_nce(terms, 0.07),
            queue_info_nce(terms, _units(9, seed=2), torch.ones(9, dtype=torch.bool), 0.07),
            parameter_info_nce(terms.queries, parameters, 0.07, 0.1),
        ]

    plain = losses()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert [float(x) for x in losses()] == [float(x) for x in plain]


def test_excluded_logits_have_zero_weight() -> None:
    assert math.exp(EXCLUDED + 2 / 0.01) == 0.0
