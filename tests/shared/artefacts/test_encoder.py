"""Artefacts of encoders: saved, loaded, followed from run folders, and refused when damaged."""

import hashlib
import json
import os

import pytest
import safetensors.torch
import torch

from shared.artefacts import EncoderArtefact, load_encoder, save_encoder
from shared.encoders import EncoderConfig, build_encoder

OPTIONS = [
    {"name": "dasr"},
    {"name": "dasr", "downsample": False, "input": "bands"},
    {"name": "resnet18", "stem": "3x3_no_maxpool", "input": "bands_level"},
    {"name": "resnet18", "output_stride": 8},
    {"name": "mobilenetv3_small_050", "stem": "3x3"},
    {"name": "convnext_atto", "input": "bands"},
    {"name": "efficientnet_b0"},
    {"name": "regnety_002"},
]


def make_encoder(**options):
    """Makes an encoder whose batch norm statistics are not those of a new one."""
    torch.manual_seed(0)
    encoder = build_encoder(EncoderConfig(**options))
    with torch.no_grad():
        encoder(torch.rand(4, 3, 32, 32))
    return encoder.eval()


@pytest.fixture
def artefact(tmp_path):
    folder = tmp_path / "runs" / "one" / "encoder"
    save_encoder(folder, make_encoder(name="dasr"), card="# A card\n", metadata={"space": "blur"})
    return folder


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())))
def test_a_loaded_encoder_gives_the_same_output(tmp_path, options):
    encoder = make_encoder(**options)
    save_encoder(tmp_path / "encoder", encoder, card="card", metadata={})
    loaded = load_encoder(str(tmp_path / "encoder"))
    assert not any(module.training for module in loaded.modules())
    assert (loaded.config, loaded.dim) == (encoder.config, encoder.dim)
    assert (loaded.channels, loaded.strides) == (encoder.channels, encoder.strides)
    images = torch.rand(2, 3, 33, 41)
    with torch.no_grad():
        expected, found = encoder(images), loaded(images)
    assert torch.equal(found.vector, expected.vector)
    assert all(torch.equal(a, b) for a, b in zip(found.maps, expected.maps, strict=True))


def test_an_artefact_is_a_hub_folder(artefact):
    assert sorted(os.listdir(artefact)) == ["README.md", "config.json", "model.safetensors"]
    config = json.loads((artefact / "config.json").read_text())
    assert (config["format"], config["format_version"]) == ("unblind-encoder", 1)
    assert (config["dim"], config["channels"], config["strides"]) == (256, [64, 128, 256], [1, 2, 4])
    assert config["encoder"]["name"] == "dasr"
    header, card = (artefact / "README.md").read_text().split("---\n")[1:]
    assert "library_name: unblind" in header
    assert card == "\n# A card\n"


def test_metadata_is_plain_json(tmp_path):
    metadata = {"scores": {"knn": 0.5, "loss": float("nan")}, "sizes": (64, 48)}
    encoder = make_encoder(name="dasr")
    save_encoder(tmp_path, encoder, card="", metadata=metadata)
    assert EncoderArtefact.open(tmp_path).metadata == {"scores": {"knn": 0.5, "loss": None}, "sizes": [64, 48]}
    with pytest.raises(ValueError, match="plain JSON"):
        save_encoder(tmp_path / "other", encoder, card="", metadata={"tensor": torch.zeros(1)})
    assert not (tmp_path / "other").exists()


def test_a_run_folder_and_a_link_to_it_are_followed(artefact, tmp_path):
    (tmp_path / "latest").symlink_to(artefact.parent)
    images = torch.rand(1, 3, 20, 20)
    vectors = [load_encoder(path)(images).vector for path in (artefact, artefact.parent, tmp_path / "latest")]
    assert torch.equal(vectors[0], vectors[1])
    assert torch.equal(vectors[0], vectors[2])


