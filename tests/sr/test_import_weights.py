"""The command that imports others' weights: what it refuses, in one sentence and with nothing written; and its use."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

import sr.evaluate
import sr.upscale
from sr.import_weights import main
from sr.model_artefact import load_model
from sr.upscaling.steering import load_trained_space
from tests.sr.imports.imported import import_weights, save
from tests.sr.imports.structures import DASR, RCAN, CdCL
from tests.sr.upscaling.upscale_files import save_image

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"features": 16, "width": 16, "groups": 1, "blocks": 1, "scale": 2}


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return DASR(**SMALL).state_dict()


def refuse(capsys, tmp_path: Path, *arguments: object) -> str:
    """Runs a command that must be refused; asserts that it has written nothing, and returns its sentence."""
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as refusal:
        main([str(argument) for argument in arguments])
    assert refusal.value.code == 2
    assert sorted(tmp_path.rglob("*")) == before
    error = capsys.readouterr().err
    assert error.startswith("import-weights: ")
    assert error.count("\n") == 1
    return error


def test_a_model_upscales_an_image(tmp_path, state, capsys):
    torch.save(state, tmp_path / "a.pt")
    out = import_weights("dasr", tmp_path / "a.pt", tmp_path / "new" / "out")
    photograph = save_image(tmp_path / "photo.png", 20, 30)
    arguments = [photograph, tmp_path / "large.png", out, "accelerator=cpu", "estimate=false"]
    assert sr.upscale.main([str(argument) for argument in arguments]) == 0
    assert "30x20 -> 60x40" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["out"]


def test_the_degradation_that_it_was_trained_on_may_be_told(tmp_path, state, capsys):
    torch.save(state, tmp_path / "a.pt")
    error = refuse(capsys, tmp_path, "dasr", tmp_path / "a.pt", tmp_path / "out", "degradation=dasr_iso")
    assert "degradation=dasr_iso down-samples by 4, but the checkpoint is of scale 2" in error
    refuse(capsys, tmp_path, "dasr", tmp_path / "a.pt", tmp_path / "out", "degradation=dasr_isso")
    out = import_weights("dasr", tmp_path / "a.pt", tmp_path / "out", "degradation=dasr_iso_x2")
    assert load_trained_space(out).scale == 2
    with pytest.raises(ValueError, match="import them with degradation=SPACE"):
        load_trained_space(import_weights("dasr", tmp_path / "a.pt", tmp_path / "other"))


def test_a_model_is_evaluated(tmp_path, state, capsys):
    torch.save(state, tmp_path / "a.pt")
    out = import_weights("dasr", tmp_path / "a.pt", tmp_path / "out")
    save_image(tmp_path / "data" / "Set5" / "a.png", 60, 80)
    options = ["protocol=bicubic", "scale=2", f"data.root={tmp_path / 'data'}", "datasets=[Set5]", "accelerator=cpu"]
    capsys.readouterr()
    assert sr.evaluate.main([str(out), *options, f"runs_dir={tmp_path / 'runs'}"]) == 0
    assert re.search(r"^out +\d", capsys.readouterr().out, re.MULTILINE)


def test_a_checkpoint_of_another_kind_is_recognised(tmp_path, capsys):
    save(RCAN(features=16, groups=1, blocks=1, scale=2), tmp_path / "a.pt")
    error = refuse(capsys, tmp_path, "edsr", tmp_path / "a.pt", tmp_path / "out")
    assert "not of the kind edsr: it lacks body.0.body.0.weight, body.0.body.2.weight; it looks like rcan (" in error


@pytest.mark.parametrize("program", [sr.upscale, sr.evaluate])
def test_a_file_in_place_of_a_folder_is_answered_with_the_command_that_imports_it(tmp_path, state, capsys, program):
    torch.save(state, tmp_path / "a.pt")
    save(CdCL(), tmp_path / "encoder.pt")
    torch.save({"layer.weight": torch.zeros(1)}, tmp_path / "other.pth")
    (tmp_path / "text.pt").write_text("no weights")
    out = import_weights("dasr", tmp_path / "a.pt", tmp_path / "out")
    photograph = save_image(tmp_path / "photo.png", 20, 30)
    for path, message in (
        (
            tmp_path / "a.pt",
            f"encoder and network: import it by `python -m sr.import_weights dasr {tmp_path / 'a.pt'} OUT`",
        ),
        (
            tmp_path / "encoder.pt",
            f"cdcl {tmp_path / 'encoder.pt'} OUT`, and give `encoder=OUT` to sr-train: it is an encoder alone",
        ),
        (tmp_path / "other.pth", "is a file of weights of no kind that can be imported (layer.weight)"),
        (tmp_path / "text.pt", "is no checkpoint of torch, or is damaged; give the folder of a model"),
        (out / "model" / "model.safetensors", f"give its folder, {out / 'model'}"),
    ):
        words = [path, f"data.root={tmp_path}"]
        words = [photograph, tmp_path / "large.png", path] if program is sr.upscale else words
        with pytest.raises(SystemExit) as refusal:
            program.main([str(word) for word in words])
        assert refusal.value.code == 2
        assert message in capsys.readouterr().err


def test_safetensors_are_read_too(tmp_path, state):
    safetensors.torch.save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "a.pt")
    one, other = (
        load_model(import_weights("dasr", tmp_path / name, tmp_path / f"out{name}")).state_dict()
        for name in ("a.safetensors", "a.pt")
    )
    assert all(torch.equal(one[name], other[name]) for name in other)


def test_files_of_old_versions_of_torch_are_read_too(tmp_path, state):
    halves = {name: torch.nn.Parameter(value.half()) for name, value in state.items() if value.is_floating_point()}
    torch.save(state | halves, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    model = load_model(import_weights("dasr", tmp_path / "a.pt", tmp_path / "out"))
    found, expected = model.network.body.parts[1].weight, state["G.body.1.weight"]
    assert torch.equal(found, expected.half().float())


@pytest.mark.parametrize("is_new", [True, False])
def test_a_whole_module_is_not_unpickled(tmp_path, capsys, is_new):
    torch.save(DASR(**SMALL), tmp_path / "a.pt", _use_new_zipfile_serialization=is_new)
    error = refuse(capsys, tmp_path, "dasr", tmp_path / "a.pt", tmp_path / "out")
    assert "holds more than weights (tests.sr.imports.structures.DASR)" in error
    assert "torch.save(model.state_dict(), FILE)" in error


@pytest.mark.parametrize("under", ["params", "state_dict", "params_ema"])
def test_weights_are_found_under_the_usual_keys(tmp_path, under):
    save(DASR(**SMALL), tmp_path / "a.pt", under=under)
    assert load_model(import_weights("dasr", tmp_path / "a.pt", tmp_path / "out")).scale == 2


def test_the_key_chooses_among_several(tmp_path, state, capsys):
    torch.save({"params": {"a": torch.zeros(1)}, "mine": state, "epoch": 3}, tmp_path / "a.pt")
    assert "it lacks G.head.0.weight" in refuse(capsys, tmp_path, "dasr", tmp_path / "a.pt", tmp_path / "out")
    import_weights("dasr", tmp_path / "a.pt", tmp_path / "out", "key=mine")
    error = refuse(capsys, tmp_path, "dasr", tmp_path / "a.pt", tmp_path / "o", "key=epoch")
    assert "key=epoch: " in error
    assert "holds no weights under it (its keys: params, mine, epoch)" in error


def test_nothing_in_a_file_is_executed(tmp_path, state, capsys):
    torch.save(state | {"bomb": Bomb(tmp_path / "executed")}, tmp_path / "a.pt")
    error = refuse(capsys, tmp_path, "dasr", tmp_path / "a.pt", tmp_path / "out")
    assert "a.pt holds more than weights (posix.mkdir), which would have to be executed, and was not" in error


def test_a_file_that_exists_is_never_overwritten(tmp_path, state, capsys):
    torch.save(state, tmp_path / "a.pt")
    (tmp_path / "out").mkdir()
    error = refuse(capsys, tmp_path, "dasr", tmp_path / "a.pt", tmp_path / "out")
    assert f"OUT={tmp_path / 'out'} exists already: give another folder" in error


def without(state, *names):
    return {name: value for name, value in state.items() if name not in names}


SHAPE = r"G.body.0.body.0.conv1.weight is (16, 8, 3, 3), but its other weights call for (16, 16, 3, 3)"
CHANGES = {
    "missing": (
        lambda state: without(state, "G.body.0.body.0.conv2.bias", "G.body.1.weight"),
        "it lacks G.body.0.body.0.conv2.bias, G.body.1.weight",
    ),
    "unknown": (lambda state: state | {"G.extra.weight": torch.zeros(1)}, "has G.extra.weight, which is not known"),
    "shape": (lambda state: state | {"G.body.0.body.0.conv1.weight": torch.zeros(16, 8, 3, 3)}, SHAPE),
    "kind": (
        lambda _: {"head.0.weight": torch.zeros(1)},
        "not of the kind dasr: it lacks G.head.0.weight, G.compress.0.weight, E.encoder_q.E.0.weight; it looks like no "
        "kind that is known (head.0.weight)",
    ),
    "scale 8": (
        lambda state: state | {f"G.tail.0.{i}.weight": torch.zeros(64, 16, 3, 3) for i in (2, 4)},
        "is of scale 8 (G.tail.0): there are scales 2, 3 and 4 here",
    ),
    "scale 5": (
        lambda state: state | {"G.tail.0.0.weight": torch.zeros(400, 16, 3, 3)},
        "G.tail.0.0 makes 400 channels of 16, but x2 needs 4 times, x3 9",
    ),
    "nan": (
        lambda state: state | {"G.head.0.bias": torch.full((16,), torch.nan)},
        "G.head.0.bias holds NaN or infinity",
    ),
    "number": (lambda state: state | {"epoch": 3}, "epoch is int, not a weight"),
    "colours": (
        lambda state: state | {"G.sub_mean.weight": torch.zeros(3, 3, 1, 1)},
        "G.sub_mean.weight has no inverse",
    ),
    "gray": (lambda state: state | {"G.sub_mean.bias": torch.zeros(1)}, "only networks of RGB images"),
    "size": (
        lambda state: state | {"G.head.0.weight": torch.zeros(4096, 3, 3, 3)},
        "describe a network of more than 16,777,216 weights",
    ),
    "empty": (lambda state: state | {"G.compress.0.weight": torch.zeros(0, 256)}, "dimensions of at least 1"),
    "list": (lambda state: list(state.values()), "holds list, not weights by name"),
    "no weights": (lambda _: {"epoch": 3, "args": {}}, "holds no weights (its keys: epoch, args)"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_does_not_fit_is_named(tmp_path, state, capsys, change):
    edit, message = CHANGES[change]
    torch.save(edit(dict(state)), tmp_path / "a.pt")
    assert message in refuse(capsys, tmp_path, "dasr", tmp_path / "a.pt", tmp_path / "out")


@pytest.mark.parametrize(
    "content", [b"", b"no checkpoint", b"PK\x03\x04 cut", bytes(range(256)) * 9, b"\x80\x02}q\x00."]
)
@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
def test_files_of_other_kinds_are_refused(tmp_path, capsys, content, name):
    (tmp_path / name).write_bytes(content)
    error = refuse(capsys, tmp_path, "dasr", tmp_path / name, tmp_path / "out")
    assert str(tmp_path / name) in error


def test_a_damaged_file_is_refused(tmp_path, state, capsys):
    torch.save(state, tmp_path / "a.pt")
    data = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes(data[: len(data) // 2])
    assert "is no checkpoint of torch" in refuse(capsys, tmp_path, "dasr", tmp_path / "a.pt", tmp_path / "out")


def test_command_lines_that_mean_nothing_are_refused(tmp_path, capsys):
    here = tmp_path / "none.pt"
    for arguments, message in (
        ([], "expected KIND, CHECKPOINT and OUT, got 0 (none)"),
        (["dasr", here], "got 2"),
        (["rcna", here, tmp_path / "out"], "unknown kind 'rcna'; did you mean rcan?"),
        (["dasr", here, tmp_path / "out"], "none.pt does not exist"),
        (["dasr", tmp_path, tmp_path / "out"], "is a folder: give the file of a checkpoint"),
        (["dasr", here, tmp_path / "out", "kye=a"], "unknown option 'kye'; did you mean key?"),
    ):
        assert message in refuse(capsys, tmp_path, *arguments)


def test_help_lists_the_kinds_and_options():
    command = [sys.executable, "-m", "sr.import_weights", "--help"]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "  dasr          DASR, encoder and network\n" in process.stdout
    assert "    key: Key of the file under which the weights are" in process.stdout
