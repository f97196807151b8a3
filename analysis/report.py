"""`python -m analysis.report [ENCODER ...] key=value ...`: measures and visualises encoders in a report.

ENCODER is the path of a run or an artefact, NAME:untrained (a network, or a path: the weights it started from), or
`statistics`; the default is the newest finished pretraining run. Each is compared with its controls.
"""

import sys

from analysis.config import SHORTHANDS, AnalysisConfig
from shared.command import describe_options, load_config, run_command, split_arguments

PROGRAM = "embed-viz"


def main(arguments: list[str]) -> int:
    """Runs the command line; returns the exit status."""
    encoders, options = split_arguments(arguments)

    def work() -> int:
        _, config = load_config(AnalysisConfig, None, options, shorthands=SHORTHANDS)
        config.check()
        # Not at the top: these imports take seconds, and a typo should be reported faster.
        from analysis.run import run

        return run(config, encoders)

    hint = "stopped; the same command resumes from the embeddings made so far"
    return run_command(PROGRAM, arguments, work, help_text=_help, after_ctrl_c=hint)


def _help() -> str:
    from analysis.embedding.probe_spaces import probe_names

    return (
        f"{__doc__}\nProbes (probe=NAME): {', '.join(probe_names())}, a degradation space, or the path of a .yaml\n\n"
        f"Options:\n{describe_options(AnalysisConfig)}\n\nGroups of options: data.*"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
