"""Command lines: options read into a checked dataclass, errors in one sentence, YAML, tables as text."""

from shared.command.command_line import (
    describe_options,
    is_out_of_memory,
    list_recipes,
    run_command,
    split_arguments,
)
from shared.command.config import Shorthand, flatten, load_config, make_choice, print_config, to_plain
from shared.command.options import ConfigError, Group
from shared.command.text_table import TABLE_WIDTH, align_columns, format_interval, format_number

__all__ = [
    "TABLE_WIDTH",
    "ConfigError",
    "Group",
    "Shorthand",
    "align_columns",
    "describe_options",
    "flatten",
    "format_interval",
    "format_number",
    "is_out_of_memory",
    "list_recipes",
    "load_config",
    "make_choice",
    "print_config",
    "run_command",
    "split_arguments",
    "to_plain",
]
