import numpy as np
import pytest
import torch
from sklearn.metrics import normalized_mutual_info_score

from shared.probing import EmbeddingScores, ProbeSet, score_embedding
from shared.probing.measures import cluster_nmi, content_accuracy, knn_accuracy
from shared.probing.ridge import ridge_r2
from tests.shared.probing.small_probes import DRAWN_BLURS, small_probe, small_run_probe

IMAGES, LABELS, PATCHES = 8, 5, 4
ROUND = [f"  - {{name: round {i}, steps: [{{gaussian: {{sigma: {1 + 2 * i}}}}}]}}\n" for i in range(2)]
OBLONG = [
    f"  - {{name: oblong {i}, steps: [{{gaussian: {{sigma: {2 + i}, sigma_y: 1, theta: {i}*pi/4}}}}]}}\n"
    for i in range(3)
]
FIVE_BLURS = "rows:\n" + "".join(ROUND + OBLONG)


@pytest.fixture(scope="module")
def probe(tmp_path_factory) -> ProbeSet:
    folder = tmp_path_factory.mktemp("probe")
    return small_probe(folder, written=FIVE_BLURS, images=IMAGES, size=IMAGES * LABELS * PATCHES)


def embedding_of(probe: ProbeSet, degradation: float, content: float, noise: float) -> np.ndarray:
    generator = np.random.default_rng(0)
    parts = (
        degradation * generator.normal(size=(LABELS, 40))[probe.label],
        content * generator.normal(size=(IMAGES, 40))[probe.image.numpy()],
    )
    return (sum(parts) + noise * generator.normal(size=(len(probe), 40))).astype(np.float32)


def test_perfect_embedding(probe):
    scores = score_embedding(embedding_of(probe, 1, 0, 0.02), probe, repeats=50)
    assert scores.values["knn_accuracy"] == 1
    assert scores.values["nmi"] == pytest.approx(1)
    assert scores.r2.keys() == {"log_sigma", "anisotropy", "angle"}
    assert min(scores.r2.values()) > 0.98
    assert scores.values["content_knn"] < 0.3
    assert scores.interval("knn_accuracy") == (1, 1)
    assert scores.chance["knn_accuracy"] == 1 / LABELS
    assert scores.chance["content_knn"] == 1 / IMAGES
    assert scores.chance["r2/angle"] == 0


def test_content_embedding(probe):
    scores = score_embedding(embedding_of(probe, 0, 1, 0.02), probe, repeats=50)
    assert scores.values["knn_accuracy"] < 0.35
    assert scores.values["nmi"] < 0.1
    assert scores.r2["log_sigma"] < 0.1
    assert scores.values["content_knn"] == 1


def test_scores_are_ratios_of_what_their_images_add(probe):
    scores = score_embedding(embedding_of(probe, 1, 1, 1), probe, repeats=0)
    assert scores.sums.keys() == scores.values.keys() - {"nmi"}
    for name, (part, whole) in scores.sums.items():
        assert part.shape == whole.shape == (IMAGES,)
        assert part.sum() / whole.sum() == pytest.approx(scores.values[name])


def test_scores_are_those_of_the_single_measures(probe):
    label, image = probe.label, probe.image.numpy()
    embedding = embedding_of(probe, 1, 1, 1)
    scores = score_embedding(embedding, probe, repeats=100)
    assert scores.values["knn_accuracy"] == knn_accuracy(embedding, label, image)
    assert scores.values["content_knn"] == content_accuracy(embedding, image, label)
    assert scores.values["nmi"] == cluster_nmi(embedding, label)
    blur = probe.targets()["log_sigma"][:, None]
    assert scores.r2["log_sigma"] == pytest.approx(ridge_r2(embedding, blur, image)[0], abs=1e-3)
    for name in ("knn_accuracy", "r2/log_sigma"):
        low, high = scores.interval(name)
        assert low < scores.values[name] < high


