"""The share of the oracle's gain, over seeds and images."""

import json
import re

import numpy as np
import pytest

from sr.evaluation.shares import compute_share, format_shares, read_conditions
from sr.shares import main

IMAGES, DEGRADATIONS = 12, 2
OPTIONS = {"scale": 2, "network": {"name": "edsr_small"}, "steps": 500, "batch_size": 8, "patch": 48}
OPTIONS |= {"accumulation": 1, "optimizer": {"lr": 5e-4}, "ema": 0.0, "loss": {"name": "l1"}, "augmentation": {}}
OPTIONS |= {"inputs": {"space": "blurs", "training_images": "a", "held_out_images": "b"}}


def write_run(folder, name: str, seed: int, gain: float, conditioning: dict, **options) -> str:
    """Writes what a finished SR run leaves, with scores that are `gain` above those of a constant."""
    path = folder / f"{name}-s{seed}"
    path.mkdir()
    level = np.random.default_rng(seed).normal(30, 3, (DEGRADATIONS, IMAGES))
    gains = gain * np.random.default_rng(100 + seed).uniform(0.5, 1.5, (DEGRADATIONS, IMAGES))
    config = OPTIONS | {"name": path.name, "seed": seed, "runs_dir": "runs", "conditioning": conditioning} | options
    images = [f"{i}.png" for i in range(IMAGES)]
    metrics = {
        "scores": {"degradations": ["sharp", "blurred"]},
        "per_image": {"psnr_y": (level + gains).tolist(), "images": images},
        "train_seconds": 90,
    }
    (path / "config.json").write_text(json.dumps(config))
    (path / "metrics.json").write_text(json.dumps(metrics))
    return str(path)


def write_runs(folder, seeds=(0, 1, 2)) -> list[str]:
    conditions = [("mine", 0.4, {"name": "frozen"}), ("constant", 0.0, {"name": "constant"})]
    conditions += [("oracle", 0.8, {"name": "oracle", "r2": 1.0}), ("noisy", 0.2, {"name": "oracle", "r2": 0.7})]
    return [write_run(folder, name, seed, gain, options) for name, gain, options in conditions for seed in seeds]


def test_a_condition_with_half_of_the_gain_has_half_of_it_with_an_interval(tmp_path):
    mine, constant, oracle, noisy = read_conditions(write_runs(tmp_path))
    assert [one.name for one in (mine, constant, oracle, noisy)] == ["mine", "constant", "oracle", "noisy"]
    share, (low, high) = compute_share(mine, constant, oracle)
    assert share == pytest.approx(0.5)
    assert low == pytest.approx(0.5, abs=0.01)  # all gains are in proportion, so that only rounding differs
    assert high == pytest.approx(0.5, abs=0.01)
    lines = format_shares([mine, constant, oracle, noisy]).splitlines()
    rows = [line.split()[0] for line in lines if re.match(r"(mine|constant|oracle|noisy)\b", line)]
    assert rows[:4] == ["constant", "noisy", "mine", "oracle"]
    assert "12 held-out images, x2, 500 steps of 8 LR patches" in lines[0]


def test_a_row_counts_the_seeds_that_the_controls_have_too(tmp_path):
    mine, constant, oracle, _ = read_conditions(write_runs(tmp_path))
    del oracle.psnr[2]
    table = format_shares([mine, constant, oracle])
    assert re.search(r"mine +2 ", table)
    assert "The oracle is +0." in table
    assert "may be chance" not in table
    for psnr in oracle.psnr.values():
        psnr -= 0.8
    assert "may be chance" in format_shares([mine, constant, oracle])


def test_the_interval_covers_what_other_images_and_seeds_would_give(tmp_path):
    """Independent noise of 0.4 dB on 3 x 12 image means has a deviation of about 0.4 / 6 / 0.8 in the share."""
    mine, constant, oracle, _ = read_conditions(write_runs(tmp_path))
    for seed, psnr in mine.psnr.items():
        psnr += np.random.default_rng(seed).normal(0, 0.4, (1, IMAGES))
    _, (low, high) = compute_share(mine, constant, oracle)
    assert 0.2 < high - low < 0.6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 4000}, "mine and constant differ in steps: 4000 and 500"),
        ({"inputs": OPTIONS["inputs"] | {"training_images": "c"}}, "mine and constant differ in their training images"),
        (
            {"name": "constant-s0", "width": 8},
            "runs with different options are called constant (conditioning.name: frozen -> con",
        ),
        (
            {"conditioning": {"name": "constant"}, "width": 8},
            "2 of the conditions have conditioning=constant: mine",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path, change, message):
    runs = write_runs(tmp_path, seeds=(0,))
    config = tmp_path / "mine-s0" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    with pytest.raises(ValueError, match=re.escape(message)):
        format_shares(read_conditions(runs))


def test_the_command_prints_the_table_or_a_sentence(tmp_path, capsys):
    runs = write_runs(tmp_path)
    assert main(runs) == 0
    assert "share" in capsys.readouterr().out
    for arguments, message in (
        ([], "no run is given"),
        ([str(tmp_path)], "is no finished SR run"),
        ([*runs, runs[0]], "mine-s0 is given twice"),
        (runs[:3], "0 of the conditions have conditioning=constant"),
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        assert message in capsys.readouterr().err
