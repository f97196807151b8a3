"""The answer of a study: its question, a table of means over the seeds, and which differences are real."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.comparison.arms import Arm
from analysis.comparison.definition import StudyConfig
from analysis.comparison.intervals import Estimate, correct_for_several, estimate_mean, influence
from analysis.comparison.records import Record
from shared.command import format_number
from shared.probing import ImageSums

SHARE = "share"
LEVEL = 0.05  # of a real difference, after the correction
TITLES = {
    "knn_accuracy": "kNN",
    "nmi": "NMI",
    "content_knn": "content kNN",
    "psnr_y": "PSNR-Y, dB",
    "r2/log_sigma": "R² width",
    "r2/noise_sigma": "R² noise",
    "r2/jpeg_quality": "R² JPEG",
}
NOTE = (
    "Means over the seeds, with their range. Differences are paired over seeds and images; in brackets their 95 % "
    "interval over both. A difference is called real if its probability by chance, corrected for the number of arms "
    "(Holm), is below 0.05."
)


@dataclass(frozen=True)
class Table:
    """The scores of all arms that have records.

    Attributes:
        study: The study.
        records: Record of each arm and control by seed, in the order of the study.
    """

    study: StudyConfig
    records: dict[str, dict[int, Record]]

    def values(self, arm: str, measure: str) -> dict[int, float]:
        """Returns a score of each seed of an arm."""
        if measure == SHARE:
            return {seed: float(gain.sum() / worth.sum()) for seed, (gain, worth) in self._share_cells(arm).items()}
        return {seed: record.values.get(measure, math.nan) for seed, record in self.records[arm].items()}

    def difference(self, arm: str, measure: str) -> Estimate | None:
        """Estimates how far an arm is ahead of the reference on their common seeds; None if they have none."""
        reference = self.study.reference
        seeds = [seed for seed in self.records[arm] if seed in self.records.get(reference, {})]
        if measure == SHARE:
            cells = [self._share_cells(name) for name in (arm, reference)]
        elif all(measure in self.records[name][seed].sums for name in (arm, reference) for seed in seeds):
            cells = [{seed: one.sums[measure] for seed, one in self.records[name].items()} for name in (arm, reference)]
        else:
            pairs = [self.values(arm, measure)[seed] - self.values(reference, measure)[seed] for seed in seeds]
            return estimate_mean(np.array(pairs)[:, None]) if seeds else None
        seeds = [seed for seed in seeds if all(seed in one for one in cells)]
        if not seeds:
            return None
        ahead, behind = (influence(*np.stack([one[seed] for seed in seeds], axis=1)) for one in cells)
        return estimate_mean(ahead - behind)

    def _share_cells(self, arm: str) -> dict[int, ImageSums]:
        """Returns the gain of an arm over the share's 0, and that of its 1, per image, by seed."""
        low, high = (self.records.get(name, {}) for name in self.study.share)
        of_arm = self.records[arm]
        psnr = {
            seed: [one[seed].sums["psnr_y"].part for one in (of_arm, low, high)]
            for seed in of_arm
            if seed in low and seed in high
        }
        return {seed: ImageSums(own - zero, one - zero) for seed, (own, zero, one) in psnr.items()}


def arrange(study: StudyConfig, records: Sequence[Record]) -> Table:
    """Arranges records by arm and seed: arms first, then controls, each in the order of the study.

    Raises:
        ValueError: Two runs were trained or scored on different images or spaces.
    """
    found: dict[str, dict[int, Record]] = {}
    for name in (*study.arms, *study.controls):
        of_arm = {record.seed: record for record in records if record.arm == name and record.seed in study.seeds}
        if of_arm:
            found[name] = dict(sorted(of_arm.items()))
    runs = [record for name in study.arms for record in found.get(name, {}).values()]
    for record in runs:
        for key, value in runs[0].inputs.items():
            if record.inputs.get(key) != value and not _is_varied(study, key):
                raise ValueError(
                    f"{record.arm}, seed {record.seed} has other {key.replace('_', ' ')} than {runs[0].arm}, seed "
                    f"{runs[0].seed} ({record.inputs.get(key)}, {value}): they cannot be compared"
                )
    return Table(study, found)


def _is_varied(study: StudyConfig, key: str) -> bool:
    return key == "space" and any("degradation" in one for one in (*study.varies, *study.allow))


