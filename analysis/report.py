"""`python -m analysis.report [ENCODER ...] key=value ...`: look at encoders, measure them, write a report.

ENCODER is the path of a run or an artefact, NAME:untrained (a network, or a path: as it was at its start), or
`statistics`; none takes the newest finished pretraining run. Each is compared with its controls.
"""

import sys

from analysis.config import SHORTHANDS, AnalysisConfig
from shared.command import describe_options, load_config, run_command, split_arguments

PROGRAM = "embed-viz"


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""
    encoders, options = split_arguments(arguments)

    def work() -> int:
        _, config = load_config(AnalysisConfig, None, options, shorthands=SHORTHANDS)
        config.check()
        # Only now: these imports take seconds, and a typo should not.
        from analysis.run import run

        return run(config, encoders)

    go_on = "stopped; the same command goes on with what is already embedded"
    return run_command(PROGRAM, arguments, work, help_text=_help, after_ctrl_c=go_on)


def _help() -> str:
    from analysis.embedding.probe_sets import probe_names

    return (
        f"{__doc__}\nProbes (probe=NAME): {', '.join(probe_names())}, a degradation space, or a .yaml\n\n"
        f"Options:\n{describe_options(AnalysisConfig)}\n\nGroups of options: data.*"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
