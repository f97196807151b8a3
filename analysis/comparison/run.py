"""One study: checks its arms, trains what is missing, and writes `runs/studies/<name>/`."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from analysis.comparison.answer import Table, arrange, format_answer, format_csv
from analysis.comparison.arms import Arm, resolve_arms
from analysis.comparison.definition import StudyConfig
from analysis.comparison.execution import PlannedRun, train
from analysis.comparison.fairness import find_allowed
from analysis.comparison.figure import draw_curves
from analysis.comparison.plan import find_record, hash_values, measure_cost, plan_runs
from analysis.comparison.records import Record, read_records, read_run, write_records
from analysis.figures.style import save
from shared.files import write_atomically
from shared.run_folders import RunFolder
from shared.run_folders.run_folder import check_free_space

STAGE, RECORDS, ANSWER, TABLE, FIGURE, PAGE = "studies", "records.json", "answer.md", "table.csv", "curves", "page.html"

logger = logging.getLogger(__name__)


def run(study: StudyConfig, shipped: Path) -> int:
    """Trains what a study lacks and writes its answer; returns the exit status.

    Args:
        study: The checked definition.
        shipped: File with the records that come with the study; need not exist.

    Raises:
        ValueError: The arms cannot be compared, or an option does not fit; raised before anything is trained.
    """
    arms = resolve_arms(study)
    allowed = find_allowed(study, arms)
    folder = RunFolder(study.runs_dir, STAGE, study.name, ANSWER)
    own = read_records(folder.path / RECORDS)
    known = [*own, *(read_records(shipped) if study.same_images or not study.images else [])]
    runs = plan_runs(study, arms)
    records = _collect(study, arms, runs, known)
    done = {(record.arm, record.seed) for record in records}
    missing = [run for run in runs if (run.arm, run.seed) not in done and run.arm in (study.only or study.arms)]
    if study.dry_run:
        print(_describe_plan(study, arms, runs, missing))
        return 0
    with folder.lock():
        folder.path.mkdir(parents=True, exist_ok=True)
        failed: list[str] = []
        if missing and study.train:
            print(f"{len(missing)} of {len(runs)} runs are to be trained, {study.jobs} at once")
            failed = train(
                missing,
                folder.path / "jobs",
                jobs=study.jobs,
                cluster=study.cluster,
                minutes=study.job_minutes,
                partition=study.partition,
                report=lambda line: print(line, flush=True),
            )
            records = _collect(study, arms, runs, known)
        others = [record for record in own if not any(record is one for one in records)]  # of other options or images
        write_records(folder.path / RECORDS, [*records, *others])
        table = arrange(study, records)
        answer = format_answer(table, arms, allowed)
        _write_files(folder.path, table, arms, answer)
        print(f"\n{answer}\nanswer: {folder.path / ANSWER}")
        if study.page and study.stage == "pretrain":
            _draw_page(study, folder.path, runs)
    for sentence in failed:
        logger.error("%s", sentence)
    return 1 if failed else 0


def _collect(
    study: StudyConfig, arms: Sequence[Arm], runs: Sequence[PlannedRun], known: Sequence[Record]
) -> list[Record]:
    """Collects the records of all finished runs, with their controls."""
    records: list[Record] = []
    by_name = {arm.name: arm for arm in arms}
    for run in runs:
        record = find_record(known, by_name[run.arm], run.seed)
        if record is not None:
            records.append(record)
        elif run.is_finished:
            records += read_run(run.folder, run.arm, study.controls)
    found = [(record.options, record.seed) for record in records]
    controls = [
        record
        for record in [*records, *known]
        if record.arm in study.controls and (record.options, record.seed) in found
    ]
    first = {(control.arm, control.seed): control for control in reversed(controls)}
    return [record for record in records if record.arm in study.arms] + list(first.values())


def _write_files(folder: Path, table: Table, arms: Sequence[Arm], answer: str) -> None:
    write_atomically(folder / ANSWER, answer.encode())
    write_atomically(folder / TABLE, format_csv(table).encode())
    figure = draw_curves(table, arms)
    if figure is not None:
        save(figure, folder / FIGURE)


def _draw_page(study: StudyConfig, folder: Path, runs: Sequence[PlannedRun]) -> None:
    """Draws the maps of the arms' encoders of the first seed, if their folders are there."""
    first = [run for run in runs if run.seed == study.seeds[0] and (run.folder / "encoder").is_dir()]
    if len(first) < 2:
        return
    from analysis.config import AnalysisConfig
    from analysis.run import run as report

    shown = [str(run.folder) for run in first]
    config = AnalysisConfig(name=f"study-{study.name}-{hash_values([shown, study.images])}", runs_dir=study.runs_dir)
    if study.images:
        config.data.kind, config.data.root = "folder", study.images
    report(config, shown)
    shutil.copyfile(Path(study.runs_dir) / "analysis" / config.name / PAGE, folder / PAGE)


def _describe_plan(
    study: StudyConfig, arms: Sequence[Arm], runs: Sequence[PlannedRun], missing: Sequence[PlannedRun]
) -> str:
    """Describes what a study would train: runs, time and disk."""
    lines = [study.question, f"{len(runs)} runs, {len(missing)} to be trained, {study.jobs} at once"]
    minutes = megabytes = 0.0
    for arm in arms:
        count = sum(run.arm == arm.name for run in missing)
        if not count:
            continue
        cost = measure_cost(study, arm)
        minutes, megabytes = minutes + count * cost.minutes, megabytes + count * cost.megabytes
        lines.append(f"  {arm.name:20s} {count} x {arm.steps} steps, about {cost.minutes:.0f} min each")
    lines.append(f"about {minutes / study.jobs:.0f} min in all, {megabytes:.0f} MB of checkpoints")
    check_free_space(Path(study.runs_dir), int(megabytes * 1e6))
    return "\n".join(lines)
