"""Each method against a reference formula."""

import copy
import itertools

import pytest
import torch
from lightly.loss import NegativeCosineSimilarity, NTXentLoss, VICRegLoss
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy, mse_loss, normalize

from pretrain.losses import parameter_info_nce
from pretrain.methods.fastmoco import FastMoCoConfig, cut_into_parts
from pretrain.methods.moco import MoCoConfig
from pretrain.methods.redegradation import RedegradationConfig, measure_residual, weighted_likelihood
from pretrain.positives import PositivesConfig
from pretrain.views import ViewBatch
from shared.degradations import degrade, load_space
from shared.degradations.convolution import make_blur_kernels
from tests.pretrain.linear_encoder import random_views
from tests.pretrain.small_methods import CENTER, PAIR, build


def _embed(encoder: nn.Module, views: Tensor) -> Tensor:
    """Embeds all views of one size, (B, V, 3, p, p) -> (B, V, D)."""
    return torch.stack([encoder(v).vector for v in views.unbind(0)])


def _apply_head(head: nn.Module, x: Tensor) -> Tensor:
    return head(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], -1)


def _moco_reference(method: nn.Module, views: Tensor, negatives: Tensor) -> Tensor:
    query = normalize(method.projector(method.encoder(views[:, 0]).vector), dim=1)
    key = normalize(method.target_projector(method.target_encoder(views[:, 1]).vector), dim=1).detach()
    logits = torch.cat([(query * key).sum(1, keepdim=True), query @ negatives.T], dim=1) / 0.07
    return cross_entropy(logits, torch.zeros(len(query), dtype=torch.long))


def test_moco_is_the_published_loss_against_earlier_keys() -> None:
    method = build("moco", PositivesConfig())
    first, second = random_views(4), random_views(4, seed=1)
    method(first)
    keys = normalize(method.target_projector(method.target_encoder(first.crops[0][:, 1]).vector), dim=1)
    torch.testing.assert_close(method.queue.keys[:4], keys)
    expected = _moco_reference(method, second.crops[0], keys)
    loss, logs, _ = method(second)
    torch.testing.assert_close(loss, expected)
    assert float(logs["queue_fill"]) == pytest.approx(0.8)


def test_moco_logs_the_loss_of_other_rows() -> None:
    method = build("moco", PositivesConfig())
    method(random_views(4))
    views = random_views(4, seed=1)
    _, logs, _ = method(views)
    assert abs(float(logs["loss_of_other_rows"] - logs["loss"])) > 1e-4
    crops = views.crops[0].clone()
    crops[:, 0] = crops[:1, 0]  # with equal queries, the positive of any row fits as well
    _, logs, _ = method(ViewBatch((crops,), views.parameters))
    torch.testing.assert_close(logs["loss_of_other_rows"], logs["loss"])


def test_moco_first_step_contrasts_with_the_other_rows() -> None:
    views = random_views(4)
    method = build("moco", PositivesConfig())
    query = normalize(method.projector(method.encoder(views.crops[0][:, 0]).vector), dim=1)
    key = normalize(method.target_projector(method.target_encoder(views.crops[0][:, 1]).vector), dim=1).detach()
    loss, *_ = method(views)
    torch.testing.assert_close(loss, cross_entropy(query @ key.T / 0.07, torch.arange(4)))
    loss.backward()
    assert float(method.encoder.linear.weight.grad.abs().max()) > 0


@pytest.mark.parametrize("enqueue", ["first", "center", "all"])
def test_moco_first_step_has_no_negatives_of_the_own_row(enqueue: str) -> None:
    method = build("moco", PositivesConfig(3, aggregate="center", enqueue=enqueue))
    views = random_views(4, ((4, 16),))
    keys = method.target_keys(views.crops[0][:, 1:])
    query = normalize(method.projector(method.encoder(views.crops[0][:, 0]).vector), dim=1)
    center = normalize(keys.mean(1), dim=1)
    enqueued = {"first": keys[:, :1], "center": center[:, None], "all": keys}[enqueue]
    losses = []
    for b in range(4):
        negatives = enqueued[[r for r in range(4) if r != b]].flatten(0, 1)
        logits = torch.cat([(query[b] @ center[b])[None], negatives @ query[b]]) / 0.07
        losses.append(cross_entropy(logits[None], torch.tensor([0])))
    torch.testing.assert_close(method(views)[0], torch.stack(losses).mean())


