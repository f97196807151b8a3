"""`python -m sr.train --config-name=RECIPE key=value ...`: trains a super-resolution network.

RECIPE is the name of a file in sr/recipes (default: quick) or the path of a .yaml of your own. If a run is interrupted,
the same command resumes it.
"""

import dataclasses
import sys
from pathlib import Path

from shared.command.command_line import attributes_of, command, recipe_titles
from shared.command.config import load_config

RECIPES = Path(__file__).parent / "recipes"
PROGRAM = "sr-train"


def main(arguments: list[str]) -> int:
    """Runs the command line and returns the exit status."""

    def work() -> int:
        from sr.training.config import ALIASES, GROUPS, SHORTHANDS, SRConfig

        recipe, config = load_config(
            SRConfig, RECIPES, arguments, groups=GROUPS, shorthands=SHORTHANDS, aliases=ALIASES
        )
        config.name = config.name or recipe
        config.check()
        # Imported here since it takes seconds, and a typo should be refused at once.
        from sr.training.run import run

        return run(config, recipe)

    return command(
        PROGRAM,
        arguments,
        work,
        help_text=_format_help,
        after_ctrl_c="stopped; the same command resumes from the last checkpoint",
    )


def _format_help() -> str:
    from shared.training.run_config import RunConfig
    from sr.conditioning import CONDITIONINGS, options
    from sr.training.config import ALIASES, GROUPS, SRConfig

    choices = "\n".join(f"  {key}={{{', '.join(group.choices)}}}" for key, group in GROUPS.items())
    parts = [f"{f.name}.*" for f in dataclasses.fields(SRConfig) if dataclasses.is_dataclass(f.type)]
    common = (options.Conditioned, options.EncoderOrName, options.Contrast)
    conditioning = attributes_of(*(entry.options for entry in CONDITIONINGS.values()), *common)
    short = "\n".join(f"  {alias} = {option}" for alias, option in ALIASES.items() if option.endswith(f".{alias}"))
    earlier = "\n".join(
        f"  {alias} = {option}" for alias, option in ALIASES.items() if not option.endswith(f".{alias}")
    )
    return (
        f"{__doc__}\nRecipes:\n{recipe_titles(RECIPES)}\n\nChoices:\n{choices}\n\n"
        f"Options:\n{attributes_of(RunConfig, SRConfig)}\n\nConditionings:\n{conditioning}\n\n"
        f"Short names of options:\n{short}\n\n"
        f"Earlier names of options, still accepted:\n{earlier}\n\n"
        f"Groups of options: {', '.join([*parts, *(f'{key}.*' for key in GROUPS)])}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
