import pytest

from analysis.comparison.definition import StudyConfig
from analysis.study import STUDIES
from shared.command import load_config
from tests.analysis.comparison.synthetic import make_study


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"stage": "training"}, "stage='training' must be one of pretrain, sr"),
        ({"arms": {"less": ""}}, "at least two arms, got 1"),
        ({"arms": {"less": "", "../more": ""}}, "'../more' must be a name of letters"),
        ({"reference": "least"}, "reference: 'least' is not an arm .there are less, more."),
        ({"only": ["mor"]}, "only: 'mor' is not an arm"),
        ({"share": ["less"]}, "share: give the two arms"),
        ({"measures": ["share"]}, "`share` and the option `share` go together"),
        ({"budget": {"patches": 1, "steps": 1}}, "budget: give one of steps"),
        ({"budget": {"hours": 1}}, "budget: give one of steps"),
        ({"seeds": [0, 0]}, "must be different numbers"),
        ({"seeds": list(range(300))}, "more than 500 runs"),
        ({"controls": ["bicubic"]}, "controls: 'bicubic' is none of untrained, statistics"),
    ],
)
def test_incomplete_and_contradictory_definitions_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        make_study(**options).check()


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_studies_are_valid_short_and_named_by_their_question(path):
    _, study = load_config(StudyConfig, STUDIES, [f"--config-name={path.stem}"])
    study.check()
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    assert text.startswith("# ")


def test_arguments_of_an_arm_follow_those_of_all():
    study = make_study(common="steps=1 'name=a b'", images="PHOTOS", further="lr=2")
    assert study.arguments("more") == [
        "--config-name=quick",
        "steps=1",
        "name=a b",
        "data=folder",
        "data.root=PHOTOS",
        "batch_size=2",
        "lr=2",
    ]
