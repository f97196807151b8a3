"""Run folders: claimed once, locked, never overwritten."""

import errno
import fcntl
import json
import multiprocessing

import pytest

from shared.run_folders.run_folder import RunFolder, check_free_space, find_newest_run, list_differences


def test_a_folder_can_be_claimed_again_with_the_same_configuration(tmp_path):
    folder = RunFolder(str(tmp_path), "pretrain", "a")
    folder.claim({"steps": 5, "log_every": 1})
    folder.claim({"steps": 5, "log_every": 7})
    assert json.loads((tmp_path / "pretrain/a/config.json").read_text())["steps"] == 5


def test_another_configuration_is_refused_with_the_difference(tmp_path):
    folder = RunFolder(str(tmp_path), "pretrain", "a")
    folder.claim({"steps": 5, "encoder": {"name": "resnet18", "input": "rgb"}})
    with pytest.raises(ValueError, match=r"encoder.input: rgb -> bands; steps: 5 -> 6.*another name="):
        folder.claim({"steps": 6, "encoder": {"name": "resnet18", "input": "bands"}})


def test_options_that_change_no_result_may_change(tmp_path):
    folder = RunFolder(str(tmp_path), "pretrain", "a")
    folder.claim({"steps": 5, "probe_every": 0, "data": {"root": "x", "cache_dir": "a"}})
    folder.claim({"steps": 5, "probe_every": 9, "data": {"root": "x", "cache_dir": "b"}})
    with pytest.raises(ValueError, match=r"configuration \(data.root: x -> y\)"):
        folder.claim({"steps": 5, "probe_every": 0, "data": {"root": "y", "cache_dir": "a"}})


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_corrupt_configuration_is_named(tmp_path, text):
    folder = RunFolder(str(tmp_path), "pretrain", "a")
    folder.claim({})
    (folder.path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"a/config.json is corrupt"):
        folder.claim({})


def test_files_of_another_kind_are_left_alone(tmp_path):
    other = tmp_path / "pretrain" / "a"
    other.mkdir(parents=True)
    (other / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match="holds files that do not belong to a run"):
        RunFolder(str(tmp_path), "pretrain", "a").claim({})
    assert (other / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize("name", ["", ".", "..", "latest", "a/b", " a"])
def test_names_that_are_not_folders_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="plain folder name"):
        RunFolder(str(tmp_path), "pretrain", name)


def test_a_runs_dir_that_is_no_folder_is_refused_before_a_run(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", "/dev/null"):
        with pytest.raises(ValueError, match="cannot be written .* is not a folder"):
            RunFolder(str(path), "pretrain", "a").check({})


def test_latest_points_at_the_newest_finished_run(tmp_path):
    for name in ("a", "b"):
        folder = RunFolder(str(tmp_path), "pretrain", name)
        folder.claim({})
        assert not folder.is_finished
        folder.finish({"score": 1})
        assert folder.is_finished
        assert find_newest_run(str(tmp_path), "pretrain") == tmp_path / "pretrain" / name


def test_the_link_of_an_earlier_version_is_read_and_replaced(tmp_path):
    old, new = (RunFolder(str(tmp_path), "pretrain", name) for name in ("old", "new"))
    old.claim({})
    (tmp_path / "pretrain" / "latest").symlink_to("old")
    assert find_newest_run(str(tmp_path), "pretrain") == old.path
    new.claim({})
    new.finish({})
    assert find_newest_run(str(tmp_path), "pretrain") == new.path
    assert list(old.path.iterdir()) == [old.path / "config.json"]


@pytest.mark.parametrize("text", ["", "gone", "../pretrain/a", "\0"])
def test_a_name_of_no_run_is_no_newest_run(tmp_path, text):
    RunFolder(str(tmp_path), "pretrain", "a").claim({})
    (tmp_path / "pretrain" / "latest").write_text(text)
    assert find_newest_run(str(tmp_path), "pretrain") is None


def test_scores_are_kept_where_the_newest_run_cannot_be_stored(tmp_path, caplog):
    folder = RunFolder(str(tmp_path), "pretrain", "a")
    folder.claim({})
    (tmp_path / "pretrain" / "latest").mkdir()
    folder.finish({"score": 1})
    assert folder.is_finished
    assert "latest cannot be written" in caplog.text


@pytest.mark.parametrize("reason", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_warned_of(tmp_path, monkeypatch, caplog, reason):
    def flock(*_: object) -> None:
        raise OSError(reason, "no locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    for _ in range(2):  # the lock file of the first time is no lock
        with RunFolder(str(tmp_path), "pretrain", "a").lock():
            pass
    assert "this file system has no locks" in caplog.text


def _try_lock(root: str, answers) -> None:
    try:
        with RunFolder(root, "pretrain", "a").lock():
            answers.put("taken")
    except ValueError as error:
        answers.put(str(error))


def test_a_second_process_is_kept_out(tmp_path):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    with RunFolder(str(tmp_path), "pretrain", "a").lock():
        process = context.Process(target=_try_lock, args=(str(tmp_path), answers))
        process.start()
        assert "in use by another process" in answers.get(timeout=60)
        process.join()


def test_differences_of_nested_options():
    assert list_differences({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 1, "c": 5}, "e": 4}) == [
        "a.c: 2 -> 5",
        "d: 3 -> None",
        "e: None -> 4",
    ]


def test_a_run_of_an_earlier_version_goes_on_if_an_added_option_has_the_value_of_what_it_did(tmp_path):
    folder = RunFolder(str(tmp_path), "sr", "a")
    folder.claim({"conditioning": {"name": "frozen"}})
    folder.check({"conditioning": {"name": "frozen", "adapter": "linear"}})
    with pytest.raises(ValueError, match=r"conditioning.adapter: linear -> mlp"):
        folder.check({"conditioning": {"name": "frozen", "adapter": "mlp"}})


def test_a_run_of_an_earlier_version_does_not_go_on_with_another_padding(tmp_path):
    """It repeated the edge in every group, which no value of the option does."""
    folder = RunFolder(str(tmp_path), "sr", "a")
    folder.claim({"network": {"name": "swin2sr"}})
    for padding in ("reflect", "symmetric"):
        with pytest.raises(ValueError, match=f"network.padding: None -> {padding}"):
            folder.check({"network": {"name": "swin2sr", "padding": padding}})


def test_too_little_free_space_is_refused(tmp_path):
    check_free_space(tmp_path / "not" / "there", 1)
    with pytest.raises(ValueError, match="MB are free"):
        check_free_space(tmp_path, 10**18)
