"""What a pretraining run wrote down."""

import pytest

from analysis.measures.run_log import read_final_loss, read_probe_curves
from tests.analysis.logged_runs import logged
from tests.analysis.small_encoders import save_small_encoder


def test_what_a_run_wrote_down(tmp_path):
    run = save_small_encoder(tmp_path / "run" / "encoder").parent
    assert read_final_loss(run) is None
    logged(run)
    found = read_final_loss(run / "encoder")
    assert found.loss == pytest.approx(3.05)  # the mean of the last two
    assert found.negative_rows == 12
    steps, values = read_probe_curves(run)["nmi"]
    assert (steps[-1], values[-1]) == (20, pytest.approx(1))
    other = save_small_encoder(tmp_path / "other" / "encoder").parent
    logged(other, rows=False)
    assert read_final_loss(other) is None
