from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, cross_val_predict
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from shared.probing import ridge
from shared.probing.ridge import predict_each, r_squared, ridge_predictions, ridge_r2

IMAGES = 10


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threadpool_limits(limits=1):  # the pools of numpy, faiss and torch disturb each other on a busy machine
        yield


@pytest.fixture
def image() -> np.ndarray:
    return np.repeat(np.arange(IMAGES), 20)


def linear_problem(count: int, width: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    parameter = generator.normal(size=(count, 2))
    embedding = parameter @ generator.normal(size=(2, width)) + noise * generator.normal(size=(count, width))
    return embedding.astype(np.float32), parameter


@pytest.mark.parametrize("width", [16, 2048])
def test_linear_parameter_is_read_off(image, width):
    embedding, parameter = linear_problem(len(image), width, noise=0.1)
    assert (ridge_r2(embedding, parameter, image) > 0.98).all()


@pytest.mark.parametrize("width", [16, 2048])
def test_unrelated_parameter_is_not(image, width):
    embedding, _ = linear_problem(len(image), width, noise=1.0)
    unrelated = np.random.default_rng(1).normal(size=(len(image), 1))
    assert -0.2 < ridge_r2(embedding, unrelated, image)[0] < 0.05


def test_parameter_that_depends_on_the_image_does_not_leak(image):
    """The image follows from the embedding, the parameter from the image: perfect unless images are left out."""
    embedding = np.eye(IMAGES)[image] + 0.01 * np.random.default_rng(0).normal(size=(len(image), IMAGES))
    parameter = np.random.default_rng(1).normal(size=IMAGES)[image]
    shuffled = np.random.default_rng(2).permutation(len(image))
    mixed = cross_val_predict(Ridge(1e-3), embedding[shuffled], parameter[shuffled], cv=5)
    assert r2_score(parameter[shuffled], mixed) > 0.99
    assert ridge_r2(embedding, parameter[:, None], image)[0] < 0.05


@pytest.mark.parametrize("width", [8, 300])
def test_predictions_equal_scikit_learn_with_the_penalty_by_left_out_images(image, width):
    embedding, parameter = linear_problem(len(image), width, noise=3.0)
    embedding = embedding * np.linspace(0.1, 30, width) + 5  # columns of unlike scales
    parameter = parameter + 0.5 * np.random.default_rng(3).normal(size=(IMAGES, 2))[image]

    expected = np.empty_like(parameter)
    for train, test in GroupKFold(5).split(embedding, groups=image):
        scaler = StandardScaler().fit(embedding[train].astype(np.float64))
        feature, new_feature = (np.clip(scaler.transform(embedding[rows]), -5, 5) for rows in (train, test))
        eigenvalue = np.linalg.svd(feature - feature.mean(0), compute_uv=False) ** 2
        penalties = ridge.PENALTIES * eigenvalue[eigenvalue > 1e-6 * eigenvalue[0]].mean()
        for column in range(2):
            target = parameter[train, column]
            folds = {"cv": LeaveOneGroupOut(), "groups": image[train]}
            left_out = [cross_val_predict(Ridge(penalty), feature, target, **folds) for penalty in penalties]
            best = np.argmin([((one - target) ** 2).sum() for one in left_out])
            expected[test, column] = Ridge(penalties[best]).fit(feature, target).predict(new_feature)
    np.testing.assert_allclose(ridge_predictions(embedding, parameter, image), expected, atol=5e-3)
    r2 = ridge_r2(embedding, parameter, image)
    np.testing.assert_allclose(r2, r2_score(parameter, expected, multioutput="raw_values"), atol=5e-3)


def test_an_embedding_of_low_rank_is_probed_without_rounding():
    """One direction has most of the spread, as in encoders after a short run; float32 loses the weakest ones."""
    generator, image = np.random.default_rng(1), np.repeat(np.arange(40), 60)
    strong = generator.normal(size=(len(image), 1))
    weak = 0.01 * generator.normal(size=(len(image), 256)) * np.logspace(0, -2, 256)
    embedding = strong + weak @ np.linalg.qr(generator.normal(size=(256, 256)))[0]
    parameter = strong + 0.3 * generator.normal(size=strong.shape)
    attainable = 1 - 0.3**2 / parameter.var()
    assert ridge_r2(embedding.astype(np.float32), parameter, image)[0] == pytest.approx(attainable, abs=0.005)


def test_constant_target_has_no_score(image):
    embedding, parameter = linear_problem(len(image), 16, noise=0.1)
    r2 = ridge_r2(embedding, np.stack([parameter[:, 0], np.full(len(image), 0.3)], axis=1), image)
    assert r2[0] > 0.9
    assert np.isnan(r2[1])


def test_samples_without_the_parameter_are_left_out(image):
    embedding, parameter = linear_problem(len(image), 16, noise=0.5)
    known = np.random.default_rng(0).random(len(image)) < 0.6
    partly = parameter.copy()
    partly[~known, 1] = np.nan
    r2 = ridge_r2(embedding, partly, image)
    assert r2[0] == ridge_r2(embedding, parameter[:, :1], image)[0]
    assert r2[1] == ridge_r2(embedding[known], parameter[known, 1:], image[known])[0]


def test_parameter_known_in_one_image_only_has_no_score(image):
    embedding, parameter = linear_problem(len(image), 16, noise=0.5)
    parameter[image != 3, 1] = np.nan
    assert np.isnan(ridge_r2(embedding, parameter, image)[1])


def test_two_images_are_enough():
    embedding, parameter = linear_problem(200, 16, noise=0.1)
    assert (ridge_r2(embedding, parameter, np.repeat([0, 1], 100)) > 0.95).all()


def test_collapsed_embedding_predicts_the_mean(image):
    parameter = np.random.default_rng(0).normal(size=(len(image), 1))
    r2 = ridge_r2(np.full((len(image), 64), 0.7, dtype=np.float32), parameter, image)
    assert -0.1 < r2[0] <= 0


def test_unit_that_is_alive_in_one_image_only_does_not_swamp_the_prediction(image):
    embedding, parameter = linear_problem(len(image), 16, noise=0.1)
    alive = 1e4 * (image == 0) + 1e-3 * np.random.default_rng(0).normal(size=len(image))
    assert (ridge_r2(np.column_stack([embedding, alive]), parameter, image) > 0.95).all()


def test_pooled_r_squared_is_weighted_by_variance():
    generator = np.random.default_rng(0)
    target = generator.normal(size=(50, 2)) * [1, 3]
    prediction = target + generator.normal(size=(50, 2))
    assert r_squared(target, prediction) == pytest.approx(r2_score(target, prediction, multioutput="variance_weighted"))
    assert r_squared(target[:, 0], prediction[:, 0]) == pytest.approx(r2_score(target[:, 0], prediction[:, 0]))


def test_bad_input_is_named(image):
    embedding, parameter = linear_problem(len(image), 16, noise=0.1)
    with pytest.raises(ValueError, match=r"targets \(N, P\)"):
        ridge_r2(embedding, parameter[:, 0], image)
    embedding[0, 0] = np.inf
    with pytest.raises(ValueError, match="finite"):
        ridge_r2(embedding, parameter, image)


def test_several_targets_in_one_run_are_predicted_as_each_alone(image):
    embedding, parameter = linear_problem(len(image), 30, noise=1.0)
    gaps = np.where(np.arange(len(image))[:, None] % 3, parameter[:, :1], np.nan)
    targets = {"both": parameter, "gaps": gaps}
    found = predict_each(embedding, targets, image)
    assert found.keys() == targets.keys()
    for name, target in targets.items():
        np.testing.assert_allclose(found[name], ridge_predictions(embedding, target, image), atol=1e-4)
    assert predict_each(embedding, {}, image) == {}


def test_further_targets_change_no_bit_of_the_others(image):
    embedding, parameter = linear_problem(len(image), 30, noise=1.0)
    further = {"more": np.random.default_rng(2).normal(size=(len(image), 7)), "none": np.empty((len(image), 0))}
    alone = predict_each(embedding, {"both": parameter}, image)
    together = predict_each(embedding, {"both": parameter}, image, further)
    assert np.array_equal(together["both"], alone["both"])
    np.testing.assert_allclose(together["more"], ridge_predictions(embedding, further["more"], image), atol=1e-4)
    assert together["none"].shape == (len(image), 0)
    assert predict_each(embedding, {}, image, further).keys() == further.keys()