def test_moco_enqueues_keys_per_step_and_only_in_training() -> None:
    method = build("moco", PositivesConfig(), config=MoCoConfig(16, 8, queue_size=10, keys_per_step=3))
    method.eval()
    method(random_views(8))
    assert int(method.queue.filled) == 0
    method.train()
    method(random_views(8))
    assert int(method.queue.filled) == 3


def test_moco_without_queue_contrasts_with_all_keys_of_the_other_rows() -> None:
    method, views = build("moco", PAIR, config=MoCoConfig(16, 8, queue_size=0)), random_views(5)
    crops = views.crops[0]
    queries = normalize(method.projector(method.encoder(crops.flatten(0, 1)).vector), dim=1).view(5, 2, 8)
    keys = method.target_keys(crops)
    losses = []
    for row, view in itertools.product(range(5), range(2)):
        others = keys[[other for other in range(5) if other != row]].flatten(0, 1)
        logits = torch.cat([keys[row, 1 - view][None], others]) @ queries[row, view] / 0.07
        losses.append(cross_entropy(logits[None], torch.tensor([0])))
    loss, logs, _ = method(views)
    torch.testing.assert_close(loss, torch.stack(losses).mean())
    assert "queue_fill" not in logs


def test_mocov3_contrasts_predictions_with_the_keys_of_one_view_at_a_time() -> None:
    method, views = build("mocov3", PAIR), random_views(6)
    crops = views.crops[0]
    projections = method.projector(method.encoder(crops.flatten(0, 1)).vector)
    queries = normalize(method.predictor(projections), dim=1).view(6, 2, 8)
    keys = method.target_keys(crops)
    directions = [cross_entropy(queries[:, view] @ keys[:, 1 - view].T, torch.arange(6)) for view in range(2)]
    torch.testing.assert_close(method(views)[0], torch.stack(directions).mean())


def test_moco_of_a_single_row_is_finite() -> None:
    loss, *_ = build("moco", PositivesConfig())(random_views(1))
    assert float(loss) == 0


def test_redegradation_measures_nothing_where_the_kernel_and_the_noise_level_are_the_true_ones() -> None:
    sharp = torch.rand(3, 2, 3, 52, 52)
    kernels = torch.rand(3, 1, 5, 5).expand(-1, 2, -1, -1)
    kernels = kernels / kernels.sum((2, 3), keepdim=True)
    blurred = nn.functional.conv2d(
        sharp.reshape(1, 18, 52, 52), kernels.flatten(0, 1).repeat_interleave(3, 0)[:, None], groups=18
    )
    degraded = blurred.view(3, 2, 3, 48, 48)[..., 8:40, 8:40]
    power = measure_residual(sharp, degraded, kernels)
    assert float(power.max()) < 1e-12
    noise = 0.1 * torch.randn(3, 2, 1, 32, 32)
    power = measure_residual(sharp, degraded + noise, kernels)
    torch.testing.assert_close(power, noise.square().mean((2, 3, 4)), rtol=1e-3, atol=1e-6)
    log_variance = power.log().requires_grad_()
    weighted_likelihood(power, log_variance).backward()
    assert float(log_variance.grad.abs().max()) < 1e-5


def test_redegradation_explains_each_view_by_the_view_before() -> None:
    config = RedegradationConfig(kernel_size=5, hidden_dim=16, contrastive=0)
    method = build("redegradation", PositivesConfig(2, symmetric=True), config=config)
    with torch.no_grad():
        method.head[-1].weight.normal_()
    views = random_views(4, ((3, 16), (2, 12)))
    vectors = torch.cat([method.encoder(c.flatten(0, 1)).vector.view(4, -1, 12) for c in views.crops], 1)
    standardised = (vectors - vectors.mean((0, 1))) / (vectors.var((0, 1), correction=0) + 1e-5).sqrt()
    predicted = method.head(standardised) + method.start
    losses = []
    for row, view in itertools.product(range(4), range(5)):
        size, index = (0, view) if view < 3 else (1, view - 3)
        before = predicted[row, view - 1]
        power = measure_residual(
            views.sharp[size][row, index][None, None],
            views.crops[size][row, index][None, None],
            before[:-1].softmax(0).view(1, 1, 5, 5),
        )
        variance = before[-1].exp() + (1 / 255) ** 2
        losses.append(0.5 * (power.squeeze() / variance + variance.log()))
    torch.testing.assert_close(method(views)[0], torch.stack(losses).mean(), rtol=1e-4, atol=1e-4)


