"""The progress bar on a terminal and in a file."""

import io
import re

from shared import progress_bar
from shared.progress_bar import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file_gets_a_line_now_and_then(monkeypatch):
    monkeypatch.setattr(progress_bar, "SECONDS_BETWEEN_LINES", 0.0)
    stream = io.StringIO()
    with ProgressBar(total=3, desc="train", unit="step", file=stream) as bar:
        for _ in range(3):
            bar.set_postfix_str("16 patches/s", refresh=False)
            bar.update()
    lines = stream.getvalue().splitlines()
    assert lines
    for line in lines:
        assert re.fullmatch(r"train: [0-3] of 3 steps, \d\d:\d\d passed, [\d:?]+ left(, 16 patches/s)?", line)


def test_the_plural_of_a_unit_is_that_of_english(monkeypatch):
    monkeypatch.setattr(progress_bar, "SECONDS_BETWEEN_LINES", 0.0)
    stream = io.StringIO()
    list(ProgressBar(range(3), desc="embed", unit="batch", file=stream))
    assert "of 3 batches," in stream.getvalue()


def test_a_new_description_writes_no_line_before_its_time():
    stream = io.StringIO()
    with ProgressBar(total=3, unit="step", file=stream) as bar:
        for name in "abc":
            bar.set_description(f"embedding of {name}")
            bar.update()
    assert stream.getvalue() == ""


def test_a_description_is_followed_by_one_colon(monkeypatch):
    monkeypatch.setattr(progress_bar, "SECONDS_BETWEEN_LINES", 0.0)
    stream = io.StringIO()
    with ProgressBar(total=3, unit="step", file=stream) as bar:
        bar.set_description("embedding of a")
    assert stream.getvalue().splitlines()[-1].startswith("embedding of a: 0 of 3 steps, ")


def test_short_work_writes_no_line():
    stream = io.StringIO()
    assert list(ProgressBar(range(5), desc="short", unit="image", file=stream)) == list(range(5))
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar():
    stream = Terminal()
    list(ProgressBar(range(5), desc="short", unit="image", file=stream))
    assert "\r" in stream.getvalue()
    assert "5/5" in stream.getvalue()
