"""The command that draws probe scores over the budget."""

import csv
import json

import pytest
from torch.utils.tensorboard import SummaryWriter

from analysis.curves import main


def write_run(folder, name: str, seed: int, scores: dict[int, float], **options) -> str:
    """Writes what a pretraining run of 2 x 8 patches a step leaves while it trains."""
    path = folder / f"{name}-s{seed}"
    path.mkdir()
    config = {"name": path.name, "seed": seed, "batch_size": 8, "views": {"crops": "2x64"}, "method": {"name": name}}
    (path / "config.json").write_text(json.dumps(config | options))
    with SummaryWriter(str(path / "tensorboard")) as writer:
        for step, score in scores.items():
            writer.add_scalar("probe/knn_accuracy", score, step)
            writer.add_scalar("probe/nmi", score / 2, step)
    return str(path)


def test_runs_of_several_seeds_are_one_line_over_the_patches_that_they_have_seen(tmp_path, capsys):
    runs = [
        write_run(tmp_path, "simclr", 0, {10: 0.5, 20: 0.75, 30: 0.8}),
        write_run(tmp_path, "simclr", 1, {10: 0.25, 20: 0.25}),  # still training
        write_run(tmp_path, "moco", 0, {10: float("nan"), 20: 0.5}),
    ]
    assert main([*runs, f"runs_dir={tmp_path / 'runs'}", "name=a"]) == 0
    printed = capsys.readouterr().out
    rows = [line.split() for line in printed.splitlines()]
    assert ["simclr", "2", "320", "0.50", "0.25", "0.75"] in rows
    assert ["moco", "1", "320", "0.50", "0.50", "0.50"] in rows
    folder = tmp_path / "runs" / "analysis" / "a"
    assert f"picture: {folder}/curves.png" in printed
    assert (folder / "curves.png").stat().st_size > 10_000
    with (folder / "curves.csv").open() as file:
        lines = list(csv.reader(file))
    assert lines[:2] == [["arm", "seed", "patches", "knn_accuracy"], ["simclr", "0", "160", "0.5"]]
    assert len(lines) == 7
    for _ in range(2):  # the second time it is found
        assert main([*runs, f"runs_dir={tmp_path / 'runs'}", "score=nmi", "over=pixels"]) == 0
        assert f"{320 * 64**2:,}" in capsys.readouterr().out
    assert (tmp_path / "runs" / "analysis" / "curves-nmi" / "curves.svg").exists()


def test_what_cannot_be_drawn_is_refused_in_a_sentence(tmp_path, capsys):
    run = write_run(tmp_path, "simclr", 0, {10: 0.5})
    silent = write_run(tmp_path, "silent", 0, {})
    late = write_run(tmp_path, "simclr", 1, {11: 0.5})
    noisy = write_run(tmp_path, "noisy", 0, {10: 0.5}, degradation="blur_noise")
    sr = write_run(tmp_path, "sr", 0, {}, views={"crops": ""})
    for arguments, message in (
        ([], "no run is given"),
        ([str(tmp_path)], "is no pretraining run"),
        ([silent], "has no probe scores over its steps: train with probe_every=STEPS"),
        ([run, "score=kn"], "has logged knn_accuracy, nmi"),
        ([run, "over=hours"], "over=hours must be one of patches, pixels, steps"),
        ([run, noisy], "simclr-s0 and noisy-s0 differ in their degradation: None and blur_noise"),
        ([sr], "is no pretraining run"),
        ([run, late], "the runs simclr of seeds 0, 1 share no scored step"),
    ):
        with pytest.raises(SystemExit):
            main([*arguments, f"runs_dir={tmp_path / 'runs'}"])
        assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
