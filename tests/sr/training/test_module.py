"""One training step of stage two: the views and patches, the sum of the losses, and the learning rates."""

from itertools import product

import pytest
import torch

from shared.artefacts import save_encoder
from shared.command import load_config
from shared.degradations import degrade, load_space, summarise_as_vector
from shared.encoders import EncoderConfig, build_encoder
from sr.conditioning import CONDITIONINGS
from sr.train import RECIPES
from sr.training.augmentation import augment
from sr.training.config import ALIASES, GROUPS, SHORTHANDS, SRConfig
from sr.training.run import build

SMALL = [
    "network.blocks=1",
    "network.features=8",
    "method.queue_size=20",
    "method.hidden_dim=16",
    "method.output_dim=8",
    "batch_size=4",
    "patch=24",
    "precision=fp32",
    "data.dead_leaves=2",
]


def module_of(*options: str):
    has_method = {"conditioning=joint", "conditioning=distilled"} & set(options)
    arguments = [*SMALL, *options] if has_method else [*SMALL[:2], *SMALL[5:], *options]
    if any(option.startswith("method=") for option in options):
        arguments.remove("method.queue_size=20")  # an option of MoCo, the default
    _, config = load_config(SRConfig, RECIPES, arguments, groups=GROUPS, shorthands=SHORTHANDS, aliases=ALIASES)
    config.name = "test"
    config.check()
    return build(config)[0]


def test_crops_are_blended_and_shuffled_before_they_are_degraded():
    module = module_of("conditioning=oracle", "augmentation.mixup=1", "augmentation.channel_shuffle=1")
    planner, plan = module.planner, module.planner.plan(3)
    (lr_views,), (sharp,) = module._prepare_views(plan)
    (pixels,) = planner.fetch(plan)
    crops = pixels.float().div(255).view(4, 1, *pixels.shape[1:])
    config = module.config.augmentation
    blended = augment(crops, config, seed=planner.seed, step=3, first_row=0, rows=4)
    assert not torch.allclose(blended, crops, atol=0.01)
    margin = planner.margin
    torch.testing.assert_close(sharp, blended)
    module.loss(plan)
    torch.testing.assert_close(module.last_images[2], blended[:, 0, :, margin:-margin, margin:-margin])
    torch.testing.assert_close(lr_views, degrade(blended, plan.degradation, margin=margin))
    of_two_degradations = augment(
        degrade(crops, plan.degradation, margin=margin), config, seed=planner.seed, step=3, first_row=0, rows=4
    )
    assert (lr_views - of_two_degradations).abs().max() > 0.02


def test_a_method_that_reads_sharp_crops_trains_the_encoder_too():
    module = module_of(
        "conditioning=joint",
        "encoder=dasr",
        "method=redegradation",
        "positives.symmetric=true",
        "conditioning.patches=3",
    )
    loss, logs = module.loss(module.planner.plan(0))
    loss.backward()
    assert float(logs["residual_levels"]) > 0
    assert all(parameter.grad is not None for parameter in module.trained.method.parameters())


@pytest.mark.parametrize("conditioning", ["random", "joint"])
def test_several_patches_of_an_image_steer_one(conditioning, monkeypatch):
    """The first patch is super-resolved, by the mean of the vectors of all."""
    options = ["positives=center3"] if conditioning == "joint" else []
    module = module_of(f"conditioning={conditioning}", "encoder=dasr", "conditioning.patches=4", *options).eval()
    model, plan = module.trained.model, module.planner.plan(0)
    assert (plan.image == plan.image[:, :1]).all()
    found = []
    forward = model.network.forward
    monkeypatch.setattr(model.network, "forward", lambda *given: found.append(given) or forward(*given))
    module.loss(plan)
    ((lr_image, representation),) = found
    (views,), _ = module._prepare_views(plan)
    assert views.shape[1] == 4
    assert torch.equal(lr_image, views[:, 0])
    vectors = torch.stack([model.source.encoder(views[:, v]).vector for v in range(4)])
    torch.testing.assert_close(representation.vector, vectors.mean(0))


@pytest.mark.parametrize("options", [["conditioning.standardise=true"], ["views=2x32"], ["conditioning.grid=hr"]])
def test_joint_training_steers_by_what_the_model_itself_represents(options, monkeypatch):
    """In training the representation comes from the contrastive method, in use from the model."""
    module = module_of("conditioning=joint", "encoder=dasr", *options).eval()
    model, plan = module.trained.model, module.planner.plan(0)
    found = []
    forward = model.network.forward
    monkeypatch.setattr(model.network, "forward", lambda *given: found.append(given) or forward(*given))
    module.loss(plan)
    ((lr_image, representation),) = found
    torch.testing.assert_close(representation.vector, model.represent(lr_image).vector, rtol=1e-4, atol=1e-4)