def test_redegradation_down_samples_as_the_space_does() -> None:
    space = load_space("dasr_iso_x2")
    degradation = space.draw(2, torch.Generator().manual_seed(0))
    side = 2 * 24 + 2 * space.margin()
    sharp = torch.rand(2, 2, 3, side, side)
    degraded = degrade(sharp, degradation, margin=space.margin())
    kernels = make_blur_kernels(degradation.operation[:, 0], degradation.parameters[:, 0], 21)
    power = measure_residual(sharp, degraded, kernels[:, None].expand(-1, 2, -1, -1), scale=2)
    assert float(power.max().sqrt()) < 1 / 255  # rounding


def test_simclr_is_ntxent() -> None:
    method, views = build("simclr", PAIR), random_views(6)
    projections = _apply_head(copy.deepcopy(method.projector), _embed(method.encoder, views.crops[0]))
    torch.testing.assert_close(method(views)[0], NTXentLoss(0.1)(projections[:, 0], projections[:, 1]))


def test_byol_is_the_mean_of_both_directions() -> None:
    method, views = build("byol", PAIR), random_views(6)
    reference = copy.deepcopy(method)
    online = _apply_head(reference.predictor, _apply_head(reference.projector, _embed(method.encoder, views.crops[0])))
    target = _apply_head(reference.target_projector, _embed(method.target_encoder, views.crops[0])).detach()
    criterion = NegativeCosineSimilarity()
    expected = (criterion(online[:, 0], target[:, 1]) + criterion(online[:, 1], target[:, 0])) / 2
    torch.testing.assert_close(method(views)[0], expected)


def test_byol_multi_crop_small_crops_predict_alternating_large_ones() -> None:
    method, views = build("byol", PAIR), random_views(6, ((2, 16), (3, 12)))
    reference = copy.deepcopy(method)
    vectors = torch.cat([_embed(method.encoder, crops) for crops in views.crops], dim=1)
    online = _apply_head(reference.predictor, _apply_head(reference.projector, vectors))
    target = _apply_head(reference.target_projector, vectors[:, :2]).detach()
    pairs = [(0, 1), (1, 0), (2, 0), (3, 1), (4, 0)]
    expected = torch.stack([-cosine_similarity(online[:, q], target[:, k]).mean() for q, k in pairs]).mean()
    torch.testing.assert_close(method(views)[0], expected)


def test_simsiam_is_the_symmetric_stop_gradient_loss() -> None:
    method, views = build("simsiam", PAIR), random_views(6)
    reference = copy.deepcopy(method)
    z = _apply_head(reference.projector, _embed(reference.encoder, views.crops[0]))
    p = _apply_head(reference.predictor, z)
    criterion = NegativeCosineSimilarity()
    expected = (criterion(p[:, 0], z[:, 1].detach()) + criterion(p[:, 1], z[:, 0].detach())) / 2
    loss, *_ = method(views)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(method.encoder.linear.weight.grad, reference.encoder.linear.weight.grad)


def test_fastsiam_predicts_the_mean_of_the_others() -> None:
    method, views = build("fastsiam", CENTER), random_views(6, ((4, 16),))
    reference = copy.deepcopy(method)
    z = _apply_head(reference.projector, _embed(method.encoder, views.crops[0]))
    p = _apply_head(reference.predictor, z)
    losses = []
    for v in range(4):
        target = z[:, [w for w in range(4) if w != v]].mean(1)
        losses.append(-cosine_similarity(p[:, v], target.detach()).mean())
    torch.testing.assert_close(method(views)[0], torch.stack(losses).mean())


def test_vicreg_is_lightlys_loss() -> None:
    method, views = build("vicreg", PositivesConfig()), random_views(6)
    z = _apply_head(copy.deepcopy(method.projector), _embed(method.encoder, views.crops[0]))
    torch.testing.assert_close(method(views)[0], VICRegLoss()(z[:, 0], z[:, 1]))


