import csv
import json

from analysis.reading_files import READINGS, TABLE, write_readings
from shared.readings import Interval, Reading
from shared.readings.quantities import MOTION, ROUND

READ = {name: Interval(2.0, 1.5, 2.25) for name in ("blur_px", "noise", "jpeg_quality", "motion_px")}


def test_list_and_table_have_the_same_columns(tmp_path):
    readings = [Reading.of(ROUND, READ, None), Reading.of(MOTION, READ, Interval(10, -5, 25)), Reading.without("flat")]
    entries = [reading.to_json(f"/a/{i}.png") for i, reading in enumerate(readings)]
    write_readings(tmp_path, entries)
    assert json.loads((tmp_path / READINGS).read_text()) == entries
    rows = list(csv.DictReader((tmp_path / TABLE).open()))
    for row, entry in zip(rows, entries, strict=True):
        for name, value in entry.items():
            if name in ("image", "verdict"):
                assert row[name] == value
            else:
                found = [row[name], row[f"{name}_low"], row[f"{name}_high"]]
                assert found == (["", "", ""] if value is None else [str(part) for part in value.values()])
    assert list(rows[0])[:5] == ["image", "verdict", "blur_px", "blur_px_low", "blur_px_high"]


def test_names_are_safe_in_a_spreadsheet_and_any_byte_is_written(tmp_path):
    names = ["=1+1.png", "+a.png", "-a.png", "@a.png", "\ta.png", "a=b.png", "b\udcff.png", "line\nbreak.png"]
    write_readings(tmp_path, [Reading.without("flat").to_json(name) for name in names])
    with (tmp_path / TABLE).open(newline="") as file:
        shown = [row["image"] for row in csv.DictReader(file)]
    assert shown[:6] == ["'=1+1.png", "'+a.png", "'-a.png", "'@a.png", "'\ta.png", "a=b.png"]
    assert [entry["image"] for entry in json.loads((tmp_path / READINGS).read_text())] == names
