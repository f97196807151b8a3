"""The published protocols, those of users, the data sets they are applied to, and the published scores."""

import csv
import math

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from shared.degradations import CODES
from shared.degradations.convolution import make_blur_kernels
from sr.evaluation.benchmarks import open_benchmarks
from sr.evaluation.protocols import DASR_ANISO, PROTOCOLS, REAL, derive_seed, load_protocol
from sr.evaluation.published import MEAN, TABLE, find_published_rows

LISTED = [
    ("dasr_iso", 2, "iso 0, iso 0.6, iso 1.2, iso 1.8"),
    ("dasr_iso", 3, "iso 0, iso 0.8, iso 1.6, iso 2.4"),
    ("dasr_iso", 4, "iso 0, iso 1.2, iso 2.4, iso 3.6"),
    ("gaussian8", 2, "iso 0.8, iso 0.9143, iso 1.029, iso 1.143, iso 1.257, iso 1.371, iso 1.486, iso 1.6"),
    ("gaussian8", 3, "iso 1.35, iso 1.5, iso 1.65, iso 1.8, iso 1.95, iso 2.1, iso 2.25, iso 2.4"),
    ("gaussian8", 4, "iso 1.8, iso 2, iso 2.2, iso 2.4, iso 2.6, iso 2.8, iso 3, iso 3.2"),
    ("gaussian8_x2_0.9", 2, "iso 0.9, iso 1, iso 1.1, iso 1.2, iso 1.3, iso 1.4, iso 1.5, iso 1.6"),
    ("bicubic", 2, "iso 0"),
    ("bicubic", 3, "iso 0"),
    ("bicubic", 4, "iso 0"),
]
USERS = """
scale: 2
rows:
  - {name: soft, steps: [{gaussian: {sigma: 1.1}}, {bicubic: {relative_size: 1/2}}, {quantize: {}}]}
  - {name: noisy, steps: [{bicubic: {relative_size: 1/2}}, {gaussian_noise: {noise_sigma: 7/255}}, {quantize: {}}]}
  - {name: defocus, steps: [{disk: {radius: 2}}, {bicubic: {relative_size: 1/2}}, {poisson: {peak: 300}}]}
  - {name: drawn, steps: [{gaussian: {sigma: [0.5, 3]}}, {bicubic: {relative_size: 1/2}}, {quantize: {}}]}
"""


@pytest.mark.parametrize(("name", "scale", "kernels"), LISTED)
def test_isotropic_protocols(name, scale, kernels):
    protocol = load_protocol(name, scale)
    assert ", ".join(protocol.kernels) == kernels
    assert (protocol.name, protocol.scale, protocol.degradation.kernel_size) == (name, scale, 21)
    assert protocol.degradation.scale == scale
    for steps, kernel, width, noise in zip(
        protocol.degradation.rows(), protocol.kernels, protocol.blur_sigmas, protocol.noise_sigmas, strict=True
    ):
        assert [step for step, _ in steps] == ["gaussian", "bicubic", "quantize"]
        assert f"iso {width:.4g}" == kernel
        assert steps[0][1]["sigma"] == steps[0][1]["sigma_y"] == pytest.approx(width, abs=1e-6)
        assert noise == 0


