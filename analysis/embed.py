"""`python -m analysis.embed IMAGE ... key=value ...`: what an encoder says of your own images.

IMAGE is a file or a folder. Each image is cut into patches; these are held against a probe set whose degradations are
known: what they look like is told in words, and images that look alike are grouped.
"""

import sys

from analysis.config import SHORTHANDS, AnalysisConfig, OwnImagesConfig
from shared.command import describe_options, load_config, run_command, split_arguments

PROGRAM = "embed"


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""
    images, options = split_arguments(arguments)

    def work() -> int:
        _, config = load_config(OwnImagesConfig, None, options, shorthands=SHORTHANDS)
        config.check()
        if not images:
            raise ValueError("no images given: python -m analysis.embed PHOTO.jpg, or a folder")
        from analysis.own_images import look_at  # only now: its imports take seconds

        return look_at(config, images)

    return run_command(PROGRAM, arguments, work, help_text=_help, after_ctrl_c="stopped; nothing is kept")


def _help() -> str:
    return f"{__doc__}\nOptions:\n{describe_options(OwnImagesConfig, AnalysisConfig)}\n\nGroups of options: data.*"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