def _fastmoco_predictions(method: nn.Module, vectors: Tensor) -> Tensor:
    """Computes unit predictions from combined vectors, (N, B, dim) -> (B, N, D)."""
    return normalize(_apply_head(method.predictor, _apply_head(method.projector, vectors.transpose(0, 1))), dim=-1)


def test_fastmoco_parts_predict_the_other_view() -> None:
    method, views = build("fastmoco", PAIR), random_views(6)
    reference, images = copy.deepcopy(method), views.crops[0]
    quarters = [images[..., r : r + 8, c : c + 8] for r in (0, 8) for c in (0, 8)]
    parts = [_embed(method.encoder, quarter) for quarter in quarters]  # four of (B, 2, dim)
    combined = [(a + b) / 2 for a, b in itertools.combinations(parts, 2)]  # six of (B, 2, dim)
    predictions = _fastmoco_predictions(reference, torch.cat([torch.stack(combined)[:, :, v] for v in (0, 1)]))
    target = normalize(_apply_head(reference.target_projector, _embed(method.target_encoder, images)), dim=-1).detach()
    losses = [
        cross_entropy(predictions[:, 6 * v + n] @ target[:, 1 - v].T, torch.arange(6)) for v in (0, 1) for n in range(6)
    ]
    torch.testing.assert_close(method(views)[0], torch.stack(losses).mean())


def test_fastmoco_images_combine_views_that_are_not_the_key() -> None:
    config = FastMoCoConfig("images", hidden_dim=16, output_dim=8, prediction_hidden_dim=4)
    method = build("fastmoco", PositivesConfig(2, side="query"), config=config)
    views = random_views(6, ((3, 16),))
    reference, images = copy.deepcopy(method), views.crops[0]
    quarters = [images[..., r : r + 8, c : c + 8] for r in (0, 8) for c in (0, 8)]
    combined = torch.stack([_embed(method.encoder, q)[:, :2].mean(1) for q in quarters])  # (4, B, dim)
    predictions = _fastmoco_predictions(reference, combined)
    key = normalize(reference.target_projector(method.target_encoder(images[:, 2]).vector), dim=-1).detach()
    losses = [cross_entropy(predictions[:, n] @ key.T, torch.arange(6)) for n in range(4)]
    torch.testing.assert_close(method(views)[0], torch.stack(losses).mean())


def test_parts_are_ordered_row_by_row() -> None:
    pixels = torch.arange(16.0).view(1, 1, 1, 4, 4).expand(2, 3, 3, 4, 4)
    parts = cut_into_parts(pixels, 2)
    assert parts.shape == (2, 3, 4, 3, 2, 2)
    assert parts[1, 2, :, 0].tolist() == [
        [[0, 1], [4, 5]],
        [[2, 3], [6, 7]],
        [[8, 9], [12, 13]],
        [[10, 11], [14, 15]],
    ]


def test_supcon_depends_on_the_parameters() -> None:
    method, views = build("supcon", PAIR), random_views(6, ((2, 16), (1, 12)))
    vectors = torch.cat([_embed(method.encoder, crops) for crops in views.crops], dim=1)
    projections = normalize(_apply_head(method.projector, vectors), dim=-1)
    expected = parameter_info_nce(projections, views.parameters, 0.1, 0.1)
    torch.testing.assert_close(method(views)[0], expected)
    other = ViewBatch(views.crops, torch.zeros_like(views.parameters))
    assert float(method(other)[0]) != pytest.approx(float(expected))


def test_supervised_is_the_mean_squared_error_of_every_view() -> None:
    method, views = build("supervised", PAIR), random_views(6)
    vectors = _embed(method.encoder, views.crops[0])
    flat = vectors.flatten(0, 1)
    standardised = (vectors - flat.mean(0)) / (flat.var(0, correction=0) + 1e-5).sqrt() / vectors.shape[-1] ** 0.5
    predicted = method.regressor(standardised)
    torch.testing.assert_close(method(views)[0], mse_loss(predicted, views.parameters[:, None].expand(-1, 2, -1)))
