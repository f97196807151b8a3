"""`python -m sr.evaluate [MODEL ...] key=value ...`: score SR models by the published protocols.

MODEL is the path of a run or of a model folder, or `bicubic`; none takes the newest finished SR run. Of several, the
first is compared with each other one by a paired bootstrap over images.
"""

import sys

from shared.command import describe_options, load_config, run_command, split_arguments
from sr.evaluation.config import SHORTHANDS, EvaluationConfig

PROGRAM = "sr-eval"


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""
    models, options = split_arguments(arguments)

    def work() -> int:
        _, config = load_config(EvaluationConfig, None, options, shorthands=SHORTHANDS)
        config.check()
        # Only now: these imports take seconds, and a typo should not.
        from sr.evaluation.run import run

        return run(config, models)

    return run_command(
        PROGRAM, arguments, work, help_text=_help, after_ctrl_c="stopped; the same command starts from the beginning"
    )


def _help() -> str:
    from sr.evaluation.protocols import PROTOCOLS

    protocols = "\n".join(f"  {name:18s}{meaning}" for name, meaning in PROTOCOLS.items())
    return (
        f"{__doc__}\nProtocols (protocol=NAME, or a .yaml with `rows`):\n{protocols}\n\n"
        f"Options:\n{describe_options(EvaluationConfig)}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
