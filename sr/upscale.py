"""`python -m sr.upscale IN OUT MODEL key=value ...`: super-resolve images with a trained model.

IN is an image or a folder, which is searched recursively. OUT is an image, whose suffix determines the format, or a
folder, in which the results keep their relative paths and become PNG (TIFF stays TIFF). MODEL is a finished
`make sr-train` run or the folder of its model. Gray images, transparency and 16 bits are preserved if the format
supports them.

Memory hardly grows with the image: on a CPU edsr_small at x4 needs at most 1.05 GB for an LR image of 4 megapixels and
0.94 GB for one of 0.25 megapixels, including 0.5 GB for torch, and 1.26 GB with DASR's encoder and its maps. This holds
for PNG, which is written row by row; other formats need memory for the whole result in addition.

`blur=1.8 noise=0` steers a model by hand, in the words and units in which it prints what it reads.

Exit status: 0 all images done, 1 some failed (listed at the end), 2 stopped by an error, 3 some results existed already
and were kept.
"""

import sys
from pathlib import Path

from shared.command import describe_options, load_config, run_command, split_arguments
from shared.files import expand_user
from sr.upscaling.config import Steering, UpscaleConfig

PROGRAM = "upscale"
OLD_FLAGS = ("--ensemble", "--overwrite", "--reference")


def main(arguments: list[str]) -> int:
    """Runs the command line and returns the exit status."""

    def work() -> int:
        config, source, target, model = read_arguments(arguments)
        if model.is_file():
            from sr.imports.recognition import explain_file

            raise ValueError(f"MODEL: {explain_file(model)}")
        # imported after the check, so that a typo is reported without waiting for the libraries
        from sr.upscaling.run import run

        return run(config, source, target, model)

    return run_command(
        PROGRAM,
        arguments,
        work,
        help_text=_format_help,
        after_ctrl_c="stopped; finished images are kept, the same command does the others",
    )


def read_arguments(arguments: list[str]) -> tuple[UpscaleConfig, Path, Path, Path]:
    """Reads and checks a command line.

    Returns:
        The options, and the paths IN, OUT and MODEL.

    Raises:
        ValueError: An argument is invalid; the message is one sentence.
    """
    arguments, flag_options = _split_old_flags(arguments)
    paths, options = split_arguments([argument for argument in arguments if argument])
    _, config = load_config(UpscaleConfig, None, [*options, *flag_options])
    config.check()
    if len(paths) != 3:
        raise ValueError(
            f"expected three paths, IN, OUT and MODEL, got {len(paths)} ({' '.join(paths) or 'none'}); for example "
            "make upscale IN=PHOTO.jpg OUT=LARGE.png MODEL=runs/sr/NAME"
        )
    source, target, model = (expand_user(path, name) for name, path in zip(("IN", "OUT", "MODEL"), paths, strict=True))
    if config.reference:
        config.reference = str(expand_user(config.reference, "reference"))
    for name, path in (("IN", source), ("MODEL", model), ("reference", Path(config.reference))):
        if not path.exists():
            raise ValueError(f"{name}={path}: no such file or folder")
    return config, source, target, model


def _split_old_flags(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Splits off the flags of earlier versions, converted to options, and prints the new spelling to stderr."""
    others, options = [], []
    remaining = iter(arguments)
    for argument in remaining:
        flag, equals, value = argument.partition("=")
        if flag == "--reference":
            value = value if equals else next(remaining, "")
            if not value or value.startswith("--"):
                raise ValueError("--reference needs an image: write reference=IMAGE")
            options.append(f"reference={value}")
        elif argument in OLD_FLAGS:
            options.append(f"{argument.removeprefix('--')}=true")
        else:
            others.append(argument)
    if options:
        print(f"{PROGRAM}: the next version will no longer accept flags; write {' '.join(options)}", file=sys.stderr)
    return others, options


def _format_help() -> str:
    return f"{__doc__}\n{describe_options(UpscaleConfig, Steering)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
