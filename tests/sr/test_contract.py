"""One contract for every network x fusion x conditioning: sizes, gradients, artefact, and the export."""

import json
from dataclasses import replace
from itertools import combinations, cycle, product

import pytest
import torch

from shared.encoders import Representation
from sr.conditioning import CONDITIONINGS
from sr.fusion import FUSIONS
from sr.model import build_model
from sr.model_artefact import load_model, save_model
from tests.sr.small_models import BY_MAP, SMALL_OPTIONS, small_config

LEARNING = {"distilled", "finetune", "joint", "shared"}
PUBLISHED_START = {"da_conv", "dynamic_conv"}  # start as published instead of as the identity


def parameters_for(model, count: int) -> torch.Tensor | None:
    return torch.rand(count, 6) if model.needs_parameters else None


EVERY = list(product(SMALL_OPTIONS, [*FUSIONS, *BY_MAP], CONDITIONINGS))
SCALES = [2 + i % 3 for i in range(len(EVERY))]  # in turn
SAME_ARCHITECTURE = {"finetune": "joint", "random": "frozen"}  # they differ in where the encoder's weights come from


def is_repeated(network: str, fusion: str, conditioning: str) -> bool:
    """Whether other combinations have these parts, as `test_what_is_run_on_demand_...` checks for whole models."""
    if (network, fusion) == ("edsr_small", "affine"):
        return False  # here every conditioning is saved and loaded under its own name
    if fusion in BY_MAP and network != "edsr_small" and conditioning != "joint":
        return True  # by the vector all of this is run
    return conditioning in SAME_ARCHITECTURE or (conditioning == "none" and fusion != "affine")


@pytest.mark.parametrize(
    ("network", "fusion", "conditioning", "scale"),
    [
        pytest.param(*one, scale, marks=[pytest.mark.exhaustive] * is_repeated(*one))
        for one, scale in zip(EVERY, SCALES, strict=True)
    ],
)
def test_gradients_reach_what_they_should_and_a_saved_model_is_the_same(network, fusion, conditioning, scale, tmp_path):
    torch.manual_seed(0)
    model = build_model(small_config(network, fusion, conditioning, scale=scale)).train()
    perturb(model)
    lr_image = torch.rand(2, 3, 17, 18)
    parameters = parameters_for(model, 2)
    sr_image = model(lr_image, parameters=parameters)
    assert sr_image.shape == (2, 3, scale * 17, scale * 18)
    sr_image.square().mean().backward()
    for name, parameter in model.named_parameters():
        of_source = name.startswith("source.")
        expected = conditioning in LEARNING if of_source else True
        reached = parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
        assert reached == expected, name
    save_model(tmp_path, model.eval(), card="", metadata={})
    loaded, lr_image, parameters = load_model(tmp_path), torch.rand(1, 3, 16, 17), parameters_for(model, 1)
    with torch.no_grad():
        assert torch.equal(loaded(lr_image, parameters=parameters), model(lr_image, parameters=parameters))


def architecture(network: str, fusion: str, conditioning: str) -> tuple[list, dict]:
    """Modules with what they are in training, and the weights: shapes, and which of them learn."""
    model = build_model(small_config(network, fusion, conditioning)).train()
    modules = [(name, str(module), module.training) for name, module in model.named_modules() if name]
    weights = {name: (value.shape, value.requires_grad) for name, value in model.state_dict(keep_vars=True).items()}
    return modules, weights


@pytest.mark.parametrize(("fusion", "network"), zip(FUSIONS, cycle(SMALL_OPTIONS), strict=False))
def test_what_is_run_on_demand_has_the_architecture_of_what_is_run(fusion, network):
    assert architecture(network, fusion, "none") == architecture(network, "affine", "none")
    for conditioning, same in SAME_ARCHITECTURE.items():
        assert architecture(network, fusion, conditioning) == architecture(network, fusion, same)
    assert architecture(network, fusion, "joint") != architecture(network, fusion, "frozen")


@pytest.mark.parametrize("network", SMALL_OPTIONS)
def test_from_one_seed_a_network_has_the_same_weights_whatever_its_condition(network):
    def built(fusion: str, conditioning: str) -> dict[str, torch.Tensor]:
        torch.manual_seed(3)
        state = build_model(small_config(network, fusion, conditioning)).network.state_dict()
        return {name: value for name, value in state.items() if "adapter." not in name}

    plain = built("affine", "none")
    assert not any("fusion." in name for name in plain)
    for fusion, conditioning in product([*FUSIONS, *BY_MAP], ("random", "constant", "oracle", "joint")):
        state = built(fusion, conditioning)
        assert all(torch.equal(plain[name], state[name]) for name in plain), (fusion, conditioning)
    places = [value for name, value in built("da_conv", "oracle").items() if "fusion." in name and value.dim() == 4]
    assert not any(torch.equal(one, other) for one, other in combinations(places, 2) if one.shape == other.shape)


