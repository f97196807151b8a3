"""Mutated recipes, spaces, protocols, probes, artefacts, images and checkpoints: read, or refused in one sentence.

UNBLIND_CASES=1000 tries as many of each kind.
"""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pretrain.config
import sr.training.config
from analysis.embedding.probe_spaces import PROBES, load_probe_space
from pretrain.config import PretrainConfig
from pretrain.train import RECIPES as PRETRAIN_RECIPES
from shared.artefacts import EncoderArtefact, save_encoder
from shared.command import load_config
from shared.degradations import degrade, list_spaces, load_space
from shared.degradations.space import Space
from shared.encoders import EncoderConfig, build_encoder
from shared.images import read_deep_image, read_image, read_metadata
from shared.images.header import FORMATS
from shared.readings import Samples
from shared.training.checkpointing import check_readable
from sr.evaluation.protocols import load_protocol
from sr.model import build_model
from sr.model_artefact import load_model, save_model
from sr.train import RECIPES as SR_RECIPES
from sr.training.config import SRConfig
from tests.mutations import CASES, damaged_bytes, many_mutations, mutated_trees, time_limit, write_yaml
from tests.shared.readings.synthetic_samples import draw_synthetic
from tests.sr.small_models import small_config

MAX_PIXELS = 10**6
LIMIT = 30  # seconds for one case
MAX_SENTENCE = 4000  # characters; a valid option may be quoted whole
SPACES = Path(__file__).parents[1] / "shared" / "degradations" / "spaces"

many = many_mutations(CASES)


def read_or_refuse(read: Callable[[], object], named: str = "") -> None:
    """Asserts that input is soon read, or refused in a sentence of ours.

    Args:
        read: Function that reads the input.
        named: Text that the sentence must contain, such as the name of the file.
    """
    try:
        with time_limit(LIMIT):
            read()
    except (ValueError, OSError) as error:
        assert not isinstance(error, UnicodeError | json.JSONDecodeError), error  # noqa: PT017
        sentence = str(error)
        assert 10 < len(sentence) < MAX_SENTENCE, sentence
        assert named in sentence, sentence


def recipe_trees(folder: Path) -> st.SearchStrategy:
    return st.sampled_from([yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))])


@pytest.mark.parametrize("stage", ["pretrain", "sr"])
@many
@given(data=st.data())
def test_recipes(tmp_path_factory, stage, data):
    folder = PRETRAIN_RECIPES if stage == "pretrain" else SR_RECIPES
    path = tmp_path_factory.getbasetemp() / "recipe.yaml"
    write_yaml(path, data.draw(mutated_trees(data.draw(recipe_trees(folder)))))

    def read() -> None:
        module, schema = (pretrain.config, PretrainConfig) if stage == "pretrain" else (sr.training.config, SRConfig)
        aliases = {} if stage == "pretrain" else module.ALIASES
        _, config = load_config(
            schema,
            folder,
            [f"--config-name={path}"],
            groups=module.GROUPS,
            shorthands=module.SHORTHANDS,
            aliases=aliases,
        )
        config.check()
        if config.degradation:
            load_space(config.degradation)

    read_or_refuse(read)


def exercise(space: Space) -> None:
    """Draws from a space and degrades a small image, unless a patch would need a large margin."""
    margin = space.margin()
    degradation = space.draw(4, torch.Generator().manual_seed(0))
    if margin <= 64:
        side = 16 * space.scale + 2 * margin
        degraded = degrade(torch.rand(4, 1, 3, side, side), degradation, margin=margin)
        assert degraded.shape == (4, 1, 3, 16, 16)
        assert torch.isfinite(degraded).all()


@many
@given(data=st.data())
def test_spaces(tmp_path_factory, data):
    name = data.draw(st.sampled_from([name for name in list_spaces() if not name.startswith("grid_")]))
    path = tmp_path_factory.getbasetemp() / "space.yaml"
    write_yaml(path, data.draw(mutated_trees(yaml.safe_load((SPACES / f"{name}.yaml").read_text()))))
    read_or_refuse(lambda: exercise(load_space(str(path))), "space")


