"""`python -m sr.upscale IN OUT MODEL key=value ...`: super-resolve images with a trained model.

IN is an image or a folder, searched recursively; OUT an image, whose suffix chooses the format, or a folder, which gets
the same relative paths as PNG (TIFF stays TIFF). MODEL is a finished `make sr-train` run, or the folder of its model.
Gray, transparency and 16 bits are kept where the format can hold them.

Memory hardly grows with the image: on a CPU edsr_small at x4 peaks at 1.05 GB for an LR image of 4 megapixels and at
0.94 GB for a sixteenth of it, 0.5 GB of which are torch; with DASR's encoder and its maps at 1.26 GB. That holds for
PNG, which is written row by row; other formats take the whole result besides.

Exit status: 0 all done, 1 some failed (listed at the end), 2 nothing could be started, 3 some were kept.
"""

import sys
from pathlib import Path

from shared.command import describe_options, load_config, run_command, split_arguments
from sr.upscaling.config import UpscaleConfig

PROGRAM = "upscale"
OLD_FLAGS = ("--ensemble", "--overwrite", "--reference")


def main(arguments: list[str]) -> int:
    """Runs the command line; returns the exit status."""

    def work() -> int:
        config, source, target, model = read_arguments(arguments)
        # Only now: these imports take seconds, and a typo should not.
        from sr.upscaling.run import run

        return run(config, source, target, model)

    return run_command(
        PROGRAM,
        arguments,
        work,
        help_text=_help,
        after_ctrl_c="stopped; whole images are kept, the same command goes on",
    )


def read_arguments(arguments: list[str]) -> tuple[UpscaleConfig, Path, Path, Path]:
    """Reads and checks a command line.

    Returns:
        The options, and the paths IN, OUT and MODEL.

    Raises:
        ValueError: in one sentence.
    """
    arguments, of_flags = _split_old_flags(arguments)
    paths, options = split_arguments([argument for argument in arguments if argument])
    _, config = load_config(UpscaleConfig, None, [*options, *of_flags])
    config.check()
    if len(paths) != 3:
        raise ValueError(
            f"expected three paths, IN, OUT and MODEL, got {len(paths)} ({' '.join(paths) or 'none'}): "
            "make upscale IN=PHOTO.jpg OUT=LARGE.png MODEL=runs/sr/NAME"
        )
    source, target, model = (Path(path).expanduser() for path in paths)
    if config.reference:
        config.reference = str(Path(config.reference).expanduser())
    for what, path in (("IN", source), ("MODEL", model), ("reference", Path(config.reference))):
        if not path.exists():
            raise ValueError(f"{what}={path}: no such file or folder")
    return config, source, target, model


def _split_old_flags(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The other arguments, and the flags of earlier versions as options; says the new spelling on stderr."""
    others, options = [], []
    remaining = iter(arguments)
    for argument in remaining:
        flag, equals, value = argument.partition("=")
        if flag == "--reference":
            value = value if equals else next(remaining, "")
            if not value or value.startswith("--"):
                raise ValueError("--reference needs an image: reference=IMAGE")
            options.append(f"reference={value}")
        elif argument in OLD_FLAGS:
            options.append(f"{argument.removeprefix('--')}=true")
        else:
            others.append(argument)
    if options:
        print(f"{PROGRAM}: flags will go in the next version, write {' '.join(options)}", file=sys.stderr)
    return others, options


def _help() -> str:
    return f"{__doc__}\nOptions:\n{describe_options(UpscaleConfig)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