def format_answer(table: Table, arms: Sequence[Arm], allowed: Sequence[str]) -> str:
    """Formats the answer as Markdown: question, table, real differences, cost, and what is missing."""
    study = table.study
    lines = [f"# {study.question}", "", *_format_scores(table), ""]
    if len(study.seeds) == 1:
        lines += ["One seed: not an answer.", ""]
    lines += [*_format_differences(table), ""]
    lines += [*_format_costs(table, arms, allowed), "", NOTE]
    missing = [
        f"{arm} ({', '.join(f'seed {seed}' for seed in study.seeds if seed not in table.records.get(arm, {}))})"
        for arm in study.arms
        if any(seed not in table.records.get(arm, {}) for seed in study.seeds)
    ]
    if missing:
        lines += ["", f"Missing: {'; '.join(missing)}."]
    return "\n".join(lines) + "\n"


def _format_scores(table: Table) -> list[str]:
    measures = table.study.measures
    rows = [["", "seeds", *map(_title, measures)]]
    for arm, records in table.records.items():
        has = [one for one in measures if one != SHARE or arm in table.study.arms]
        cells = [_format_range(list(table.values(arm, one).values())) if one in has else "" for one in measures]
        rows.append([f"`{arm}`", str(len(records)), *cells])
    return format_markdown(rows)


def _title(measure: str) -> str:
    return TITLES.get(measure, measure.replace("r2/", "R² "))


def _format_range(values: Sequence[float]) -> str:
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return "-"
    mean = format_number(float(np.mean(known)))
    return mean if len(known) < 2 else f"{mean} ({format_number(min(known))} to {format_number(max(known))})"


def _format_differences(table: Table) -> list[str]:
    """Formats how far each arm is ahead of the reference, and whether that is real."""
    study = table.study
    others = [name for name in table.records if name != study.reference and name in study.arms]
    if study.reference not in table.records or not others:
        return []
    rows = [[f"ahead of `{study.reference}`", *map(_title, study.measures)]]
    cells: dict[str, list[str]] = {name: [f"`{name}`"] for name in others}
    for measure in study.measures:
        found = [table.difference(name, measure) for name in others]
        corrected = correct_for_several([math.nan if one is None else one.probability for one in found])
        for name, one, probability in zip(others, found, corrected, strict=True):
            cells[name].append("-" if one is None else _format_difference(one, probability))
    return format_markdown([*rows, *cells.values()])


def _format_difference(one: Estimate, probability: float) -> str:
    text = f"{one.mean:+.2f}"
    if not math.isnan(one.low):
        text += f" [{one.low:+.2f}, {one.high:+.2f}]"
    return f"**{text}** real" if probability < LEVEL else text


def _format_costs(table: Table, arms: Sequence[Arm], allowed: Sequence[str]) -> list[str]:
    """Formats what each arm spends, and the differences that the study allows."""
    shown = [arm for arm in arms if arm.name in table.records]
    if not shown:
        return []
    columns = ["steps", *dict.fromkeys(key for arm in shown for key in arm.quantities if key != "steps")]
    options = [one for one in allowed if one not in columns and not one.endswith("*")]
    rows = [["", *(column.replace("_", " ") for column in columns), *(f"`{one}`" for one in options), "minutes"]]
    for arm in shown:
        minutes = np.mean([record.minutes for record in table.records[arm.name].values()])
        spent = [f"{arm.quantities[key]:,.0f}" if key in arm.quantities else "" for key in columns]
        differing = [str(_look_up(arm.options, one)) for one in options]
        rows.append([f"`{arm.name}`", *spent, *differing, f"{minutes:.1f}"])
    devices = sorted({record.device for arm in shown for record in table.records[arm.name].values() if record.device})
    reasons = [f"`{one}` differs: {table.study.allow[one]}." for one in allowed]
    where = [f"Computed on: {'; '.join(devices)}."] if devices else []
    return [*format_markdown(rows), "", *reasons, *where]


def _look_up(options: object, key: str) -> object:
    for part in key.split("."):
        options = options.get(part, "") if isinstance(options, dict) else ""
    return options


def format_markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """Formats rows of cells, the first of which are titles, as a Markdown table."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]


def format_csv(table: Table) -> str:
    """Formats all scores as CSV: arm, seed, measure, value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["arm", "seed", "measure", "value"])
    for arm, records in table.records.items():
        for seed, record in records.items():
            writer.writerows([arm, seed, measure, value] for measure, value in record.values.items())
        if table.study.share and arm in table.study.arms:
            writer.writerows([arm, seed, SHARE, value] for seed, value in table.values(arm, SHARE).items())
    return text.getvalue()
