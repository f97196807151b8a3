"""`python -m sr.upscale IN OUT MODEL key=value ...`: super-resolve images with a trained model.

IN is an image or a folder, searched recursively; OUT an image, whose suffix chooses the format, or a folder, which gets
the same relative paths as PNG (TIFF stays TIFF). MODEL is a finished `make sr-train` run, or the folder of its model.
Gray, transparency and 16 bits are kept where the format can hold them.

  --overwrite         replace files that are there already; without it they are kept
  --ensemble          mean over the 8 symmetries of the image, 8 times as slow
  --reference=IMAGE   take the degradation of another image, such as a sharper or larger part of the same photograph

Memory hardly grows with the image: on a CPU edsr_small at x4 peaks at 1.05 GB for an LR image of 4 megapixels and at
0.94 GB for a sixteenth of it, 0.5 GB of which are torch; with DASR's encoder and its maps at 1.26 GB. That holds for
PNG, which is written row by row; other formats take the whole result besides.

Exit status: 0 all done, 1 some failed (listed at the end), 2 nothing could be started, 3 some were kept.
"""

import sys
from pathlib import Path

from shared.command.command_line import attributes_of, command, positional_and_options
from shared.command.config import load_config
from sr.upscaling.config import Request, UpscaleConfig

PROGRAM = "upscale"
FLAGS = ("--overwrite", "--ensemble", "--reference")


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""

    def work() -> int:
        request = read_request(arguments)
        # Only now: these imports take seconds, and a typo should not.
        from sr.upscaling.run import run

        return run(request)

    return command(
        PROGRAM,
        arguments,
        work,
        help_text=_help,
        after_ctrl_c="stopped; whole images are kept, the same command goes on",
    )


def read_request(arguments: list[str]) -> Request:
    """Checks a command line.

    Raises:
        ValueError: in one sentence.
    """
    arguments, reference = _take_reference(arguments)
    flags = {one for one in arguments if one in FLAGS}
    paths, options = positional_and_options([one for one in arguments if one and one not in flags])
    for option in options:
        if option.startswith("-"):
            raise ValueError(f"{option} is unknown: the flags are {', '.join(FLAGS)}, options are key=value")
    _, config = load_config(UpscaleConfig, None, options)
    config.check()
    if len(paths) != 3:
        raise ValueError(
            f"expected three paths, IN, OUT and MODEL, got {len(paths)} ({' '.join(paths) or 'none'}): "
            "make upscale IN=PHOTO.jpg OUT=LARGE.png MODEL=runs/sr/NAME"
        )
    source, target, model, reference = (str(Path(path).expanduser()) if path else path for path in (*paths, reference))
    for what, path in (("IN", source), ("MODEL", model), ("--reference", reference)):
        if path and not Path(path).exists():
            raise ValueError(f"{what}={path}: no such file or folder")
    return Request(source, target, model, "--overwrite" in flags, "--ensemble" in flags, reference, config)


def _take_reference(arguments: list[str]) -> tuple[list[str], str]:
    """The arguments without `--reference=IMAGE` or `--reference IMAGE`, and the image."""
    rest, reference, place = [], "", 0
    while place < len(arguments):
        name, equals, value = arguments[place].partition("=")
        if name == "--reference":
            if not equals and place + 1 < len(arguments):
                place, value = place + 1, arguments[place + 1]
            if not value or value.startswith("--"):
                raise ValueError("--reference needs an image: --reference=IMAGE")
            reference = value
        else:
            rest.append(arguments[place])
        place += 1
    return rest, reference


def _help() -> str:
    return f"{__doc__}\nOptions:\n{attributes_of(UpscaleConfig)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
