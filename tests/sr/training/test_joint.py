"""Joint training: one forward of the online encoder serves the network and the contrastive loss."""

import pytest
import torch

from pretrain.methods import build_method
from pretrain.methods.fastmoco import FastMoCoConfig
from pretrain.methods.moco import MoCoConfig
from pretrain.methods.simclr import SimCLRConfig
from pretrain.positives import Positives, PositivesConfig
from pretrain.views import ViewBatch
from sr.model import build_model
from tests.sr.small_models import small_config

ROWS, PATCH = 3, 32
SYMMETRIC = PositivesConfig(symmetric=True)
METHODS = {
    "moco": MoCoConfig(hidden_dim=8, output_dim=4, queue_size=12),
    "simclr": SimCLRConfig(hidden_dim=8, output_dim=4),
}


@pytest.mark.parametrize("conditioning", ["joint", "shared"])
@pytest.mark.parametrize(
    ("name", "positives"), [("moco", PositivesConfig()), ("simclr", PositivesConfig(symmetric=True))]
)
def test_the_network_receives_the_representation_that_the_method_computed(name, positives, conditioning):
    torch.manual_seed(0)
    model = build_model(small_config(conditioning=conditioning)).train()
    encoder = model.source.contrastive_encoder(model.network)
    method = build_method(name, encoder, Positives(positives), METHODS[name])
    calls = []
    encoder.register_forward_hook(lambda *_: calls.append(1))
    views = (torch.rand(ROWS, 2, 3, PATCH, PATCH),)
    contrast, _, found = method(ViewBatch(views, torch.empty(ROWS, 0)))
    assert len(calls) == 1
    queries = views[0] if positives.symmetric else views[0][:, :1]  # batch norms normalise all queries together
    expected = encoder(queries.flatten(0, 1))
    stride = queries.shape[1]
    assert torch.allclose(found.vector, expected.vector[::stride], atol=1e-6)
    for map_, reference in zip(found.maps, expected.maps, strict=True):
        assert torch.allclose(map_, reference[::stride], atol=1e-6)
    (model(views[0][:, 0], representation=found).square().mean() + contrast).backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_parts_of_views_are_not_taken_for_views():
    model = build_model(small_config(conditioning="joint")).train()
    config = FastMoCoConfig(hidden_dim=8, output_dim=4, prediction_hidden_dim=4)
    method = build_method("fastmoco", model.source.contrastive_encoder(model.network), Positives(SYMMETRIC), config)
    views = (torch.rand(ROWS, 2, 3, PATCH, PATCH),)
    assert method(ViewBatch(views, torch.empty(ROWS, 0))).first_views is None
