import json

import numpy as np
import pytest

from analysis.comparison.records import read_records, write_records
from analysis.study import STUDIES
from tests.analysis.comparison.synthetic import make_record


def test_records_survive_a_file_with_six_digits(tmp_path):
    values = np.random.default_rng(0).random(5)
    record = make_record("less", 1, "psnr_y", values, curves={"psnr_y": ([1, 2], [30.5, 31.25])})
    record.values["nmi"] = np.nan
    write_records(tmp_path / "records.json", [record, record])
    (found, _) = read_records(tmp_path / "records.json")
    assert (found.arm, found.seed, found.options, found.inputs) == ("less", 1, record.options, record.inputs)
    assert found.values["psnr_y"] == pytest.approx(values.mean(), rel=1e-5)
    assert np.isnan(found.values["nmi"])
    np.testing.assert_allclose(found.sums["psnr_y"].part, values, rtol=1e-5)
    assert found.curves == {"psnr_y": ([1, 2], [30.5, 31.25])}
    assert len((tmp_path / "records.json").read_text().splitlines()) == 4


def test_no_file_has_no_records_and_a_damaged_one_is_named(tmp_path):
    path = tmp_path / "records.json"
    assert read_records(path) == []
    for text in ("{", "[]", json.dumps({"version": 0, "records": []}), json.dumps({"version": 1, "records": [{}]})):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"records.json cannot be read"):
            read_records(path)


@pytest.mark.parametrize("path", sorted((STUDIES / "records").glob("*.json")), ids=lambda path: path.stem)
def test_records_that_come_with_a_study_name_no_folder(path):
    records = read_records(path)
    assert records
    for record in records:
        assert not {"root", "held_out_root", "cache_dir"} & record.options["data"].keys()
        assert not {"name", "runs_dir"} & record.options.keys()
