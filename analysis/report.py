"""`python -m analysis.report [ENCODER ...] key=value ...`: look at encoders, measure them, write a report.

ENCODER is the path of a run or an artefact, NAME:untrained (a network, or a path: as it was at its start), or
`statistics`; none takes the newest finished pretraining run. Each is compared with its controls.
"""

import logging
import sys

from analysis.config import SHORTHANDS, AnalysisConfig
from shared.config import load_config, stop

PROGRAM = "embed-viz"


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""
    if any(argument in ("-h", "--help") for argument in arguments):
        print(_help())
        return 0
    logging.basicConfig(level=logging.WARNING, format=f"{PROGRAM}: %(message)s")
    encoders = [argument for argument in arguments if not is_option(argument)]
    options = [argument for argument in arguments if is_option(argument)]
    try:
        _, config = load_config(AnalysisConfig, None, options, groups={}, shorthands=SHORTHANDS)
        config.check()
        # Only now: these imports take seconds, and a typo should not.
        from analysis.run import run

        return run(config, encoders)
    except KeyboardInterrupt:
        print(f"{PROGRAM}: stopped; the same command goes on with what is already embedded", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError) as error:
        stop(PROGRAM, error)


def is_option(argument: str) -> bool:
    """Whether an argument is `key=value` or a flag; a path may hold an `=` after its first slash."""
    return argument.startswith("-") or "=" in argument.partition("/")[0]


def _help() -> str:
    import inspect

    from analysis.probe_sets import probe_names

    return (
        f"{__doc__}\nProbes (probe=NAME): {', '.join(probe_names())}, a degradation space, or a .yaml\n\n"
        f"Options:\n{inspect.cleandoc(AnalysisConfig.__doc__ or '')}\n\nGroups of options: data.*"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
