"""Mutated files given to the commands: done, or one sentence on stderr, exit status 2 and nothing written.

UNBLIND_CASES=1000 tries 250 of each kind.
"""

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import pretrain.train
import sr.evaluate
import sr.train
import sr.upscale
from shared.degradations import list_spaces
from tests.attack.programs import make_programs
from tests.mutations import CASES, damaged_bytes, many_mutations, mutated_trees, time_limit, write_yaml
from tests.test_mutated_input import PROTOCOL, SPACES, recipe_trees

LIMIT = 60  # seconds for one command
many = many_mutations(max(CASES // 4, 8))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images, a benchmark, photographs, an encoder, a model, and the options `source` for the images."""
    folder = tmp_path_factory.mktemp("commands")
    make_programs(folder, side=240)
    return folder


def run_or_refuse(main: Callable[[list[str]], int], arguments: list[str], named: str = "") -> bool:
    """Runs a command; asserts that it is done, or refused with status 2 and one sentence.

    Args:
        main: Function that runs the command line.
        arguments: Its arguments.
        named: Text that the sentence must contain, such as the name of the file.

    Returns:
        Whether the command was done.
    """
    stderr = io.StringIO()
    with time_limit(LIMIT), contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(io.StringIO()):
        try:
            status = main(arguments)
        except SystemExit as refusal:
            status = refusal.code
    assert status in (0, 2), status
    if status == 2:
        assert named in stderr.getvalue().splitlines()[-1]
        assert "Traceback" not in stderr.getvalue()
    return status == 0


def read_files(folder: Path) -> dict[Path, bytes]:
    """Reads the files of a folder but those of locks, whose names begin with a dot."""
    return {path: path.read_bytes() for path in folder.rglob("[!.]*") if path.is_file()}


def train(scratch: Path, *arguments: str) -> list[str]:
    cache = f"data.cache_dir={scratch / 'cache'}"
    return [*arguments, "data=folder", f"data.root={scratch / 'images'}", cache, f"runs_dir={scratch / 'runs'}"]


@pytest.mark.parametrize("stage", [pretrain.train, sr.train], ids=["pretrain", "sr"])
@many
@given(data=st.data())
def test_recipes(scratch, stage, data):
    path = scratch / "recipe.yaml"
    write_yaml(path, data.draw(mutated_trees(data.draw(recipe_trees(stage.RECIPES)))))
    options = ["batch_size=2", "dry_run=true"]
    run_or_refuse(stage.main, train(scratch, f"--config-name={path}", *options))
    assert not (scratch / "runs").exists()


@many
@given(data=st.data())
def test_spaces(scratch, data):
    name = data.draw(st.sampled_from([name for name in list_spaces() if not name.startswith("grid_")]))
    path = scratch / "space.yaml"
    write_yaml(path, data.draw(mutated_trees(yaml.safe_load((SPACES / f"{name}.yaml").read_text()))))
    options = ["encoder=dasr", f"degradation={path}", "views=2x16", "batch_size=2", "dry_run=true"]
    run_or_refuse(pretrain.train.main, train(scratch, *options))
    assert not (scratch / "runs").exists()


@many
@given(tree=mutated_trees(PROTOCOL))
def test_protocols(scratch, tree):
    path = scratch / "protocol.yaml"
    write_yaml(path, tree)
    out = scratch / "evaluations"
    shutil.rmtree(out, ignore_errors=True)
    benchmark = [f"data.root={scratch / 'benchmark'}", "scale=2", "repeats=10", f"runs_dir={out}"]
    if not run_or_refuse(sr.evaluate.main, [f"{scratch / 'model'}", f"protocol={path}", *benchmark], "protocol"):
        assert not read_files(out)


def mutate_artefact(original: Path, copy: Path, data: st.DataObject) -> None:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(original, copy)
    path = data.draw(st.sampled_from(sorted(path for path in copy.iterdir() if path.suffix != ".md")))
    if path.name == "config.json" and data.draw(st.booleans()):
        path.write_text(json.dumps(data.draw(mutated_trees(json.loads(path.read_text())))))
    else:
        path.write_bytes(data.draw(damaged_bytes(path.read_bytes())))


@many
@given(data=st.data())
def test_encoders(scratch, data):
    mutate_artefact(scratch / "encoder", scratch / "mutated", data)
    options = ["conditioning=frozen", f"encoder={scratch / 'mutated'}", "network=edsr_small", "network.blocks=1"]
    options += ["patch=16", "validation_size=64", "batch_size=2", "dry_run=true"]
    run_or_refuse(sr.train.main, train(scratch, *options), str(scratch / "mutated"))
    assert not (scratch / "runs").exists()


@many
@given(data=st.data())
def test_models(scratch, data):
    mutate_artefact(scratch / "model", scratch / "mutated", data)
    out = scratch / "upscaled"
    shutil.rmtree(out, ignore_errors=True)
    options = [f"{scratch / 'photographs'}", f"{out}", f"{scratch / 'mutated'}", "estimate=false"]
    if not run_or_refuse(sr.upscale.main, options, str(scratch / "mutated")):
        assert not read_files(out)


@pytest.fixture(scope="module")
def interrupted_run(scratch: Path) -> tuple[Path, list[str]]:
    """A run that was stopped after its last checkpoint, and the arguments of its command."""
    arguments = ["encoder=dasr", "encoder.input=bands", "method=simclr", "views=2x16", "batch_size=2", "steps=3"]
    arguments = [*arguments, "name=it", "precision=fp32", "data=folder", f"data.root={scratch / 'images'}"]
    arguments += [f"data.cache_dir={scratch / 'cache'}", f"runs_dir={scratch / 'interrupted'}"]
    assert run_or_refuse(pretrain.train.main, arguments)
    folder = scratch / "interrupted" / "pretrain" / "it"
    (folder / "metrics.json").unlink()
    return folder, arguments


@many
@given(data=st.data())
def test_checkpoints(scratch, interrupted_run, data):
    original, arguments = interrupted_run
    runs = scratch / "resumed"
    shutil.rmtree(runs, ignore_errors=True)
    shutil.copytree(original, runs / "pretrain" / "it")
    checkpoint = runs / "pretrain" / "it" / "last.ckpt"
    checkpoint.write_bytes(data.draw(damaged_bytes(checkpoint.read_bytes())))
    before = read_files(runs)
    if not run_or_refuse(pretrain.train.main, [*arguments[:-1], f"runs_dir={runs}"], str(checkpoint)):
        assert read_files(runs) == before