def test_dasr_aniso_is_nine_kernels_under_three_noises():
    protocol = load_protocol("dasr_aniso", 4)
    assert len(protocol) == 27
    assert [round(255 * (noise or 0), 3) for noise in protocol.noise_sigmas] == [0] * 9 + [5] * 9 + [10] * 9
    assert protocol.kernels[:9] == protocol.kernels[9:18] == protocol.kernels[18:]
    assert protocol.kernels[2] == "3.5x1.5 at 30"
    assert protocol.blur_sigmas[:9] == (None,) * 8 + (4.0,)  # the last one is round
    assert list(protocol.group_by_noise().values()) == [list(range(start, start + 9)) for start in (0, 9, 18)]
    codes = torch.full((9,), CODES["gaussian"])
    found = make_blur_kernels(codes, protocol.degradation.parameters[:9, 0].double(), 21).numpy()
    for kernel, (sd1, sd2, degrees) in zip(found, DASR_ANISO, strict=True):
        turn = np.array([[math.cos(a := math.radians(degrees)), -math.sin(a)], [math.sin(a), math.cos(a)]])
        precision = np.linalg.inv(turn @ np.diag([sd1**2, sd2**2]) @ turn.T)
        y, x = np.mgrid[-10:11, -10:11]
        offsets = np.stack((x, y), -1)
        expected = np.exp(-0.5 * np.einsum("hwi,ij,hwj->hw", offsets, precision, offsets))
        np.testing.assert_allclose(kernel, expected / expected.sum(), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "scale", "words"),
    [
        ("dasr_aniso", 2, "protocol=dasr_aniso is published for scale 4, not for scale=2"),
        ("gaussian8_x2_0.9", 4, "published for scale 2, not for scale=4"),
        (REAL, 2, "'real' has no list of degradations"),
        ("no/such.yaml", 2, "no such file"),
    ],
)
def test_a_protocol_of_another_scale_or_name_is_refused(name, scale, words):
    with pytest.raises(ValueError, match=words):
        load_protocol(name, scale)


def test_a_protocol_of_ones_own(tmp_path):
    (tmp_path / "mine.yaml").write_text(USERS)
    protocol = load_protocol(str(tmp_path / "mine.yaml"), 2, seed=3)
    assert protocol.name == "mine.yaml"
    assert protocol.kernels == ("soft", "noisy", "defocus", "drawn")
    assert protocol.blur_sigmas[:3] == (1.1, 0.0, None)
    assert protocol.noise_sigmas == (0.0, pytest.approx(7 / 255, abs=1e-6), None, 0.0)
    assert 0.5 <= protocol.blur_sigmas[3] <= 3
    assert load_protocol(str(tmp_path / "mine.yaml"), 2, seed=3).digest() == protocol.digest()
    assert load_protocol(str(tmp_path / "mine.yaml"), 2, seed=4).digest() != protocol.digest()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (USERS, "mine.yaml down-samples by 2, but scale=4"),
        ("scale: 4\nsteps: [{bicubic: {relative_size: 1/4}}]", "must list its degradations as `rows`"),
        (
            USERS.replace("scale: 2", "scale: 4").replace("1/2", "1/4").replace("noisy", "soft"),
            "of the name soft",
        ),
    ],
)
def test_invalid_protocols_of_ones_own_are_refused(tmp_path, text, words):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=words):
        load_protocol(str(tmp_path / "mine.yaml"), 4)


def test_the_noise_is_a_function_of_names_and_seed_alone():
    aniso = load_protocol("dasr_aniso", 4)
    seeds = aniso.for_image("Set5", "baby.png", 0).seed
    assert len(set(seeds.tolist())) == 27
    assert torch.equal(seeds, aniso.for_image("Set5", "baby.png", 0).seed)
    for other in (("Set5", "bird.png", 0), ("Set14", "baby.png", 0), ("Set5", "baby.png", 1)):
        assert not (seeds == aniso.for_image(*other).seed).any()
    assert 0 <= derive_seed(0, "a") < 2**62
    assert derive_seed("ab", "c") != derive_seed("a", "bc")


def test_published_rows_fit_the_protocols():
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert len({tuple(row[key] for key in row if key not in ("psnr_y", "source")) for row in rows}) == len(rows)
    for row in rows:
        protocol = load_protocol(row["protocol"], int(row["scale"]))
        assert row["protocol"] in PROTOCOLS
        noise = next(one for one in protocol.group_by_noise() if abs(one - float(row["noise_sigma"])) < 1e-5)
        kernels = [protocol.kernels[d] for d in protocol.group_by_noise()[noise]]
        assert row["kernel"] in (*kernels, MEAN)
        assert 20 < float(row["psnr_y"]) < 40
        assert row["source"]


