"""The names of the pictures of a report; `test_report.py` draws them."""

from analysis.figures.pictures import make_slugs


def test_names_that_read_alike_keep_their_pictures():
    slugs = make_slugs(["a b", "a-b", "A b", "c"])
    assert slugs == {"a b": "a-b", "a-b": "a-b-2", "A b": "A-b-3", "c": "c"}
