"""Neither weights nor running statistics of a frozen encoder change, whatever mode the model is in."""

import pytest
import torch

from shared.encoders import EncoderConfig, build_encoder
from sr.model import build_model
from tests.sr.small_models import small_config


@pytest.mark.parametrize("conditioning", ["frozen", "random"])
def test_a_frozen_encoder_does_not_change(conditioning):
    model = build_model(small_config(conditioning=conditioning), build_encoder(EncoderConfig(name="dasr"))).train()
    before = {name: value.clone() for name, value in model.source.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for _ in range(2):
        model(torch.rand(2, 3, 20, 20)).square().mean().backward()
        optimizer.step()
    assert "encoder.backbone.stages.0.1.running_mean" in before
    for name, value in model.source.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_trained_encoder_changes():
    model = build_model(small_config(conditioning="finetune")).train()
    before = {name: value.clone() for name, value in model.source.state_dict().items()}
    model(torch.rand(2, 3, 20, 20)).square().mean().backward()
    assert not torch.equal(
        model.source.state_dict()["encoder.backbone.stages.0.1.running_mean"],
        before["encoder.backbone.stages.0.1.running_mean"],
    )