def test_published_rows_of_a_table():
    (dasr,) = find_published_rows("Set14", 14, 4, "dasr_aniso", round(10 / 255, 6))
    assert dasr.psnr["4x4 at 180"] == 24.43
    assert [one.method for one in find_published_rows("Set5", 5, 4, "gaussian8", 0.0)] == ["DASR", "KDSR-M", "DCLS"]
    assert find_published_rows("Set5", 5, 4, "dasr_iso.yaml", 0.0) == []
    assert find_published_rows("Set5", 4, 4, "gaussian8", 0.0) == []
    assert find_published_rows("Set14", 14, 4, "dasr_aniso", None) == []


@pytest.fixture
def sets(tmp_path):
    """Two data sets: one with a gray and a colour image, one in the layout with HR/ and LR folders."""
    photograph = data.astronaut()[..., ::-1]
    for name in ("One", "Two/HR", "Two/LR_bicubic", "empty"):
        (tmp_path / name).mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "One" / "gray.png"), photograph[:70, :65, 0])
    cv2.imwrite(str(tmp_path / "One" / "colour.png"), photograph[:64, 100:173])
    cv2.imwrite(str(tmp_path / "Two" / "HR" / "a.png"), photograph[:64, :64])
    cv2.imwrite(str(tmp_path / "Two" / "LR_bicubic" / "a.png"), photograph[:32, :32])
    (tmp_path / "One" / "readme.txt").write_text("not an image")
    (tmp_path / "One" / "._gray.png").write_bytes(b"companion")
    return tmp_path


def test_data_sets_are_read_gray_repeated_and_cropped(sets):
    one, two = open_benchmarks(str(sets), [], 16)
    assert (one.name, one.image_names) == ("One", ("colour.png", "gray.png"))
    assert (two.name, len(two), two.paths[0].parent.name) == ("Two", 1, "HR")
    gray = one.hr_image(1, 3)
    assert gray.shape == (1, 3, 69, 63)
    assert torch.equal(gray[:, 0], gray[:, 2])
    levels = one.hr_image(0, 4) * 255
    assert levels.shape == (1, 3, 64, 72)
    np.testing.assert_allclose(levels[0, :, 0, 0].numpy(), data.astronaut()[0, 100], atol=1e-4)
    assert [each.name for each in open_benchmarks(str(sets), ["Two", "One", "Two"], 16)] == ["Two", "One"]


def test_a_data_set_is_identified_by_its_pixels(sets):
    digest = open_benchmarks(str(sets), ["One"], 16)[0].digest
    assert open_benchmarks(str(sets), ["One"], 16)[0].digest == digest
    (sets / "One" / "gray.png").write_bytes((sets / "One" / "colour.png").read_bytes())
    assert open_benchmarks(str(sets), ["One"], 16)[0].digest != digest


@pytest.mark.parametrize(
    ("root", "names", "words"),
    [
        ("no", [], "does not exist; expected a folder with one folder"),
        ("One/gray.png", [], "is a file"),
        ("One", [], "holds images itself: give its parent folder"),
        ("empty", [], "holds no folder of images"),
        (".", ["Onee"], r"no data set 'Onee'; did you mean One\? \(there are One, Two\)"),
        (".", ["empty"], r"no data set 'empty'"),
    ],
)
def test_missing_data_sets_are_refused(sets, root, names, words):
    with pytest.raises(ValueError, match=words):
        open_benchmarks(str(sets / root), names, 16)


def test_images_that_cannot_be_used_are_named(sets):
    (sets / "One" / "broken.png").write_bytes(b"nothing")
    cv2.imwrite(str(sets / "One" / "small.png"), np.zeros((15, 40, 3), np.uint8))
    with pytest.raises(ValueError, match=r"2 of 4 images of One .*broken.png.*small.png' has 40x15 pixels, but each"):
        open_benchmarks(str(sets), ["One"], 16)
    (one,) = open_benchmarks(str(sets), ["One"], 16, leave_out=True)
    assert one.image_names == ("colour.png", "gray.png")
    assert len(one.left_out) == 2
    assert "broken.png" in one.left_out[0]
