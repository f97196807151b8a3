"""`python -m sr.train --config-name=RECIPE key=value ...`: train a super-resolution network.

RECIPE is the name of a recipe below or the path of your own .yaml file; the default is `quick`. The options on the
command line replace those of the recipe. An interrupted run continues when the same command is repeated.
"""

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.command import describe_options, list_recipes, load_config, print_config, run_command
from shared.command.help_text import format_defaults

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
        if config.show_config:
            config.fit_time_constants()
            print_config(config, config.count_per_step())
            return 0
        # imported after the check, so that a typo is reported without waiting for the libraries
        from sr.training.run import run

        return run(config, recipe)

    return run_command(
        PROGRAM,
        arguments,
        work,
        help_text=_format_help,
        after_ctrl_c="stopped; the same command continues from the last checkpoint",
    )


def _format_help() -> str:
    from pretrain.methods import METHODS, PositivesConfig
    from shared.training.run_config import RunConfig
    from sr.conditioning import CONDITIONINGS, contrast_options, options
    from sr.fusion import FUSIONS
    from sr.networks import NETWORKS
    from sr.training.config import ALIASES, SRConfig

    common = (
        options.Conditioned,
        options.ReadsWindows,
        options.ReadsImages,
        options.TrainsEncoder,
        options.EncoderOrName,
        contrast_options.Contrast,
    )
    conditionings = describe_options(*(entry.options for entry in CONDITIONINGS.values()), *common)
    defaults = vars(SRConfig()) | {"positives": PositivesConfig()}
    groups = "\n\n".join(
        f"{name}.*: {format_defaults(value)}\n{describe_options(type(value))}"
        for name, value in defaults.items()
        if dataclasses.is_dataclass(value) and name != "conditioning"
    )
    short = [alias for alias, option in ALIASES.items() if option == f"conditioning.{alias}"]
    earlier = "\n".join(f"  {alias} = {option}" for alias, option in ALIASES.items() if alias not in short)
    return (
        f"{__doc__}\nRecipes (--config-name=NAME):\n{list_recipes(RECIPES)}\n\n"
        f"Networks (network=NAME) and the defaults of their options (network.OPTION=VALUE):\n"
        f"{_list_choices(NETWORKS)}\n\n"
        f"Fusions (fusion=NAME) and the defaults of their options (fusion.OPTION=VALUE):\n"
        f"{_list_choices(FUSIONS)}\n\n"
        f"Methods of the contrastive loss (method=NAME) and the defaults of their options (method.OPTION=VALUE):\n"
        f"{_list_choices(METHODS)}\n\n"
        f"Conditionings (conditioning=NAME) and their options (conditioning.OPTION=VALUE; `conditioning.` may be\n"
        f"omitted before {', '.join(short)}):\n\n{conditionings}\n\n"
        f"Defaults of the conditionings:\n{_list_conditioning_defaults()}\n\n"
        f"Options:\n{describe_options(RunConfig, SRConfig)}\n\n"
        f"Groups of options (such as optimizer.lr=1e-4) and their defaults:\n\n{groups}\n\n"
        f"Earlier names of options, still accepted:\n{earlier}"
    )


def _list_conditioning_defaults() -> str:
    """Lists the numbers, switches and `auto` of each conditioning; the other options have groups of their own."""
    from sr.conditioning import CONDITIONINGS

    lines = []
    for name, entry in CONDITIONINGS.items():
        values = {field.name: field.default for field in dataclasses.fields(entry.options)}
        plain = {
            key: value for key, value in values.items() if isinstance(value, bool | int | float) or value == "auto"
        }
        texts = (f"{key}={value if value == 'auto' else json.dumps(value)}" for key, value in plain.items())
        lines.append(f"  {name:18s}{' '.join(texts)}".rstrip())
    return "\n".join(lines)


def _list_choices(entries: Mapping[str, Any]) -> str:
    return "\n".join(f"  {name:18s}{format_defaults(entry.config())}" for name, entry in entries.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
