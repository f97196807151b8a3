"""The promises at the end of the README: each has tests, which are listed here by the first words of its row."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROMISES = {
    "a run is killed": [
        "pretrain/test_train.py::test_killed_and_resumed_is_bit_equal",
        "sr/test_train.py::test_killed_and_resumed_is_bit_equal",
    ],
    "a run, a report or a file": [
        "shared/run_folders/test_run_folder.py::test_another_configuration_is_refused_with_the_difference",
        "sr/test_upscale.py::test_existing_results_are_kept_unless_overwrite_is_set",
    ],
    "two commands write one file": [
        "shared/test_files.py::test_two_writers_of_one_file_never_mix",
        "sr/test_upscale.py::test_a_result_that_another_process_writes_meanwhile_is_kept",
    ],
    "two runs have one name": ["shared/run_folders/test_run_folder.py::test_a_second_process_is_kept_out"],
    "the disk is full": ["shared/data/test_cache.py::test_full_disk_is_one_clear_error"],
    "a process of a distributed run dies": [
        "pretrain/test_devices.py::test_when_one_process_dies_the_others_end_with_one_sentence"
    ],
    "a recipe, a space": [
        "test_mutated_commands.py::test_recipes",
        "test_mutated_commands.py::test_spaces",
        "test_mutated_commands.py::test_models",
        "test_mutated_commands.py::test_checkpoints",
    ],
    "an option has a value": ["shared/test_bounds.py::test_numbers_out_of_their_bounds_are_refused_by_name"],
    "a folder holds damaged files": [
        "shared/data/test_sources.py::test_what_is_no_regular_file_is_named_and_not_read",
        "shared/data/test_sources.py::test_other_files_are_counted_by_suffix",
    ],
    "an image has more than": ["shared/images/test_files.py::test_unsupported_files_are_refused_by_name"],
    "a data set was downloaded": ["shared/data/test_sources.py::test_low_resolution_copies_are_left_out"],
    "a benchmark folder": [
        "sr/evaluation/test_benchmarks.py::test_an_ambiguous_data_set_is_refused_with_what_was_seen"
    ],
    "a TIFF": ["shared/images/test_tiff_header.py::test_tags_that_are_not_understood_are_refused_by_name"],
    "a file's name": [
        "sr/test_upscale.py::test_names_of_any_bytes_are_kept_and_printed_safely",
        "sr/test_upscale.py::test_make_hands_a_name_to_the_command_as_it_is",
    ],
    "there is no home directory": [
        "shared/data/test_sources.py::test_a_user_without_a_home_directory_is_told_what_to_set",
        "shared/run_folders/test_run_folder.py::test_a_file_system_without_locks_is_warned_of",
    ],
}


def read_rows() -> list[str]:
    """Reads the first cell of each row of the README's last table of promises."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## What happens when ...")[1]
    rows = re.findall(r"^\| (.+?) \|", section, re.MULTILINE)
    return rows[1:]


def test_every_promise_is_listed():
    rows = read_rows()
    assert len(rows) == len(PROMISES)
    for row, beginning in zip(rows, PROMISES, strict=True):
        assert row.startswith(beginning)


@pytest.mark.parametrize("name", [name for names in PROMISES.values() for name in names])
def test_every_promise_has_its_tests(name):
    file, function = name.split("::")
    assert f"def {function}" in (ROOT / "tests" / file).read_text(encoding="utf-8")
