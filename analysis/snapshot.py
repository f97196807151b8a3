"""`python -m analysis.snapshot ENCODER log=FOLDER step=N key=value ...`: figures of a run in progress, in its own log.

A training run starts this in a separate process every `figures_every` steps. ENCODER is a temporary folder that is
deleted at the end; the figures go into the TensorBoard folder `log`.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from analysis.config import SHORTHANDS, AnalysisConfig
from shared.command import load_config, run_command, split_arguments
from shared.files import expand_user

PROGRAM = "snapshot"
PRIVATE = ".snapshot-"  # prefix of the temporary folders that a run makes for this program


@dataclass
class SnapshotConfig(AnalysisConfig):
    """Options of `python -m analysis.snapshot`.

    Attributes:
        log: TensorBoard folder.
        step: Optimiser step.
    """

    log: str = ""
    step: int = 0


def main(arguments: list[str]) -> int:
    """Runs the command line; returns the exit status."""
    encoders, options = split_arguments(arguments)

    def work() -> int:
        _, config = load_config(SnapshotConfig, None, options, shorthands=SHORTHANDS)
        config.check()
        if len(encoders) != 1 or not config.log:
            raise ValueError("expected one encoder, log=FOLDER and step=N")
        if not Path(encoders[0]).name.startswith(PRIVATE):
            raise ValueError(f"{encoders[0]}: the folder is deleted at the end, so its name must begin with {PRIVATE}")
        draw(config, Path(encoders[0]))
        return 0

    return run_command(PROGRAM, arguments, work, help_text=lambda: __doc__ or "", after_ctrl_c="stopped")


def draw(config: SnapshotConfig, encoder: Path) -> None:
    """Embeds the probe set, adds the figures to the log, and deletes the encoder's folder."""
    import numpy as np
    from torch.utils.tensorboard import SummaryWriter

    from analysis.embedding.cache import embed_stream, render_patches
    from analysis.embedding.embedders import open_embedders
    from analysis.embedding.probe_choice import choose_probe
    from analysis.embedding.projection import project
    from analysis.figures.map_plots import map_sheet
    from analysis.figures.pictures import make_colours
    from analysis.figures.plots import separation_heatmap
    from analysis.measures.scores import score_for_report
    from shared.devices import resolve_precision, select_device

    (embedder, *_), _ = open_embedders([str(encoder)], config.runs_dir, config.layer)
    network = embedder.build()
    shutil.rmtree(encoder)
    probe, _, _ = choose_probe(config, [embedder])
    patches = render_patches(probe, expand_user(config.data.cache_dir, "data.cache_dir"), quiet=True)
    device = select_device(config.accelerator)
    bf16 = resolve_precision(config.precision, device) == "bf16"
    parts = embed_stream(network, patches, device=device, bf16=bf16)
    embedding = np.concatenate(list(parts))
    points, trust = project(embedding, config.map, config.seed)
    title = f"step {config.step}"
    with SummaryWriter(config.log) as writer:
        sheet = map_sheet(points, make_colours(probe), encoder=title, method=config.map.upper(), trustworthiness=trust)
        writer.add_figure("analysis/map", sheet, config.step)
        if probe.is_listed:
            matrix = score_for_report(embedding, probe, repeats=0, seed=config.seed).separation
            heatmap = separation_heatmap(matrix, probe.names, encoder=title)
            writer.add_figure("analysis/separation", heatmap, config.step)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
