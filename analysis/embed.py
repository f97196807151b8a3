"""`python -m analysis.embed IMAGE ... key=value ...`: what happened to your own photographs, as an encoder reads it.

IMAGE is a file or a folder. The report says of each image whether it is blurred, moved, noisy or a JPEG, and how much,
with intervals that hold the truth in four of five cases; it groups images with similar degradations, and shows their
patches among those of a probe set, whose degradations are known. `readings.json` and `readings.csv` list the readings.
"""

import sys

from analysis.config import SHORTHANDS, AnalysisConfig, OwnImagesConfig
from shared.command import describe_options, load_config, run_command, split_arguments

PROGRAM = "embed"


def main(arguments: list[str]) -> int:
    """Runs the command line; returns the exit status."""
    images, options = split_arguments(arguments)

    def work() -> int:
        _, config = load_config(OwnImagesConfig, None, options, shorthands=SHORTHANDS)
        config.check()
        if not images:
            raise ValueError("no images given; pass image files or folders: python -m analysis.embed PHOTO.jpg FOLDER")
        from analysis.own_images import describe_images  # only now: its imports take seconds

        return describe_images(config, images)

    return run_command(PROGRAM, arguments, work, help_text=_help, after_ctrl_c="stopped; no report was written")


def _help() -> str:
    return f"{__doc__}\nOptions:\n{describe_options(OwnImagesConfig, AnalysisConfig)}\n\nGroups of options: data.*"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