def test_loading_downloads_nothing_and_draws_nothing(tmp_path):
    encoder = make_encoder(name="resnet18")
    encoder.config.pretrained = True  # as if it had started from timm's weights
    save_encoder(tmp_path, encoder, card="", metadata={})
    state = torch.random.get_rng_state()
    assert load_encoder(tmp_path).config.pretrained
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_saved_normalisation_is_loaded(tmp_path):
    encoder = make_encoder(name="resnet18")
    encoder.front_end.mean.fill_(0.25)
    save_encoder(tmp_path, encoder, card="", metadata={})
    assert (load_encoder(tmp_path).front_end.mean == 0.25).all()


def test_the_digest_depends_on_weights_and_architecture_alone(artefact, tmp_path):
    digest = EncoderArtefact.open(artefact).digest
    assert EncoderArtefact.open(artefact.parent).digest == digest
    encoder = make_encoder(name="dasr")
    save_encoder(tmp_path / "same", encoder, card="another card", metadata={"space": "noise"})
    assert EncoderArtefact.open(tmp_path / "same").digest == digest
    save_encoder(tmp_path / "again", load_encoder(artefact), card="", metadata={})
    assert EncoderArtefact.open(tmp_path / "again").digest == digest
    encoder.backbone.stages[0][0].bias.data[0] += 1
    save_encoder(tmp_path / "changed", encoder, card="", metadata={})
    assert EncoderArtefact.open(tmp_path / "changed").digest != digest
    save_encoder(tmp_path / "strides", make_encoder(name="dasr", downsample=False), card="", metadata={})
    assert EncoderArtefact.open(tmp_path / "strides").digest != digest


def test_saving_again_replaces_the_encoder_and_keeps_other_files(artefact):
    (artefact / "plot.png").write_bytes(b"plot")
    save_encoder(artefact, make_encoder(name="regnety_002"), card="", metadata={})
    assert load_encoder(artefact).config.name == "regnety_002"
    assert (artefact / "plot.png").read_bytes() == b"plot"
    assert len(os.listdir(artefact)) == 4


@pytest.mark.parametrize("kill_before", ["model.safetensors", "README.md", "config.json"])
def test_a_killed_save_leaves_nothing_that_loads_wrongly(artefact, monkeypatch, kill_before, tmp_path):
    replace = os.replace

    class Kill(BaseException):
        pass

    def replace_or_die(self, target):
        if target.name == kill_before:
            raise Kill
        return replace(self, target)

    monkeypatch.setattr("pathlib.Path.replace", replace_or_die)
    vector = load_encoder(artefact)(torch.ones(1, 3, 16, 16)).vector
    other = make_encoder(name="dasr", input="bands")
    for folder in (tmp_path / "new", artefact):
        with pytest.raises(Kill):
            save_encoder(folder, other, card="", metadata={})
    with pytest.raises(FileNotFoundError, match="is missing"):
        load_encoder(tmp_path / "new")
    if kill_before == "model.safetensors":
        assert torch.equal(load_encoder(artefact)(torch.ones(1, 3, 16, 16)).vector, vector)
    else:
        with pytest.raises(ValueError, match="damaged or partly saved"):
            load_encoder(artefact)


def test_a_full_disk_leaves_no_partial_file(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        save_encoder(tmp_path, make_encoder(name="dasr"), card="", metadata={})
    assert not os.listdir(tmp_path)


def test_missing_and_unfinished_artefacts_are_refused(artefact, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        load_encoder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"holds no encoder, model\.safetensors is missing"):
        load_encoder(tmp_path)
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(FileNotFoundError, match="is an unfinished run"):
        load_encoder(tmp_path)
    with pytest.raises(ValueError, match="is a file: give the folder"):
        load_encoder(artefact / "model.safetensors")
    (artefact / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"config\.json is missing"):
        load_encoder(artefact.parent)


@pytest.mark.parametrize("keep", [0, 5, 1000, -1])
def test_truncated_weights_are_refused(artefact, keep):
    weights = artefact / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"model\.safetensors is corrupt"):
        load_encoder(artefact)


def test_a_flipped_bit_in_the_weights_is_refused(artefact):
    weights = artefact / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ValueError, match="damaged or partly saved"):
        load_encoder(artefact)