def test_chance_of_nmi_is_that_of_shuffled_labels(probe):
    scores = score_embedding(embedding_of(probe, 1, 1, 1), probe, repeats=0)
    generator = np.random.default_rng(9)
    label = probe.label
    shuffled = np.mean([normalized_mutual_info_score(label, generator.permutation(label)) for _ in range(200)])
    assert scores.chance["nmi"] == pytest.approx(shuffled, rel=0.3)
    assert np.isnan(scores.interval("nmi")).all()


def test_a_difference_is_paired(probe):
    """What an image's content adds to both scores alike does not blur their difference."""
    better, worse = (
        score_embedding(embedding_of(probe, degradation, 1, 1), probe, repeats=200) for degradation in (1, 0.4)
    )
    for name in ("knn_accuracy", "nmi", "r2/log_sigma"):
        difference, low, high = better.ahead_of(worse, name)
        assert difference == better.values[name] - worse.values[name]
        assert 0 < low < difference < high
    assert better.ahead_of(better, "r2/log_sigma") == (0, 0, 0)


def test_same_seed_same_scores(probe):
    embedding = embedding_of(probe, 0.5, 1, 1)
    first, second = (score_embedding(embedding, probe, repeats=50) for _ in range(2))
    assert first.values == second.values
    assert first.chance == second.chance
    for name, draws in first.draws.items():
        assert np.array_equal(draws, second.draws[name])


def test_an_interval_does_not_leave_what_a_score_can_be():
    draws = {"nmi": np.linspace(-1, 2, 100), "r2/noise": np.linspace(-1, 2, 100)}
    scores = EmbeddingScores({"nmi": 0.5, "r2/noise": 0.5}, draws, {}, images=3)
    assert scores.interval("nmi") == (0, 1)
    assert scores.interval("r2/noise")[0] < -1
    assert scores.interval("r2/noise")[1] == 1


def test_one_image_or_one_degradation_is_refused(probe):
    embedding = embedding_of(probe, 1, 1, 1)
    for rows, message in (
        (probe.image == 3, "at least two images, got 1"),
        (torch.from_numpy(probe.label == 2), "at least two degradations, got 1"),
    ):
        part = probe.select(rows.nonzero().squeeze(1))
        with pytest.raises(ValueError, match=message):
            score_embedding(embedding[rows.numpy()], part)


def test_an_embedding_of_another_probe_set_or_one_that_is_not_finite_is_refused(probe):
    embedding = embedding_of(probe, 1, 1, 1)
    with pytest.raises(ValueError, match="a label and an image for each of 159 embeddings"):
        score_embedding(embedding[1:], probe)
    embedding[3] = np.nan
    with pytest.raises(ValueError, match="1 of 160 embeddings are NaN or infinite"):
        score_embedding(embedding, probe)


def test_drawn_patches_serve_the_linear_probes_only():
    both = small_run_probe(images=IMAGES)
    embedding = np.random.default_rng(1).normal(size=(len(both), 40)).astype(np.float32)
    embedding[:, 0] += both.parameters()["noise"]
    scores = score_embedding(embedding, both, repeats=50)
    drawn = both.probed
    listed = score_embedding(embedding[~drawn], both.select(torch.from_numpy(np.flatnonzero(~drawn))), repeats=50)
    for name in ("knn_accuracy", "nmi", "content_knn"):
        assert scores.values[name] == listed.values[name]
        assert scores.chance[name] == listed.chance[name]
        assert scores.interval(name) == pytest.approx(listed.interval(name), abs=1e-9)
    noise = both.targets()["noise_sigma"][drawn, None]
    expected = ridge_r2(embedding[drawn], noise, both.image.numpy()[drawn])[0]
    assert scores.r2["noise_sigma"] == pytest.approx(expected, abs=1e-5)
    assert expected > 0.5
    assert np.isfinite([scores.interval(name) for name in scores.values]).all()


def test_without_listed_degradations_only_parameters_are_scored(tmp_path):
    probe = small_probe(tmp_path, written=DRAWN_BLURS, size=80, images=8)
    embedding = probe.targets()["log_sigma"][:, None] + [[0, 1]]
    scores = score_embedding(embedding, probe, repeats=10)
    assert scores.values.keys() == {"r2/log_sigma"}
    assert scores.r2["log_sigma"] > 0.99
