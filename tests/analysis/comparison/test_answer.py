import numpy as np
import pytest

from analysis.comparison.answer import arrange, format_answer, format_csv
from tests.analysis.comparison.synthetic import IMAGES, INPUTS, make_arm, make_record, make_study

ARMS = [make_arm("less", {"views": "2x64"}, patches=100), make_arm("more", {"views": "6x64"}, patches=100)]


def records_of(gains: dict[str, float], seeds: int = 3, measure: str = "knn_accuracy", spread: float = 0.002) -> list:
    generator = np.random.default_rng(0)
    base = generator.normal(size=IMAGES)
    base = 0.5 + 0.1 * (base - base.mean())
    return [
        make_record(arm, seed, measure, base + gain + spread * generator.normal(size=IMAGES))
        for seed in range(seeds)
        for arm, gain in gains.items()
    ]


def test_a_clear_difference_is_real_and_chance_is_not():
    study = make_study(arms={"less": "", "more": "", "same": ""}, measures=["knn_accuracy"])
    answer = format_answer(arrange(study, records_of({"less": 0, "more": 0.1, "same": 0})), ARMS, [])
    assert answer.startswith("# Is more better?\n")
    lines = answer.splitlines()
    assert any(line.startswith("| `more` | **+0.10 [+0.10, +0.10]** real") for line in lines)
    assert any(line.startswith("| `same` | +0.0") or line.startswith("| `same` | -0.0") for line in lines)
    assert "| `more` | 3 | 0.60 (0.60 to 0.60) |" in answer


def test_the_share_lies_between_two_arms():
    study = make_study(
        stage="sr",
        arms={"constant": "", "oracle": "", "mine": ""},
        reference="constant",
        share=["constant", "oracle"],
        measures=["psnr_y", "share"],
    )
    records = records_of({"constant": 0, "oracle": 1, "mine": 0.4}, measure="psnr_y")
    table = arrange(study, records)
    assert table.values("mine", "share")[0] == pytest.approx(0.4, abs=0.01)
    found = table.difference("mine", "share")
    assert found.mean == pytest.approx(0.4, abs=0.01)
    assert found.low < 0.4 < found.high
    assert "mine,0,share,0.4" in format_csv(table).replace("0.39", "0.4")


def test_a_measure_without_sums_is_compared_over_seeds():
    records = records_of({"less": 0, "more": 0.1})
    for record in records:
        record.values["nmi"] = 0.3 + 0.1 * (record.arm == "more") + 0.01 * record.seed
    found = arrange(make_study(), records).difference("more", "nmi")
    assert found.mean == pytest.approx(0.1)


def test_what_is_missing_and_a_single_seed_are_said():
    records = records_of({"less": 0, "more": 0.1})[:-1]
    answer = format_answer(arrange(make_study(measures=["knn_accuracy"]), records), ARMS, [])
    assert "Missing: more (seed 2)." in answer
    one = format_answer(arrange(make_study(seeds=[0], measures=["knn_accuracy"]), records), ARMS, [])
    assert "One seed: not an answer." in one
    assert "real" not in one.split("Means over")[0]
    assert "Missing: less (seed 0, seed 1, seed 2); more" in format_answer(arrange(make_study(), []), ARMS, [])


def test_what_was_allowed_and_spent_is_listed():
    study = make_study(measures=["knn_accuracy"], allow={"views": "more of them"})
    answer = format_answer(arrange(study, records_of({"less": 0, "more": 0.1})), ARMS, ["views"])
    assert "| `more` | 10 | 100 | 6x64 | 2.0 |" in answer
    assert "`views` differs: more of them." in answer
    assert "Computed on: CPU." in answer


def test_runs_on_other_images_are_not_compared():
    records = records_of({"less": 0, "more": 0.1})
    records[-1] = make_record("more", 2, "knn_accuracy", np.ones(IMAGES), inputs=INPUTS | {"held_out_images": "c"})
    with pytest.raises(ValueError, match="more, seed 2 has other held out images than less, seed 0"):
        arrange(make_study(), records)
