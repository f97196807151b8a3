"""`python -m analysis.embed IMAGE ... key=value ...`: what an encoder says of your own images.

IMAGE is a file or a folder. Each image is cut into patches; these are held against a probe set whose degradations are
known: what they look like is told in words, and images that look alike are grouped.
"""

import sys

from analysis.config import SHORTHANDS, AnalysisConfig, OwnImagesConfig
from shared.command.command_line import attributes_of, command, positional_and_options
from shared.command.config import load_config

PROGRAM = "embed"


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""
    images, options = positional_and_options(arguments)

    def work() -> int:
        _, config = load_config(OwnImagesConfig, None, options, shorthands=SHORTHANDS)
        config.check()
        if not images:
            raise ValueError("no images given: python -m analysis.embed PHOTO.jpg, or a folder")
        from analysis.own_images import describe_images  # only now: its imports take seconds

        return describe_images(config, images)

    return command(PROGRAM, arguments, work, help_text=_help, after_ctrl_c="stopped; nothing is kept")


def _help() -> str:
    return f"{__doc__}\nOptions:\n{attributes_of(OwnImagesConfig, AnalysisConfig)}\n\nGroups of options: data.*"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
