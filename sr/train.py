"""`python -m sr.train --config-name=RECIPE key=value ...`: train a super-resolution network.

Recipes are the files of sr/recipes, or the path of a .yaml of your own. A killed run goes on when the same command is
given again.
"""

import dataclasses
import inspect
import sys
from pathlib import Path

from shared.command_line import command
from shared.config import load_config

RECIPES = Path(__file__).parent / "recipes"
PROGRAM = "sr-train"


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""

    def work() -> int:
        from sr.config import GROUPS, SHORTHANDS, SRConfig

        recipe, config = load_config(SRConfig, RECIPES, arguments, groups=GROUPS, shorthands=SHORTHANDS)
        config.name = config.name or recipe
        config.check()
        # Only now: these imports take seconds, and a typo should not.
        from sr.run import run

        return run(config, recipe)

    go_on = "stopped; the same command goes on from the last checkpoint"
    return command(PROGRAM, arguments, work, help_text=_help, after_ctrl_c=go_on)


def _help() -> str:
    from sr.conditioning import MEANING
    from sr.config import GROUPS, SRConfig

    recipes = "\n".join(f"  {path.stem:28s}{_title(path)}" for path in sorted(RECIPES.glob("*.yaml")))
    choices = "\n".join(f"{group}={{{', '.join(names)}}}" for group, names in GROUPS.items())
    attributes = "\n\n".join(inspect.cleandoc(one.__doc__ or "") for one in (SRConfig.__mro__[1], SRConfig))
    parts = [f"{f.name}.*" for f in dataclasses.fields(SRConfig) if dataclasses.is_dataclass(f.type)]
    return (
        f"{__doc__}\nRecipes:\n{recipes}\n\nChoices:\n{choices}\n\nConditioning:\n{MEANING}\n\nOptions:\n{attributes}\n\n"
        f"Groups of options: {', '.join([*parts, *(f'{group}.*' for group in GROUPS)])}"
    )


def _title(recipe: Path) -> str:
    return recipe.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