def perturb(model) -> None:
    """Zeroed layers let no gradient through to what is before them, as they should at the start."""
    with torch.no_grad():
        for parameter in model.network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.05)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("network", SMALL_OPTIONS)
def test_every_size_and_scale(network, scale):
    model = build_model(small_config(network, scale=scale)).eval()
    for h, w in ((16, 16), (17, 31), (40, 19)):
        with torch.no_grad():
            assert model(torch.rand(1, 3, h, w)).shape == (1, 3, scale * h, scale * w)


@pytest.mark.parametrize(
    ("fusion", "options"),
    [
        ("da_conv", {"kernel_size": 5, "reduction": 4}),
        ("dynamic_conv", {"kernel_size": 5}),
        ("mutual", {"window": 3}),
        ("attention3x3", {"source": "map", "heads": 2}),
        ("cross_attention", {"heads": 2, "window": 5, "mlp_ratio": 1}),
    ],
)
def test_options_are_saved_with_the_model(fusion, options, tmp_path):
    torch.manual_seed(0)
    config = replace(small_config(fusion=fusion), fusion_options=FUSIONS[fusion].config(**options))
    model = build_model(config).eval()
    perturb(model)
    save_model(tmp_path, model, card="", metadata={})
    loaded = load_model(tmp_path)
    assert loaded.config == config
    lr_image = torch.rand(2, 3, 17, 18)
    with torch.no_grad():
        assert torch.equal(loaded(lr_image), model(lr_image))


def test_a_model_is_loaded_for_use_and_draws_no_random_numbers(tmp_path):
    save_model(tmp_path / "model", build_model(small_config()), card="# card", metadata={"recipe": "test"})
    state = torch.get_rng_state()
    assert not load_model(tmp_path).training
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("fusion", sorted({*FUSIONS, *BY_MAP} - PUBLISHED_START))
def test_a_fusion_starts_as_the_identity(fusion):
    torch.manual_seed(0)
    conditioned = build_model(small_config("edsr_small", fusion, "joint")).eval()
    plain = build_model(small_config("edsr_small", fusion, "none")).eval()
    plain.network.load_state_dict(conditioned.network.state_dict(), strict=False)
    image = torch.rand(1, 3, 20, 20)
    with torch.no_grad():
        assert torch.allclose(conditioned(image), plain(image), atol=1e-6)


@pytest.mark.parametrize("fusion", [*FUSIONS, *BY_MAP])
def test_the_condition_matters_once_trained(fusion):
    torch.manual_seed(0)
    model = build_model(small_config("edsr_small", fusion, "joint")).eval()
    perturb(model)
    image = torch.rand(1, 3, 20, 20)
    with torch.no_grad():
        own = model.represent(image)
        other = Representation(own.vector + 9, tuple(map_ + 9 * torch.rand_like(map_) for map_ in own.maps))
        assert (model(image) - model(image, representation=other)).abs().max() > 1e-5


def test_bicubic_skip_starts_as_bicubic():
    from shared.images import upsample_bicubic

    model = build_model(small_config(bicubic_skip=True)).eval()
    image = torch.rand(1, 3, 20, 24)
    with torch.no_grad():
        assert torch.allclose(model(image), upsample_bicubic(image, 2), atol=1e-6)


def test_an_oracle_asks_for_the_parameters():
    model = build_model(small_config(conditioning="oracle"))
    with pytest.raises(ValueError, match="true parameters"):
        model(torch.rand(1, 3, 16, 16))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"network": "esdr"}, "network='esdr' is unknown"),
        ({"fusion": "afine"}, "fusion='afine' is unknown"),
        ({"conditioning": "frosen"}, "conditioning='frosen' is unknown"),
    ],
)
def test_unknown_choices_are_refused(change, match):
    with pytest.raises(ValueError, match=match):
        build_model(replace(small_config(), **change))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": 10**7}, r"network_options.blocks=10000000 must be within 1..512"),
        ({"features": 4096, "blocks": 512}, r"describes a network of more than 8,589,934,592 weights, but model"),
    ],
)
def test_a_configuration_of_a_larger_network_than_its_weights_is_refused_at_once(tmp_path, options, message):
    save_model(tmp_path / "model", build_model(small_config(conditioning="none")), card="", metadata={})
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text())
    config["model"]["network_options"] |= options
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path)
