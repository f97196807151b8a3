"""`python -m analysis.snapshot ENCODER log=FOLDER step=N key=value ...`: pictures of a moment of a run, in its own log.

A training run starts this in a process of its own every `figures_every` steps. ENCODER is a folder of its own that is
deleted at the end; the pictures go into the TensorBoard folder `log`.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from analysis.config import SHORTHANDS, AnalysisConfig
from shared.command import load_config, run_command, split_arguments

PROGRAM = "snapshot"
PRIVATE = ".snapshot-"  # begins the names of the folders that a run makes for this program


@dataclass
class SnapshotConfig(AnalysisConfig):
    """A moment of a run.

    Attributes:
        log: TensorBoard folder.
        step: optimiser step.
    """

    log: str = ""
    step: int = 0


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""
    encoders, options = split_arguments(arguments)

    def work() -> int:
        _, config = load_config(SnapshotConfig, None, options, shorthands=SHORTHANDS)
        config.check()
        if len(encoders) != 1 or not config.log:
            raise ValueError("give one encoder, log=FOLDER and step=N")
        if not Path(encoders[0]).name.startswith(PRIVATE):
            raise ValueError(f"{encoders[0]}: only a folder named {PRIVATE}N, which is deleted at the end, is taken")
        draw(config, Path(encoders[0]))
        return 0

    return run_command(PROGRAM, arguments, work, help_text=lambda: __doc__ or "", after_ctrl_c="stopped")


def draw(config: SnapshotConfig, encoder: Path) -> None:
    """Embeds the probe set and adds the pictures to the log; the encoder's folder is gone afterwards."""
    import numpy as np
    from torch.utils.tensorboard import SummaryWriter

    from analysis.embedding.cache import embed_stream, rendered
    from analysis.embedding.embedders import open_subjects
    from analysis.figures.map_plots import map_sheet
    from analysis.figures.pictures import colours_of
    from analysis.figures.plots import separation_heatmap
    from analysis.measures.scores import score
    from analysis.run import map_of, probe_for
    from shared.devices import resolve_precision, select_device

    (subject, *_), _ = open_subjects([str(encoder)], config.runs_dir, config.layer)
    network = subject.build()
    shutil.rmtree(encoder)
    probe, _, _ = probe_for(config, [subject])
    patches = rendered(probe, Path(config.data.cache_dir).expanduser(), quiet=True)
    device = select_device(config.accelerator)
    bf16 = resolve_precision(config.precision, device) == "bf16"
    parts = embed_stream(network, patches, device=device, bf16=bf16)
    embedding = np.concatenate(list(parts))
    points, trust = map_of(embedding, config)
    words = f"step {config.step}"
    with SummaryWriter(config.log) as board:
        sheet = map_sheet(points, colours_of(probe), encoder=words, method=config.map.upper(), trustworthiness=trust)
        board.add_figure("analysis/map", sheet, config.step)
        if probe.is_listed:
            matrix = score(embedding, probe, repeats=0, seed=config.seed).separation
            board.add_figure("analysis/separation", separation_heatmap(matrix, probe.names, encoder=words), config.step)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
