"""`python -m sr.train --config-name=RECIPE key=value ...`: train a super-resolution network.

Recipes are the files of sr/recipes, or the path of a .yaml of your own. A killed run goes on when the same command is
given again.
"""

import dataclasses
import sys
from pathlib import Path

from shared.command import describe_options, list_recipes, load_config, run_command

RECIPES = Path(__file__).parent / "recipes"
PROGRAM = "sr-train"


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""

    def work() -> int:
        from sr.training.config import ALIASES, GROUPS, SHORTHANDS, SRConfig

        recipe, config = load_config(
            SRConfig, RECIPES, arguments, groups=GROUPS, shorthands=SHORTHANDS, aliases=ALIASES
        )
        config.name = config.name or recipe
        config.check()
        # Only now: these imports take seconds, and a typo should not.
        from sr.training.run import run

        return run(config, recipe)

    go_on = "stopped; the same command goes on from the last checkpoint"
    return run_command(PROGRAM, arguments, work, help_text=_help, after_ctrl_c=go_on)


def _help() -> str:
    from shared.training.run_config import RunConfig
    from sr.conditioning import CONDITIONINGS, options
    from sr.training.config import ALIASES, GROUPS, SRConfig

    choices = "\n".join(f"{key}={{{', '.join(group.choices)}}}" for key, group in GROUPS.items())
    parts = [f"{f.name}.*" for f in dataclasses.fields(SRConfig) if dataclasses.is_dataclass(f.type)]
    common = (options.Conditioned, options.EncoderOrName, options.Contrast)
    conditioning = describe_options(*(entry.options for entry in CONDITIONINGS.values()), *common)
    short = "\n".join(f"  {old} = {new}" for old, new in ALIASES.items())
    return (
        f"{__doc__}\nRecipes:\n{list_recipes(RECIPES)}\n\nChoices:\n{choices}\n\n"
        f"Options:\n{describe_options(RunConfig, SRConfig)}\n\nConditioning:\n{conditioning}\n\n"
        f"Short names of options:\n{short}\n\n"
        f"Groups of options: {', '.join([*parts, *(f'{key}.*' for key in GROUPS)])}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
