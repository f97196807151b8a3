"""The tables of an evaluation: `table.csv`, `per_image.csv`, and the printed table in the form of the papers."""

import csv
import io
import textwrap
from collections.abc import Mapping, Sequence

from shared.command import TABLE_WIDTH, align_columns, format_interval
from sr.evaluation.benchmarks import Benchmark
from sr.evaluation.image_scores import CAPTION, Bootstrap, ImageScores, format_difference
from sr.evaluation.protocols import Protocol
from sr.evaluation.published import MEAN, PublishedRow, find_published_rows

_DEGRADATION = ("dataset", "scale", "protocol", "kernel", "blur_sigma", "noise_sigma")
COLUMNS = (*_DEGRADATION, "images", "psnr_y", "ssim_y")
PER_IMAGE_COLUMNS = (*_DEGRADATION, "image", "psnr_y", "ssim_y")

DatasetScores = Mapping[str, ImageScores]  # scores of one restorer by the name of the data set


def format_table_csv(benchmarks: Sequence[Benchmark], protocol: Protocol, scores: DatasetScores) -> str:
    """Formats means over images as CSV, with a row per data set and degradation.

    `blur_sigma` is the width of the blur in HR pixels, 0 without blur, empty unless the blur is an isotropic Gaussian;
    `noise_sigma` is the standard deviation of the noise in [0, 1] (10/255 = 0.0392157), empty unless it is Gaussian;
    `psnr_y` is in dB.
    """
    rows = []
    for benchmark in benchmarks:
        on_dataset = scores[benchmark.name]
        for d, description in enumerate(_describe_degradations(benchmark.name, protocol)):
            means = (f"{on_dataset.psnr[d].mean():.4f}", f"{on_dataset.ssim[d].mean():.5f}")
            rows.append([*description, str(len(benchmark)), *means])
    return _format_csv(COLUMNS, rows)


def format_per_image_csv(benchmarks: Sequence[Benchmark], protocol: Protocol, scores: DatasetScores) -> str:
    """Formats the scores of every image as CSV; columns as in `format_table_csv`."""
    rows = []
    for benchmark in benchmarks:
        on_dataset = scores[benchmark.name]
        for d, description in enumerate(_describe_degradations(benchmark.name, protocol)):
            for i, image in enumerate(benchmark.image_names):
                rows.append([*description, image, f"{on_dataset.psnr[d, i]:.4f}", f"{on_dataset.ssim[d, i]:.5f}"])
    return _format_csv(PER_IMAGE_COLUMNS, rows)


def _describe_degradations(dataset: str, protocol: Protocol) -> list[list[str]]:
    return [
        [dataset, str(protocol.scale), protocol.name, kernel, _format_number(blur), _format_number(noise)]
        for kernel, blur, noise in zip(protocol.kernels, protocol.blur_sigmas, protocol.noise_sigmas, strict=True)
    ]


def _format_number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _format_csv(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue()


def format_tables(
    benchmarks: Sequence[Benchmark],
    protocol: Protocol,
    scores: Mapping[str, DatasetScores],
    bootstrap: Bootstrap,
    representation: str = "own",
) -> str:
    """Formats scores as the papers do: a table per data set and noise, a row per restorer, a column per kernel.

    Further rows give how far the first restorer is ahead of each other one, paired over images, and the published
    scores.

    Args:
        benchmarks: The data sets.
        protocol: The degradations.
        scores: The scores by restorer, then by data set.
        bootstrap: The bootstrap of the intervals.
        representation: Source of the representation, named in the headings unless it is `own`.
    """
    control = "" if representation == "own" else f", representation={representation}"
    blocks: list[str] = []
    sources: dict[str, None] = {}
    for benchmark in benchmarks:
        on_dataset = {name: by_dataset[benchmark.name] for name, by_dataset in scores.items()}
        for noise, rows in protocol.group_by_noise().items():
            published = find_published_rows(benchmark.name, len(benchmark), protocol.scale, protocol.name, noise)
            sources |= {one.source: None for one in published}
            noise_text = "" if noise == 0 else f", noise {255 * noise:.3g}/255" if noise else ", with noise"
            blocks.append(
                f"{benchmark.name} x{protocol.scale}, {protocol.name}{noise_text}, {len(benchmark)} images{control}"
            )
            blocks += _format_table(on_dataset, protocol, rows, published, bootstrap)
    captions = [CAPTION]
    if sources:
        text = f"Published rows are quoted from the papers, not measured here: {'; '.join(sources)}."
        captions.append(textwrap.fill(text, TABLE_WIDTH))
    return "\n\n".join([*blocks, *captions])


def _format_table(
    scores: Mapping[str, ImageScores],
    protocol: Protocol,
    rows: Sequence[int],
    published: Sequence[PublishedRow],
    bootstrap: Bootstrap,
) -> list[str]:
    first, *others = scores
    names = ["", *scores, *(f"{first} ahead of {name}" for name in others)]
    names += [f"{one.method} (published)" for one in published]
    columns = []
    means = [(MEAN, list(rows))] if len(rows) > 1 else []
    for title, selected in [*means, *((protocol.kernels[row], [row]) for row in rows)]:
        column_scores = [one.select(selected) for one in scores.values()]
        cells = [format_interval(one.mean(), one.interval(bootstrap=bootstrap)) for one in column_scores]
        cells += [format_difference(*column_scores[0].ahead_of(one, bootstrap)) for one in column_scores[1:]]
        cells += [f"{one.psnr[title]:.2f}" if title in one.psnr else "-" for one in published]
        columns.append([title, *cells])
    similarity = [f"{one.select(rows).mean('ssim'):.4f}" for one in scores.values()]
    columns.append(["SSIM", *similarity, *[""] * len(others), *["-"] * len(published)])
    return align_columns(names, columns)
