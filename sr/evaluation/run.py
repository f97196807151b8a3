"""One evaluation from a checked configuration: opens models and images, scores, writes `runs/sr-eval/<name>/`."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shared.command import to_plain
from shared.devices import select_device
from shared.encoders import MIN_IMAGE_SIDE
from shared.files import escape_unprintable, write_atomically, write_json
from shared.images import write_image
from shared.progress_bar import ProgressBar
from shared.run_folders import ReportFolder
from sr.evaluation.benchmarks import Benchmark, open_benchmarks
from sr.evaluation.config import EvaluationConfig
from sr.evaluation.image_scores import Bootstrap, ImageScores, describe_mean
from sr.evaluation.protocols import REAL, Protocol, load_protocol
from sr.evaluation.restorers import Restorer, open_restorers, resolve_scale
from sr.evaluation.scoring import check_control, score_benchmark
from sr.evaluation.table import DatasetScores, format_per_image_csv, format_table_csv, format_tables

STAGE, RESULTS = "sr-eval", "metrics.json"


def run(config: EvaluationConfig, models: Sequence[str]) -> int:
    """Scores the models, or prints the results of a finished evaluation of the same configuration.

    Args:
        config: The checked options.
        models: Paths of models, or `bicubic`, see `open_restorers`.

    Returns:
        The exit status.

    Raises:
        ValueError: Models, images and options do not fit; raised before anything is written, with one sentence.
    """
    started = time.perf_counter()
    device = select_device(config.accelerator)
    restorers = open_restorers(models, config.runs_dir, device)
    config.scale = resolve_scale(restorers, config.scale)
    assert config.data.root is not None  # `config.check` refuses it
    if config.protocol == REAL:
        protocol = None
        benchmarks = open_benchmarks(config.data.root, config.datasets, MIN_IMAGE_SIDE, leave_out=True)
        _refuse_oracles(restorers)
    else:
        protocol = load_protocol(config.protocol, config.scale, config.seed)
        benchmarks = open_benchmarks(config.data.root, config.datasets, config.scale * MIN_IMAGE_SIDE)
        check_control(restorers, benchmarks, protocol, config.representation)
    config.datasets = [one.name for one in benchmarks]
    inputs = {
        "degradations": protocol.digest() if protocol else "",
        "models": {one.name: one.hash for one in restorers},
        "order": [one.name for one in restorers],
        "images": {one.name: [f"{len(one)} images, {one.digest}", *one.left_out] for one in benchmarks},
    }
    report = ReportFolder(
        config.runs_dir,
        STAGE,
        name=config.name,
        default=_make_default_name(config, restorers),
        config=to_plain(config) | inputs,
        results=RESULTS,
    )
    with report.lock():
        metrics, origin = report.load(), "made before"
        if metrics is None:
            with report.writing() as folder:
                if protocol is None:
                    metrics = _restore_real(config, folder, restorers, benchmarks, device)
                else:
                    metrics = _score(config, folder, restorers, benchmarks, protocol, device)
                write_json(folder / RESULTS, metrics)
            origin = f"{time.perf_counter() - started:.0f} s"
    print(f"\n{metrics['table']}\n\nevaluation: {report.path} ({origin})")
    for sentence in metrics.get("left_out", []):
        print(escape_unprintable(f"failed: {sentence}"), file=sys.stderr)
    return 1 if metrics.get("left_out") else 0


def _make_default_name(config: EvaluationConfig, restorers: Sequence[Restorer]) -> str:
    models = "-vs-".join(one.name for one in restorers)
    control = "" if config.representation == "own" else f"-{config.representation}"
    return f"{models}-{Path(config.protocol).name}-x{config.scale}{control}"


def _refuse_oracles(restorers: Sequence[Restorer]) -> None:
    oracles = [one.name for one in restorers if one.needs_parameters]
    if oracles:
        raise ValueError(
            f"protocol={REAL}: the model {', '.join(oracles)} is an oracle, but the true parameters of these images' "
            "degradation are unknown; use a model of another conditioning"
        )


def _score(
    config: EvaluationConfig,
    folder: Path,
    restorers: Sequence[Restorer],
    benchmarks: Sequence[Benchmark],
    protocol: Protocol,
    device: torch.device,
) -> dict[str, Any]:
    """Scores all restorers on all data sets, writes the tables, and returns the metrics."""
    scores: dict[str, dict[str, ImageScores]] = {one.name: {} for one in restorers}
    with ProgressBar(total=sum(map(len, benchmarks)), unit="image", desc=STAGE, leave=False) as bar:
        for benchmark in benchmarks:
            by_restorer = score_benchmark(
                restorers,
                benchmark,
                protocol,
                representation=config.representation,
                seed=config.seed,
                bf16=config.precision == "bf16",
                device=device,
                after_image=bar.update,
            )
            for name, on_dataset in by_restorer.items():
                scores[name][benchmark.name] = on_dataset
    for name, by_dataset in scores.items():
        target = _model_folder(folder, name, len(restorers))
        target.mkdir(exist_ok=True)
        write_atomically(target / "table.csv", format_table_csv(benchmarks, protocol, by_dataset).encode())
        write_atomically(target / "per_image.csv", format_per_image_csv(benchmarks, protocol, by_dataset).encode())
    bootstrap = Bootstrap(config.repeats, config.seed)
    table = format_tables(benchmarks, protocol, scores, bootstrap, config.representation)
    notes = [*_note_known_images(restorers, benchmarks), *_note_infinite_scores(scores, benchmarks)]
    table = "\n\n".join([table, *notes])
    return {
        "protocol": protocol.name,
        "scale": protocol.scale,
        "representation": config.representation,
        "models": {
            one.name: {"hash": one.hash, "datasets": _summarize(scores[one.name], bootstrap)} for one in restorers
        },
        "differences": _compare(scores, bootstrap),
        "notes": notes,
        "table": table,
    }


def _note_known_images(restorers: Sequence[Restorer], benchmarks: Sequence[Benchmark]) -> list[str]:
    """Writes a sentence on the images of each data set that a model was trained on."""
    notes = []
    for one in restorers:
        for benchmark in benchmarks:
            names = [
                name
                for name, digest in zip(benchmark.image_names, benchmark.fingerprints, strict=True)
                if digest in one.seen
            ]
            if names:
                listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
                notes.append(
                    f"{one.name} was trained on {len(names)} of the {len(benchmark)} images of {benchmark.name}, so "
                    f"its scores there do not hold for new images: {listed}."
                )
    return notes


def _note_infinite_scores(scores: dict[str, dict[str, ImageScores]], benchmarks: Sequence[Benchmark]) -> list[str]:
    """Writes a sentence on the images that a model restored without any error, whose PSNR is infinite."""
    notes = []
    for model, by_dataset in scores.items():
        for benchmark in benchmarks:
            infinite = np.isinf(by_dataset[benchmark.name].psnr).any(0)
            names = [name for name, one in zip(benchmark.image_names, infinite, strict=True) if one]
            if names:
                notes.append(
                    f"{model} restored {', '.join(names)} of {benchmark.name} without error (an image of one colour?): "
                    "its PSNR is infinite, and so are the means that include it; remove it from the data set."
                )
    return notes


def _model_folder(folder: Path, name: str, models: int) -> Path:
    """Returns the folder for a model's files: the run's own for a single model, else one per model."""
    return folder if models == 1 else folder / name


def _summarize(scores: DatasetScores, bootstrap: Bootstrap) -> dict[str, Any]:
    """Computes means over all degradations, with intervals, by data set."""
    return {name: one.summarize(bootstrap) | {"images": one.psnr.shape[1]} for name, one in scores.items()}


def _compare(scores: dict[str, dict[str, ImageScores]], bootstrap: Bootstrap) -> dict[str, Any]:
    """Computes how far the first model is ahead of each other one in PSNR, paired, by model and data set."""
    (_, first), *others = scores.items()
    return {
        name: {
            dataset: {"psnr_y": describe_mean(*first[dataset].ahead_of(other, bootstrap))}
            for dataset, other in by_dataset.items()
        }
        for name, by_dataset in others
    }


def _choose_result_names(paths: Sequence[Path]) -> list[str]:
    """Names a PNG for each image of a folder, by its stem, or by its whole name if the stem is not unique."""
    counts = Counter(path.stem for path in paths) + Counter(path.name for path in paths)
    return [f"{path.stem if counts[path.stem] == 1 else path.name}.png" for path in paths]


def _restore_real(
    config: EvaluationConfig,
    folder: Path,
    restorers: Sequence[Restorer],
    benchmarks: Sequence[Benchmark],
    device: torch.device,
) -> dict[str, Any]:
    """Writes the SR image of every image and returns the metrics, which have no scores."""
    written = []
    with ProgressBar(total=sum(map(len, benchmarks)), unit="image", desc=STAGE, leave=False) as bar:
        for benchmark in benchmarks:
            for i, file in enumerate(_choose_result_names(benchmark.paths)):
                lr_image = benchmark.image(i).to(device)
                for restorer in restorers:
                    sr_image = restorer.restore_large(lr_image, config.scale, bf16=config.precision == "bf16")
                    target = _model_folder(folder, restorer.name, len(restorers)) / "sr" / benchmark.name / file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    pixels = sr_image[0].clamp(0, 1).mul(255).round().to(torch.uint8).permute(1, 2, 0)
                    write_image(target, pixels.cpu().numpy())
                    written.append(str(target.relative_to(folder)))
                bar.update()
    counts = ", ".join(f"{one.name} ({len(one)})" for one in benchmarks)
    models = ", ".join(one.name for one in restorers)
    table = f"SR images x{config.scale} of {counts} by {models}; without a reference there are no scores"
    left_out = [sentence for one in benchmarks for sentence in one.left_out]
    return {"protocol": REAL, "scale": config.scale, "sr_images": written, "left_out": left_out, "table": table}
