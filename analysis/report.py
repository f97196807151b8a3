"""`python -m analysis.report [ENCODER ...] key=value ...`: look at encoders, measure them, write a report.

ENCODER is the path of a run or an artefact, NAME:untrained (a network, or a path: as it was at its start), or
`statistics`; none takes the newest finished pretraining run. Each is compared with its controls.
"""

import sys

from analysis.config import SHORTHANDS, AnalysisConfig
from shared.command.command_line import attributes_of, command, positional_and_options
from shared.command.config import load_config

PROGRAM = "embed-viz"


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""
    encoders, options = positional_and_options(arguments)

    def work() -> int:
        _, config = load_config(AnalysisConfig, None, options, shorthands=SHORTHANDS)
        config.check()
        # Only now: these imports take seconds, and a typo should not.
        from analysis.run import run

        return run(config, encoders)

    go_on = "stopped; the same command goes on with what is already embedded"
    return command(PROGRAM, arguments, work, help_text=_help, after_ctrl_c=go_on)


def _help() -> str:
    from analysis.embedding.probe_spaces import probe_names

    return (
        f"{__doc__}\nProbes (probe=NAME): {', '.join(probe_names())}, a degradation space, or a .yaml\n\n"
        f"Options:\n{attributes_of(AnalysisConfig)}\n\nGroups of options: data.*"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
