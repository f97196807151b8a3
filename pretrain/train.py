"""`python -m pretrain.train --config-name=RECIPE key=value ...`: train a degradation encoder.

Recipes are the files of pretrain/recipes, or the path of a .yaml of your own. A killed run goes on when the same
command is given again.
"""

import dataclasses
import sys
from pathlib import Path

from pretrain.config import GROUPS, SHORTHANDS, PretrainConfig
from shared.command import describe_options, list_recipes, load_config, run_command
from shared.training.run_config import RunConfig

RECIPES = Path(__file__).parent / "recipes"
PROGRAM = "pretrain"


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""

    def work() -> int:
        recipe, config = load_config(PretrainConfig, RECIPES, arguments, groups=GROUPS, shorthands=SHORTHANDS)
        config.name = config.name or recipe
        config.check()
        # Only now: these imports take seconds, and a typo should not.
        from pretrain.run import run

        return run(config, recipe)

    go_on = "stopped; the same command goes on from the last checkpoint"
    return run_command(PROGRAM, arguments, work, help_text=_help, after_ctrl_c=go_on)


def _help() -> str:
    parts = [f"{f.name}.*" for f in dataclasses.fields(PretrainConfig) if dataclasses.is_dataclass(f.type)]
    methods = ", ".join(GROUPS["method"].choices)
    return (
        f"{__doc__}\nRecipes:\n{list_recipes(RECIPES)}\n\nMethods (method=NAME): {methods}\n\n"
        f"Options:\n{describe_options(RunConfig, PretrainConfig)}\n\nGroups of options: {', '.join(parts)}, method.*"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
