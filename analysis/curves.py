"""`python -m analysis.curves RUN RUN ... key=value ...`: draws a probe score of pretraining runs over their budget.

RUN is a pretraining run with probe_every=STEPS, finished or not. Runs that differ only in their seed are one line,
their mean, with a band from the lowest to the highest seed.
"""

import sys

from analysis.config import CurvesConfig
from shared.command import ConfigError, describe_options, load_config, run_command, split_arguments

PROGRAM = "curves"


def main(arguments: list[str]) -> int:
    """Runs the command line; returns the exit status."""
    runs, options = split_arguments(arguments)

    def work() -> int:
        _, config = load_config(CurvesConfig, None, options)
        config.check()
        if not runs:
            raise ConfigError("no run is given: python -m analysis.curves runs/pretrain/A runs/pretrain/B ...")
        # Not at the top: these imports take seconds, and a typo should be reported faster.
        from analysis.curve_files import write_curves
        from analysis.measures.learning_curves import read_learning_curves

        print(write_curves(config, read_learning_curves(runs, config.score, config.over)))
        return 0

    return run_command(
        PROGRAM,
        arguments,
        work,
        help_text=lambda: f"{__doc__}\nOptions:\n{describe_options(CurvesConfig)}",
        after_ctrl_c="stopped",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
