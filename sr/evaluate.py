"""`python -m sr.evaluate [MODEL ...] key=value ...`: score SR models by the published protocols.

MODEL is the path of an SR run or of a model's folder, or `bicubic`; by default the newest finished SR run. If several
models are given, the first is compared with each of the others by a paired bootstrap over images.
"""

import sys
from pathlib import Path

from shared.command import describe_options, load_config, run_command, split_arguments
from sr.evaluation.config import SHORTHANDS, EvaluationConfig

PROGRAM = "sr-eval"


def main(arguments: list[str]) -> int:
    """Runs the command line and returns the exit status."""
    models, options = split_arguments(arguments)

    def work() -> int:
        _, config = load_config(EvaluationConfig, None, options, shorthands=SHORTHANDS)
        config.check()
        for model in models:
            if Path(model).is_file():
                from sr.imports.recognition import explain_file

                raise ValueError(explain_file(Path(model)))
        # imported after the check, so that a typo is reported without waiting for the libraries
        from sr.evaluation.run import run

        return run(config, models)

    return run_command(
        PROGRAM,
        arguments,
        work,
        help_text=_format_help,
        after_ctrl_c="stopped; the same command starts from the beginning",
    )


def _format_help() -> str:
    from sr.evaluation.protocols import PROTOCOLS

    protocols = "\n".join(f"  {name:18s}{description}" for name, description in PROTOCOLS.items())
    return (
        f"{__doc__}\nProtocols (protocol=NAME, or the path of a .yaml with `rows`):\n{protocols}\n\n"
        f"{describe_options(EvaluationConfig)}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
