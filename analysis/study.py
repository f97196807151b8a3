"""`python -m analysis.study STUDY key=value ...`: trains the arms of a question over several seeds, and answers it.

STUDY is the name of a study below or the path of your own .yaml file. The options on the command line replace those of
the study. What is finished is never trained again; a study that was stopped goes on when the same command is repeated.
"""

import sys
from pathlib import Path

from analysis.comparison.definition import StudyConfig
from shared.command import ConfigError, describe_options, list_recipes, load_config, run_command, split_arguments

STUDIES = Path(__file__).parent / "studies"
PROGRAM = "study"


def main(arguments: list[str]) -> int:
    """Runs the command line and returns the exit status."""

    def work() -> int:
        words, options = split_arguments(arguments)
        if len(words) != 1:
            raise ConfigError(f"give one study, such as {_list_names()}, or the path of a .yaml; got {len(words)}")
        name, study = load_config(StudyConfig, STUDIES, [f"--config-name={words[0]}", *options])
        study.name = study.name or name
        study.check()
        # Not at the top: these imports take seconds, and a typo should be reported faster.
        from analysis.comparison.run import run

        return run(study, STUDIES / "records" / f"{name}.json")

    return run_command(
        PROGRAM,
        arguments,
        work,
        help_text=_help,
        after_ctrl_c="stopped; the same command goes on from the last checkpoints",
    )


def _list_names() -> str:
    return ", ".join(sorted(path.stem for path in STUDIES.glob("*.yaml")))


def _help() -> str:
    return f"{__doc__}\nStudies:\n{list_recipes(STUDIES)}\n\nOptions:\n{describe_options(StudyConfig)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
