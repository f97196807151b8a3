"""The command that answers a question: arms, seeds and budget; what is shared, resumed, refused and missing."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from analysis.comparison import run as study_run
from analysis.comparison.execution import PlannedRun, Training, train
from analysis.config import AnalysisConfig
from analysis.study import main

STUDY = """# A tiny study.
question: Do old keys in a queue hurt?
recipe: moco_resnet50
common: encoder=dasr encoder.input=bands views=2x24 batch_size=4 accelerator=cpu data.dead_leaves=2
budget: {steps: 2}
seeds: [0]
arms:
  in_batch: method.queue_size=0
  queue: method.queue_size=64 probe_every=1
reference: in_batch
measures: [knn_accuracy, nmi, r2/log_sigma]
controls: [untrained]
varies: [method.queue_size, negative_degradations]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "tiny.yaml").write_text(STUDY)
    return folder


def call(place: Path, *options: str) -> int:
    return main([str(place / "tiny.yaml"), f"runs_dir={place / 'runs'}", *options])


def test_a_study_is_trained_once_and_answered(place, capsys, monkeypatch):
    small = partial(AnalysisConfig, size=100, patch=24, map="pca", repeats=10)
    monkeypatch.setattr("analysis.config.AnalysisConfig", small)
    assert call(place, "jobs=2") == 0
    printed = capsys.readouterr().out
    folder = place / "runs" / "studies" / "tiny"
    assert "2 of 2 runs are to be trained, 2 at once" in printed
    answer = (folder / "answer.md").read_text()
    assert answer in printed
    assert "One seed: not an answer." in answer
    assert "| `queue` | 2 | 8 | 16 | 9,216 | 32 |" in answer
    with (folder / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["arm"] for row in rows} == {"in_batch", "queue", "untrained"}
    trained = place / "runs" / "pretrain" / "tiny-queue-s0" / "metrics.json"
    (value,) = (row["value"] for row in rows if (row["arm"], row["measure"]) == ("queue", "nmi"))
    assert float(value) == pytest.approx(json.loads(trained.read_text())["scores"]["trained"]["nmi"], abs=1e-5)
    assert (folder / "curves.png").is_file()
    assert "Bokeh" in (folder / "page.html").read_text()

    monkeypatch.setattr(study_run, "train", lambda *_, **__: pytest.fail("a finished run was trained again"))
    # a second study finds the run of the first by its options, under whatever name
    (place / "other.yaml").write_text(STUDY.replace("in_batch", "none").replace("Do old", "Really, do old"))
    assert main([str(place / "other.yaml"), f"runs_dir={place / 'runs'}", "page=false"]) == 0
    assert "Really, do old keys" in capsys.readouterr().out

    # runs and records of other images do not answer it
    assert call(place, f"images={place}", "train=false") == 0
    assert "Missing: in_batch (seed 0); queue (seed 0)." in capsys.readouterr().out

    # and its records answer it where the runs are not
    shipped = folder / "records.json"
    assert study_run.run(load(place, runs_dir=str(place / "elsewhere")), shipped) == 0
    assert answer in capsys.readouterr().out
    assert not (place / "elsewhere" / "pretrain").exists()


def test_what_is_missing_is_said_and_not_trained(place, capsys):
    assert call(place, "seeds=[7,8]", "name=empty", "train=false") == 0
    assert "Missing: in_batch (seed 7, seed 8); queue (seed 7, seed 8)." in capsys.readouterr().out
    assert not (place / "runs" / "pretrain" / "empty-queue-s7").exists()


def load(place: Path, **options: object):
    from analysis.comparison.definition import StudyConfig
    from analysis.study import STUDIES
    from shared.command import load_config

    given = [f"{key}={value}" for key, value in options.items()]
    _, study = load_config(StudyConfig, STUDIES, [f"--config-name={place / 'tiny.yaml'}", *given])
    study.name = study.name or "tiny"
    return study