def test_the_standardisation_is_fitted_to_patches_that_no_step_trains_on():
    options = ("conditioning=random", "encoder=dasr", "conditioning.standardise=true", "steps=3")
    module = module_of(*options)
    patches = [module._prepare_views(module.planner.plan(step))[0][0][:, 0] for step in range(3, 3 + 64)]
    with torch.no_grad():
        vectors = torch.cat([module.trained.model.represent(lr_image).vector for lr_image in patches])
    torch.testing.assert_close(vectors.mean(0), torch.zeros(256), atol=1e-3, rtol=0)
    torch.testing.assert_close(vectors.std(0), torch.ones(256), atol=1e-3, rtol=0)
    again = module_of(*options).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_the_contrastive_loss_is_weighted(weight):
    module = module_of("conditioning=joint", "encoder=dasr", f"conditioning.contrastive={weight}")
    total, logs = module.loss(module.planner.plan(0))
    assert logs["contrastive_loss"] > 0.1
    torch.testing.assert_close(total.detach(), logs["image_loss"] + weight * logs["contrastive_loss"])
    total.backward()
    assert all(p.grad is not None for p in module.trained.method.projector.parameters())


@pytest.mark.parametrize(("conditioning", "rate"), [("finetune", 0.0), ("finetune", 3e-5), ("distilled", 3e-5)])
def test_the_encoder_has_its_own_learning_rate(tmp_path, conditioning, rate):
    torch.manual_seed(0)
    encoder = build_encoder(EncoderConfig(name="dasr"))
    save_encoder(tmp_path / "encoder", encoder, card="", metadata={"degradation": "dasr_iso_x2"})
    module = module_of(
        f"conditioning={conditioning}", f"encoder={tmp_path}", f"conditioning.lr={rate}", "optimizer.lr=2e-4"
    )
    groups = module.configure_optimizers()["optimizer"].param_groups
    rate_of = {id(p): group["initial_lr"] for group in groups for p in group["params"]}
    model = module.ema_source
    assert {rate_of[id(p)] for p in model.source.encoder.parameters()} == {rate or 2e-4}
    others = [*model.network.parameters(), *getattr(model.source, "head", model.network).parameters()]
    assert {rate_of[id(p)] for p in others} == {2e-4}


def steering_of(module, step: int, monkeypatch) -> tuple[torch.Tensor, torch.Tensor, dict]:
    """Returns what steers the network in a step, the true parameters, and the logs."""
    model, plan, found = module.trained.model, module.planner.plan(step), []
    forward = model.network.forward
    monkeypatch.setattr(model.network, "forward", lambda *given: found.append(given[1].vector) or forward(*given))
    loss, logs = module.loss(plan)
    loss.backward()
    monkeypatch.undo()
    return found[0], summarise_as_vector(plan.degradation), logs


@pytest.mark.parametrize("options", [[], ["conditioning.contrastive=1", "conditioning.patches=3"]])
def test_a_distilled_encoder_steers_once_it_was_taught(options, monkeypatch):
    options = ["conditioning=distilled", "encoder=dasr", "conditioning.taught=0.5", "steps=4", *options]
    options += ["conditioning.fixed_norm=false", "conditioning.lr=0"]
    module = module_of(*options)
    source = module.trained.model.source
    for step in range(4):
        module.zero_grad()
        steering, parameters, logs = steering_of(module, step, monkeypatch)
        assert torch.equal(steering, parameters) == (step < 2)
        assert logs["distillation_loss"] > 0
        assert ("contrastive_loss" in logs) == ("conditioning.contrastive=1" in options)
        assert all(weight.grad is not None for weight in source.parameters())


@pytest.mark.parametrize("is_fixed", [True, False])
def test_batch_norms_are_fixed_as_asked(is_fixed):
    module = module_of("conditioning=joint", "encoder=dasr", f"conditioning.fixed_norm={str(is_fixed).lower()}")
    encoders = (module.trained.model.source, module.trained.method.target_encoder)
    for encoder, mode in product(encoders, (True, False)):
        module.train(mode)
        norms = [one for one in encoder.modules() if isinstance(one, torch.nn.BatchNorm2d)]
        assert {norm.training for norm in norms} == {mode and not is_fixed}
        assert module.trained.method.projector.training == mode


def test_an_oracle_with_error_is_fitted_to_the_space():
    source = module_of("conditioning=oracle", "conditioning.r2=0.8", "degradation=dasr_iso_x2").trained.model.source
    spread = summarise_as_vector(load_space("dasr_iso_x2").draw(4096, torch.Generator().manual_seed(0))).std(0)
    torch.testing.assert_close(source.deviation, spread / 2, rtol=0.05, atol=1e-6)


def test_what_reads_an_image_averages_over_patches_where_it_was_measured_to_help():
    counts = {name: entry.options(name=name).patches for name, entry in CONDITIONINGS.items()}
    assert {name for name, count in counts.items() if count == 4} == {
        "frozen",
        "finetune",
        "random",
        "statistics",
        "distilled",
    }
