"""`python -m sr.shares RUN RUN ...`: how much of what knowing the degradation is worth each condition wins.

RUN is a finished SR run. Runs that differ only in their seed are one condition; among them must be runs with
conditioning=constant (share 0) and conditioning=oracle (share 1), of the same network, budget and images. For example

  python -m sr.shares runs/sr/constant-* runs/sr/oracle-* runs/sr/frozen-*
"""

import sys

from shared.command import run_command

PROGRAM = "sr-shares"


def main(arguments: list[str]) -> int:
    """Runs the command line and returns the exit status."""

    def work() -> int:
        from sr.evaluation.shares import format_shares, read_conditions

        if not arguments:
            raise ValueError("no run is given: python -m sr.shares runs/sr/constant-* runs/sr/oracle-* runs/sr/MINE-*")
        print(format_shares(read_conditions(arguments)))
        return 0

    return run_command(PROGRAM, arguments, work, help_text=lambda: __doc__ or "", after_ctrl_c="stopped")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
