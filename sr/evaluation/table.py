"""What an evaluation leaves: `table.csv`, `per_image.csv`, and the printed table in the papers' shape."""

import csv
import io
import textwrap
from collections.abc import Mapping, Sequence

from shared.command import TABLE_WIDTH, align_columns, format_interval
from sr.evaluation.benchmarks import Benchmark
from sr.evaluation.image_scores import Bootstrap, ImageScores, format_difference
from sr.evaluation.protocols import Protocol
from sr.evaluation.published import MEAN, Published, published_rows

_DEGRADATION = ("dataset", "scale", "protocol", "kernel", "blur_sigma", "noise_sigma")
COLUMNS = (*_DEGRADATION, "images", "psnr_y", "ssim_y")
PER_IMAGE_COLUMNS = (*_DEGRADATION, "image", "psnr_y", "ssim_y")
WORDS = "In brackets the 95 % interval over images. PSNR (dB) and SSIM on luma, a border of the scale's width left out."

DatasetScores = Mapping[str, ImageScores]  # of one restorer, by the data set's name


def table_csv(benchmarks: Sequence[Benchmark], protocol: Protocol, scores: DatasetScores) -> str:
    """Means over images, a row per data set and degradation.

    `blur_sigma` is the width of the blur in HR pixels, 0 without blur, empty where the blur is not an isotropic
    Gaussian; `noise_sigma` is the standard deviation of the noise in [0, 1] (10/255 = 0.0392157), empty where it is not
    Gaussian; `psnr_y` is in dB.
    """
    rows = []
    for benchmark in benchmarks:
        found = scores[benchmark.name]
        for d, description in enumerate(_describe_degradations(benchmark.name, protocol)):
            means = (f"{found.psnr[d].mean():.4f}", f"{found.ssim[d].mean():.5f}")
            rows.append([*description, str(len(benchmark)), *means])
    return _csv(COLUMNS, rows)


def per_image_csv(benchmarks: Sequence[Benchmark], protocol: Protocol, scores: DatasetScores) -> str:
    """Scores of every image, a row per data set, degradation and image; columns as in `table_csv`."""
    rows = []
    for benchmark in benchmarks:
        found = scores[benchmark.name]
        for d, description in enumerate(_describe_degradations(benchmark.name, protocol)):
            for i, image in enumerate(benchmark.images):
                rows.append([*description, image, f"{found.psnr[d, i]:.4f}", f"{found.ssim[d, i]:.5f}"])
    return _csv(PER_IMAGE_COLUMNS, rows)


def _describe_degradations(dataset: str, protocol: Protocol) -> list[list[str]]:
    return [
        [dataset, str(protocol.scale), protocol.name, kernel, _or_empty(blur), _or_empty(noise)]
        for kernel, blur, noise in zip(protocol.kernels, protocol.blur_sigmas, protocol.noise_sigmas, strict=True)
    ]


def _or_empty(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _csv(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
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

    Below the restorers stands how far the first is ahead of each other one, paired over images, and last what was
    published.

    Args:
        benchmarks: the data sets.
        protocol: the degradations.
        scores: the scores by restorer, then by data set.
        bootstrap: draws behind the intervals.
        representation: where the representation came from, named in the headings unless it is the images' own.
    """
    control = "" if representation == "own" else f", representation={representation}"
    blocks: list[str] = []
    sources: dict[str, None] = {}
    for benchmark in benchmarks:
        on_dataset = {name: found[benchmark.name] for name, found in scores.items()}
        for noise, rows in protocol.groups().items():
            published = published_rows(benchmark.name, len(benchmark), protocol.scale, protocol.name, noise)
            sources |= {one.source: None for one in published}
            under = "" if noise == 0 else f", noise {255 * noise:.3g}/255" if noise else ", with noise"
            blocks.append(
                f"{benchmark.name} x{protocol.scale}, {protocol.name}{under}, {len(benchmark)} images{control}"
            )
            blocks += _format_table(on_dataset, protocol, rows, published, bootstrap)
    words = [WORDS]
    if sources:
        words.append(f"Published rows are as printed in the papers, not measured here: {'; '.join(sources)}.")
    return "\n\n".join([*blocks, *(textwrap.fill(one, TABLE_WIDTH) for one in words)])


def _format_table(
    scores: Mapping[str, ImageScores],
    protocol: Protocol,
    rows: Sequence[int],
    published: Sequence[Published],
    bootstrap: Bootstrap,
) -> list[str]:
    first, *others = scores
    names = ["", *scores, *(f"{first} ahead of {name}" for name in others)]
    names += [f"{one.method} (published)" for one in published]
    columns = []
    means = [(MEAN, list(rows))] if len(rows) > 1 else []
    for title, selected in [*means, *((protocol.kernels[row], [row]) for row in rows)]:
        of_column = [one.select(selected) for one in scores.values()]
        cells = [format_interval(one.mean(), one.interval(bootstrap=bootstrap)) for one in of_column]
        cells += [format_difference(*of_column[0].ahead_of(one, bootstrap)) for one in of_column[1:]]
        cells += [f"{one.psnr[title]:.2f}" if title in one.psnr else "-" for one in published]
        columns.append([title, *cells])
    similarity = [f"{one.select(rows).mean('ssim'):.4f}" for one in scores.values()]
    columns.append(["SSIM", *similarity, *[""] * len(others), *["-"] * len(published)])
    return align_columns(names, columns)
