"""Values by the rules of YAML 1.2."""

import pytest

from shared.command import parse_yaml


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
