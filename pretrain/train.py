"""`python -m pretrain.train --config-name=RECIPE key=value ...`: train a degradation encoder.

RECIPE is the name of a recipe below or the path of your own .yaml file; the default is `quick`. The options on the
command line replace those of the recipe. An interrupted run continues when the same command is repeated.
"""

import dataclasses
import sys
from pathlib import Path

from pretrain.config import GROUPS, SHORTHANDS, PretrainConfig
from pretrain.methods import METHODS
from shared.command import describe_options, list_recipes, load_config, print_config, run_command
from shared.command.help_text import format_defaults
from shared.training.run_config import RunConfig

RECIPES = Path(__file__).parent / "recipes"
PROGRAM = "pretrain"


def main(arguments: list[str]) -> int:
    """Runs the command line and returns the exit status."""

    def work() -> int:
        recipe, config = load_config(PretrainConfig, RECIPES, arguments, groups=GROUPS, shorthands=SHORTHANDS)
        config.name = config.name or recipe
        config.check()
        if config.show_config:
            config.fit_time_constants()
            print_config(config, config.count_per_step())
            return 0
        # imported after the check, so that a typo is reported without waiting for the libraries
        from pretrain.run import run

        return run(config, recipe)

    stopped = "stopped; the same command continues from the last checkpoint"
    return run_command(PROGRAM, arguments, work, help_text=_help, after_ctrl_c=stopped)


def _help() -> str:
    methods = "\n".join(f"  {name:15s}{format_defaults(entry.config())}" for name, entry in METHODS.items())
    groups = "\n\n".join(
        f"{field.name}.*: {format_defaults(field.type())}\n{describe_options(field.type)}"
        for field in dataclasses.fields(PretrainConfig)
        if isinstance(field.type, type) and dataclasses.is_dataclass(field.type)
    )
    return (
        f"{__doc__}\nRecipes (--config-name=NAME):\n{list_recipes(RECIPES)}\n\n"
        f"Methods (method=NAME) and the defaults of their options (method.OPTION=VALUE):\n{methods}\n\n"
        f"Options:\n{describe_options(RunConfig, PretrainConfig)}\n\n"
        f"Groups of options (such as optimizer.lr=1e-4) and their defaults:\n\n{groups}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