@many
@given(data=st.data())
def test_damaged_text_of_a_space(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "text.yaml"
    path.write_bytes(data.draw(damaged_bytes((SPACES / "shuffled.yaml").read_bytes())))
    read_or_refuse(lambda: load_space(str(path)), "text")


PROTOCOL = {
    "scale": 2,
    "rows": [
        {"name": f"iso {width}", "steps": [{"gaussian": {"sigma": width}}, {"bicubic": {"relative_size": "1/2"}}]}
        for width in (0.6, 1.2)
    ],
}


@many
@given(tree=mutated_trees(PROTOCOL))
def test_protocols(tmp_path_factory, tree):
    path = tmp_path_factory.getbasetemp() / "protocol.yaml"
    write_yaml(path, tree)
    read_or_refuse(lambda: load_protocol(str(path), 2).digest(), "protocol")


@many
@given(data=st.data())
def test_probes(tmp_path_factory, data):
    probe = data.draw(st.sampled_from(sorted(PROBES.glob("*.yaml"))))
    path = tmp_path_factory.getbasetemp() / "probe.yaml"
    write_yaml(path, data.draw(mutated_trees(yaml.safe_load(probe.read_text()))))
    read_or_refuse(lambda: load_probe_space(str(path)).draw_listed(torch.Generator().manual_seed(0)), "probe")


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory) -> Path:
    """An encoder with a projector and a model."""
    root = tmp_path_factory.mktemp("artefacts")
    projector = torch.nn.Sequential(torch.nn.Linear(256, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU())
    save_encoder(
        root / "encoder", build_encoder(EncoderConfig("dasr")), card="", metadata={"a": 1}, projector=projector
    )
    save_model(root / "model", build_model(small_config(conditioning="joint")), card="", metadata={"a": 1})
    return root


def open_artefact(folder: Path) -> None:
    if folder.name == "model":
        load_model(folder)
    else:
        artefact = EncoderArtefact.open(folder)
        artefact.load()
        artefact.load_projector()


@pytest.mark.parametrize("kind", ["encoder", "model"])
@many
@given(data=st.data())
def test_artefacts(artefacts, tmp_path_factory, kind, data):
    folder = tmp_path_factory.getbasetemp() / f"mutated-{kind}" / kind
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(artefacts / kind, folder)
    name = data.draw(st.sampled_from(sorted(path.name for path in folder.iterdir() if path.suffix != ".md")))
    if name == "config.json" and data.draw(st.booleans()):
        tree = data.draw(mutated_trees(json.loads((folder / name).read_text())))
        (folder / name).write_text(json.dumps(tree))
    else:
        (folder / name).write_bytes(data.draw(damaged_bytes((folder / name).read_bytes())))
    read_or_refuse(lambda: open_artefact(folder), str(folder))


@many
@given(data=st.data())
def test_samples_of_readings(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "readings.npz"
    draw_synthetic(24, 0).save(path, "digest")
    path.write_bytes(data.draw(damaged_bytes(path.read_bytes())))
    read_or_refuse(lambda: Samples.load(path, "digest"), "readings.npz")


def encode_picture(form: str, side: int = 24) -> bytes:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    options = {} if form in ("PPM", "GIF", "BMP") else {"exif": exif}
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side + 8, 3), dtype=np.uint8)).save(
        stream, form, **options
    )
    return stream.getvalue()


@pytest.mark.parametrize("form", FORMATS)
@many
@given(data=st.data())
def test_images(tmp_path_factory, form, data):
    path = tmp_path_factory.getbasetemp() / "image"
    path.write_bytes(data.draw(damaged_bytes(encode_picture(form))))

    def read() -> None:
        read_metadata(path.read_bytes())
        image, deep = read_image(path, MAX_PIXELS), read_deep_image(path, MAX_PIXELS)
        assert image.shape[:2] == deep.shape[:2]
        assert image.shape[2] == 3

    read_or_refuse(read, str(path))


@many
@given(data=st.data())
def test_checkpoints(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "last.ckpt"
    content = {"global_step": 5, "state_dict": {"weight": torch.zeros(3)}, "optimizer_states": [], "loops": {}}
    if data.draw(st.booleans()):
        torch.save(data.draw(mutated_trees(content)), path)
    else:
        torch.save(content, path)
        path.write_bytes(data.draw(damaged_bytes(path.read_bytes())))
    read_or_refuse(lambda: check_readable(path), str(path))
