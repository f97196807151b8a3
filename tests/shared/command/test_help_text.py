"""Defaults in the text of `--help`."""

from dataclasses import dataclass

from shared.command.help_text import format_defaults


@dataclass
class Options:
    lr: float = 1e-3
    flag: bool = True
    crops: str = "2x64"
    root: str | None = None


@dataclass
class NoOptions:
    pass


def test_defaults_are_written_as_on_the_command_line():
    assert format_defaults(Options(lr=0.5)) == "lr=0.5 flag=true crops=2x64 root=null"
    assert format_defaults(NoOptions()) == "no options"
