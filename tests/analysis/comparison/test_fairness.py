import pytest

from analysis.comparison.fairness import find_allowed
from tests.analysis.comparison.synthetic import make_arm, make_study

LESS = make_arm("less", {"method": {"name": "moco", "queue": 1}, "seed": 0}, patches=100, pixels=400)


def test_what_the_question_names_may_differ():
    more = make_arm("more", {"method": {"name": "moco", "queue": 2}, "seed": 1}, patches=101, pixels=400)
    assert find_allowed(make_study(varies=["method.queue"]), [LESS, more]) == []
    assert find_allowed(make_study(varies=["method*"]), [LESS, more]) == []


@pytest.mark.parametrize(
    ("more", "match"),
    [
        (make_arm("more", {"method": {"name": "moco", "queue": 2}}, patches=100, pixels=400), "method.queue .2, 1."),
        (make_arm("more", LESS.options, patches=100, pixels=500), "more differs from less in pixels .500, 400."),
        (make_arm("more", LESS.options | {"lr": 1}, patches=100, pixels=400), r"lr .1, None."),
        (make_arm("more", LESS.options, patches=100, pixels=400, target_lag=10), "target_lag"),
    ],
)
def test_other_differences_are_refused_by_their_name(more, match):
    with pytest.raises(ValueError, match=match):
        find_allowed(make_study(), [LESS, more])


def test_what_is_allowed_is_listed_where_it_differs():
    more = make_arm("more", LESS.options, patches=100, pixels=500)
    study = make_study(allow={"pixels": "larger views", "lr": "never"})
    assert find_allowed(study, [LESS, more]) == ["pixels"]
