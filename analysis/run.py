"""One report: embeds a probe set with every embedder, scores, draws, and writes `runs/analysis/<name>/`."""

import textwrap
import time
from collections.abc import Sequence

import numpy as np
import torch

from analysis.config import AnalysisConfig
from analysis.embedding.cache import embed_cached, render_patches
from analysis.embedding.embedders import SUPERVISED, Embedder, explain_missing_ceiling, open_at_vector, open_embedders
from analysis.embedding.probe_choice import choose_probe
from analysis.embedding.projection import project
from analysis.figures.pictures import make_slug
from analysis.measures.loss_floor import estimate_loss_floor
from analysis.measures.scores import score_for_report
from analysis.report_files import FORMAT, PAGE, RESULTS, STAGE, EmbedderReport, write_report
from analysis.wording.score_table import LEGEND
from shared.command import to_plain
from shared.devices import resolve_precision, select_device
from shared.files import expand_user
from shared.probing import ProbeSet
from shared.progress_bar import ProgressBar
from shared.run_folders.report_folder import ReportFolder

LINE = 110  # characters of a printed line


def run(config: AnalysisConfig, encoders: Sequence[str]) -> int:
    """Writes the report, or prints the results of a finished one with the same options; returns the exit status."""
    started = time.perf_counter()
    device = select_device(config.accelerator)
    config.precision = resolve_precision(config.precision, device)
    embedders, notes = open_embedders(encoders, config.runs_dir, config.layer)
    probe, embedders, omitted = choose_probe(config, embedders)
    report = ReportFolder(
        config.runs_dir,
        STAGE,
        name=config.name,
        default=make_slug(f"{embedders[0].name}-{probe.name}"),
        config=to_plain(config)
        | {
            "probe_hash": probe.hash(),
            "subjects": {embedder.name: embedder.hash for embedder in embedders},
            "asked": [embedder.name for embedder in embedders if embedder.requested],
            "format": FORMAT,
            "degradations": probe.names,
            "images": list(probe.store.names),
        },
        results=RESULTS,
        required=(PAGE,),
    )
    with report.lock():
        found, when = report.load(), "made before"
        if found is None:
            reports, failed = evaluate(config, embedders, probe, device)
            patches = render_patches(probe, expand_user(config.data.cache_dir, "data.cache_dir"))
            with report.writing() as folder:
                found = write_report(folder, config, probe, patches, reports, [*notes, *omitted, *failed])
            when = f"{time.perf_counter() - started:.0f} s"
    verdict = "\n".join(textwrap.fill(sentence, LINE) for sentence in found["verdict"])
    print(f"\n{found['heading']}\n\n{verdict}\n\n{found['table']}\n\n{LEGEND}\n\npage: {report.path / PAGE} ({when})")
    return 0


def evaluate(
    config: AnalysisConfig, embedders: Sequence[Embedder], probe: ProbeSet, device: torch.device
) -> tuple[list[EmbedderReport], list[str]]:
    """Embeds, scores and maps a probe set with every embedder; also returns notes on controls that failed.

    Raises:
        ValueError: A requested embedder cannot be scored; names it.
    """
    cache = expand_user(config.data.cache_dir, "data.cache_dir")
    bf16 = config.precision == "bf16"

    def embed(embedder: Embedder, probe: ProbeSet) -> np.ndarray:
        return embed_cached(embedder, probe, render_patches(probe, cache), cache, device=device, bf16=bf16)

    reports: list[EmbedderReport] = []
    notes = []
    with ProgressBar(total=3 * len(embedders), unit="step", leave=False) as bar:
        for embedder in embedders:
            try:
                bar.set_description(f"embedding of {embedder.name}")
                embedding = embed(embedder, probe)
                bar.update()
                bar.set_description(f"scores of {embedder.name}")
                scores = score_for_report(embedding, probe, repeats=config.repeats, seed=config.seed)
                bar.update()
            except (ValueError, RuntimeError) as error:
                if embedder.requested or embedder.method != SUPERVISED:
                    if isinstance(error, RuntimeError):  # out of memory, or a bug
                        raise
                    raise ValueError(f"{embedder.name}: {error}") from error
                notes.append(explain_missing_ceiling(embedder.path, str(error)))
                continue
            if embedder.trained_on and not embedder.seen:
                scores.notes.append(
                    "its artefact does not record the training images, which may include those of the probe set"
                )
            loss = None
            if embedder.requested and embedder.path and embedder.path not in {one.embedder.path for one in reports}:
                loss = estimate_loss_floor(
                    open_at_vector(embedder), probe.store, embed, repeats=config.repeats, seed=config.seed
                )
            if isinstance(loss, str):
                scores.notes.append(loss)
                loss = None
            elif loss is not None:
                scores.notes.append(loss.describe())
            bar.set_description(f"map of {embedder.name}")
            map_ = project(embedding, config.map, config.seed)
            reports.append(EmbedderReport(embedder, embedding, scores, map_, loss))
            bar.update()
    return reports, notes