@pytest.mark.parametrize("text", ["", "{", '{"format": "unblind', "\x00\x01", "[1, 2]", '{"model": "bert"}'])
def test_a_corrupt_or_foreign_config_is_refused(artefact, text):
    (artefact / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config\.json (is corrupt|does not describe an unblind encoder)"):
        load_encoder(artefact)


def test_a_config_that_is_not_text_is_refused(artefact):
    (artefact / "config.json").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ValueError, match=r"config\.json is corrupt"):
        load_encoder(artefact)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, "has format version 2, but this unblind reads only version 1"),
        ({"encoder": None}, "'encoder' is missing"),
        ({"metadata": []}, "'metadata' is missing"),
        ({"weights_sha256": None}, "'weights_sha256' is missing"),
        ({"encoder": {"name": "dasr"}}, '"encoder" must contain name'),
        ({"encoder": {"name": "dasr", "code": "import os"}}, '"encoder" must contain name'),
    ],
)
def test_a_config_with_missing_or_wrong_entries_is_refused(artefact, changes, message):
    edit_config(artefact, **changes)
    with pytest.raises(ValueError, match=message):
        load_encoder(artefact)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output_stride": "32"}, "output_stride .int."),
        ({"name": "resnet18"}, "does not fit the encoder resnet18"),
        ({"input": "bands"}, r"stages\.0\.0\.weight is \(64, 3, 3, 3\) in the file and \(64, 5, 3, 3\)"),
        ({"name": "resnet1800"}, "unknown encoder 'resnet1800'"),
    ],
)
def test_an_architecture_that_does_not_fit_the_weights_is_refused(artefact, changes, message):
    encoder = json.loads((artefact / "config.json").read_text())["encoder"]
    edit_config(artefact, encoder=encoder | changes)
    with pytest.raises(ValueError, match=message):
        load_encoder(artefact)


def test_weights_of_another_network_are_refused(artefact):
    safetensors.torch.save_file({"weight": torch.zeros(1)}, artefact / "model.safetensors")
    with pytest.raises(ValueError, match=r"model\.safetensors is corrupt: it does not match its config\.json"):
        load_encoder(artefact)


def rewrite_weights(artefact, change) -> None:
    """Changes the weights, and the hash in the configuration, as someone who writes artefacts could."""
    path = artefact / "model.safetensors"
    state = safetensors.torch.load_file(path)
    safetensors.torch.save_file({name: change(tensor) for name, tensor in state.items()}, path)
    edit_config(artefact, weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(artefact, value):
    rewrite_weights(artefact, lambda tensor: torch.full_like(tensor, value) if tensor.is_floating_point() else tensor)
    with pytest.raises(ValueError, match=r"model\.safetensors cannot be used: .* holds NaN or infinity"):
        load_encoder(artefact)


def test_weights_of_another_type_are_refused_and_of_half_precision_read(artefact):
    rewrite_weights(artefact, lambda tensor: tensor.half() if tensor.is_floating_point() else tensor)
    assert next(load_encoder(artefact).parameters()).dtype == torch.float32
    rewrite_weights(artefact, lambda tensor: tensor.to(torch.float8_e4m3fn) if tensor.is_floating_point() else tensor)
    with pytest.raises(ValueError, match=r"cannot be used: .* is torch.float8_e4m3fn, which is not supported"):
        load_encoder(artefact)
    rewrite_weights(artefact, lambda tensor: tensor.to(torch.int8))
    with pytest.raises(ValueError, match=r"is \(64, 3, 3, 3\) int8 in the file and \(64, 3, 3, 3\) in the network"):
        load_encoder(artefact)


@pytest.mark.parametrize("layers", [[["linear", 10**7, 10**7, True]], [["relu"]] * 10**6])
def test_a_projector_that_would_fill_the_memory_is_refused(artefact, layers):
    path = artefact / "projector.safetensors"
    safetensors.torch.save_file({"0.weight": torch.zeros(1)}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    edit_config(artefact, projector={"layers": layers, "weights_sha256": digest})
    with pytest.raises(ValueError, match="does not describe a projector"):
        EncoderArtefact.open(artefact).load_projector()
