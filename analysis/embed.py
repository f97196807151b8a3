"""`python -m analysis.embed IMAGE ... key=value ...`: what an encoder says of your own images.

IMAGE is a file or a folder. Each image is cut into patches; these are held against a probe set whose degradations are
known: what they look like is told in words, and images that look alike are grouped.
"""

import inspect
import logging
import sys

from analysis.config import SHORTHANDS, AnalysisConfig, OwnImagesConfig
from analysis.report import is_option
from shared.config import load_config, stop

PROGRAM = "embed"


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""
    if any(argument in ("-h", "--help") for argument in arguments):
        attributes = (inspect.cleandoc(one.__doc__ or "") for one in (OwnImagesConfig, AnalysisConfig))
        print(f"{__doc__}\nOptions:\n" + "\n\n".join(attributes) + "\n\nGroups of options: data.*")
        return 0
    logging.basicConfig(level=logging.WARNING, format=f"{PROGRAM}: %(message)s")
    images = [argument for argument in arguments if not is_option(argument)]
    options = [argument for argument in arguments if is_option(argument)]
    try:
        _, config = load_config(OwnImagesConfig, None, options, groups={}, shorthands=SHORTHANDS)
        config.check()
        if not images:
            raise ValueError("no images given: python -m analysis.embed PHOTO.jpg, or a folder")
        from analysis.own_images import look_at  # only now: its imports take seconds

        return look_at(config, images)
    except KeyboardInterrupt:
        print(f"{PROGRAM}: stopped", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError) as error:
        stop(PROGRAM, error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
