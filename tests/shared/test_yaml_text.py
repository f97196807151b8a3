"""Values by the rules of YAML 1.2."""

import os

import pytest

from shared.yaml_text import parse_yaml, quote, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("2.0e-3", 2e-3),
        ("-1.5", -1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1E3", 1e3),
        ("12", 12),
        ("-0", 0),
        ("+3", 3),
        ("010", "010"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("1:30", "1:30"),
        ("1e", "1e"),
        ("e5", "e5"),
        (".", "."),
        ("-", [None]),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("on", "on"),
        ("null", None),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("2001-01-01", "2001-01-01"),
        ("=", "="),
        ("[1, a, 1e-4, [b]]", [1, "a", 1e-4, ["b"]]),
        ("{a: 1, b: {c: 2}}", {"a": 1, "b": {"c": 2}}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
    ],
)
def test_values(text, value):
    found = parse_yaml(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "^not valid YAML, line 3: 'a' is given twice$"),
        ("a: {b: 1, b: 2}", "^not valid YAML, line 1: 'b' is given twice$"),
        ("{[a]: 1, [a]: 2}", "^not valid YAML, line 1: found unhashable key$"),
        ("a: [1", "^not valid YAML, line 1: expected ',' or '.'"),
        ("!!python/object/apply:os.getcwd []", "^not valid YAML, line 1: could not determine a constructor"),
        ("a\0", "^not valid YAML, unacceptable character"),
    ],
)
def test_invalid_yaml_is_refused_in_one_sentence(text, message):
    with pytest.raises(ValueError, match=message) as raised:
        parse_yaml(text)
    assert "\n" not in str(raised.value)


BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{i}: &a{i} [{', '.join(10 * [f'*a{i - 1}'])}]\n" for i in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "with anchors written out it holds more than 1000000 values"),
        ("a: &a [*a]", "line 1: a value contains itself"),
        ("a: &a {b: *a}", "line 1: a value contains itself"),
        ("[" * 3000 + "]" * 3000, "it is nested too deeply"),
    ],
)
def test_what_would_fill_the_memory_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_yaml(text)


def test_a_value_that_is_used_twice_is_no_bomb():
    assert parse_yaml("a: &x {b: [1, 2]}\nc: *x\nd: *x")["d"] == {"b": [1, 2]}


def test_a_file_is_named_in_every_error(tmp_path):
    path = tmp_path / "mine.yaml"
    for content, message in (
        ("# fl\u00fc\nsteps: []".encode("latin-1"), r"mine\.yaml is not text in UTF-8 \(byte 5\)"),
        (b"a: [", r"mine\.yaml: not valid YAML, line 1"),
        (b"#" * 2_000_000, r"mine\.yaml has 2 MB, too long"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_yaml(path)
    path.unlink()
    with pytest.raises(ValueError, match=r"mine\.yaml: no such file"):
        read_yaml(path)
    os.mkfifo(path)
    with pytest.raises(ValueError, match=r"mine\.yaml is not a regular file"):
        read_yaml(path)


def test_a_number_of_many_digits_is_refused_with_its_line():
    with pytest.raises(ValueError, match=r"line 2: a number has 400 digits"):
        parse_yaml("steps: 5\nlr: " + "9" * 400)


def test_a_long_value_is_cut_in_a_message():
    assert quote([1, "two"]) == "[1, 'two']"
    assert len(quote(["x" * 10] * 1000)) < 400