@pytest.mark.exhaustive
def test_a_dry_run_tells_the_cost_and_trains_nothing(place, capsys):
    assert call(place, "dry_run=true", "seeds=[5]", "only=[queue]") == 0
    printed = capsys.readouterr().out
    assert "2 runs, 1 to be trained, 1 at once" in printed
    assert "1 x 2 steps, about 0 min each" in printed
    assert "MB of checkpoints" in printed
    assert not (place / "runs" / "pretrain" / "tiny-queue-s5").exists()


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("seeds: [0]", "seed: [0]", "unknown option 'seed'; did you mean seeds?"),
        ("method.queue_size=64", "method.queue_sise=64", "arm queue: pretrain: unknown option 'method.queue_sise'"),
        ("queue_size=64", "queue_size=64 optimizer.lr=0.5", "queue differs from in_batch in optimizer.lr (0.5, 0.002)"),
    ],
)
def test_mistakes_are_refused_before_anything_starts(tmp_path, capsys, old, new, match):
    (tmp_path / "tiny.yaml").write_text(STUDY.replace(old, new))
    with pytest.raises(SystemExit) as end:
        call(tmp_path)
    assert end.value.code == 2
    assert match in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_no_study_and_an_unknown_one_are_refused(capsys):
    for arguments, match in (([], "give one study, such as"), (["stage_one_method"], "did you mean stage_one_methods")):
        with pytest.raises(SystemExit):
            main(arguments)
        assert match in capsys.readouterr().err


def plan(place: Path, steps: int, seed: int) -> PlannedRun:
    folder = place / "runs" / "pretrain" / f"killed-{seed}"
    options = "encoder=dasr encoder.input=bands views=2x24 batch_size=4 accelerator=cpu data.dead_leaves=2"
    arguments = ["--config-name=quick", *options.split(), f"steps={steps}", f"seed={seed}", "checkpoint_every=1"]
    return PlannedRun(
        "killed", seed, folder, "pretrain.train", [*arguments, "name=" + folder.name, f"runs_dir={place / 'runs'}"]
    )


def wait_for(path: Path) -> None:
    for _ in range(1200):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} was not written")


def test_a_job_whose_time_is_over_is_queued_again_and_goes_on(tmp_path):
    import submitit

    run = plan(tmp_path, steps=30, seed=0)
    executor = submitit.LocalExecutor(tmp_path / "jobs")
    executor.update_parameters(timeout_min=10)
    job = executor.submit(Training(run))
    wait_for(run.folder / "last.ckpt")
    (task,) = subprocess.check_output(["pgrep", "-P", job.job_id], text=True).split()
    os.kill(int(task), signal.SIGUSR2)  # the signal of a cluster before it ends a job
    while not job.done():
        time.sleep(0.1)
    assert run.is_finished
    log = "".join(path.read_text() for path in (tmp_path / "jobs").glob("*.out"))
    assert "continuing from step" in log


@pytest.mark.exhaustive
def test_ctrl_c_ends_the_runs_and_the_same_command_goes_on(tmp_path):
    (tmp_path / "tiny.yaml").write_text(STUDY.replace("steps: 2", "patches: 400").replace("probe_every=1", ""))
    command = [sys.executable, "-m", "analysis.study", str(tmp_path / "tiny.yaml"), f"runs_dir={tmp_path / 'runs'}"]
    options = ["further=checkpoint_every=1", "page=false"]
    study = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True, start_new_session=True)
    checkpoint = tmp_path / "runs" / "pretrain" / "tiny-in_batch-s0" / "last.ckpt"
    wait_for(checkpoint)
    os.killpg(study.pid, signal.SIGINT)
    _, error = study.communicate(timeout=60)
    assert study.returncode == 130
    assert "stopped; the same command goes on" in error
    assert not (checkpoint.parent / "metrics.json").exists()
    run = PlannedRun("in_batch", 0, checkpoint.parent, "", [])
    for _ in range(100):
        if not run.is_in_use:
            break
        time.sleep(0.1)
    assert not run.is_in_use


def test_a_run_that_fails_is_told_with_its_last_line(tmp_path):
    run = plan(tmp_path, steps=2, seed=1)
    run.arguments.append("method=simclrr")
    lines: list[str] = []
    (failed,) = train([run], tmp_path / "jobs", jobs=1, report=lines.append)
    assert failed.startswith("killed, seed 1 failed: pretrain: unknown method 'simclrr'; did you mean simclr?")
    assert lines == ["started killed, seed 1", failed]
