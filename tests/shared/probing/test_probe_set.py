import numpy as np
import pytest
import torch

from shared.degradations import Degradation, degrade, load_space
from shared.probing import UNLISTED, ProbeSet
from tests.shared.probing.small_probes import DRAWN_BLURS, THREE_BLURS, small_probe, small_run_probe, small_store


def test_patches_are_the_degraded_windows_in_every_selection(tmp_path):
    probe = small_probe(tmp_path)
    everything = probe.patches(slice(0, 24))
    assert torch.equal(probe.patches(slice(13, 20)), everything[13:20])
    some = torch.tensor([20, 3, 3])
    assert torch.equal(probe.patches(some), everything[some])
    assert torch.equal(torch.cat(list(probe.batches(7))), everything)
    row, side = 21, 32 + 2 * probe.margin
    top, left = int(probe.top[row]), int(probe.left[row])
    window = probe.store.image(int(probe.image[row]))[top : top + side, left : left + side]
    alone = degrade(window.permute(2, 0, 1)[None, None].float() / 255, probe.degradation[[row]], margin=probe.margin)[
        0, 0
    ]
    assert torch.equal((alone * 255).round().to(torch.uint8), everything[row])


def test_the_same_seed_gives_the_same_probe_and_hash(tmp_path):
    first, again, other = (small_probe(tmp_path, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.patches(slice(0, 24)), again.patches(slice(0, 24)))
    assert first.hash() == again.hash() != other.hash()
    renamed = small_probe(tmp_path, written=THREE_BLURS.replace("sharp", "crisp"))
    assert renamed.hash() == first.hash()  # a name changes no pixel
    wider = small_probe(tmp_path, written=THREE_BLURS.replace("sigma: 0.3", "sigma: 0.4"))
    assert wider.hash() != first.hash()
    other_pixels = small_probe(tmp_path)
    other_pixels.store.pixels[5] += 1
    assert other_pixels.hash() != first.hash()


def test_parameters_and_families_in_users_units(tmp_path):
    written = (
        "rows:\n"
        "  - {name: a, steps: [{gaussian: {sigma: 3, sigma_y: 1, theta: pi/6}}, {quantize: {}}]}\n"
        "  - {name: b, steps: [{gaussian_noise: {noise_sigma: 10/255}}]}\n"
        "  - {name: c, steps: [{jpeg: {quality: 40}}]}\n"
        "  - {name: d, steps: [{bicubic: {relative_size: 1/2}}, {bicubic: {relative_size: 1}}]}\n"
        "  - {name: e, steps: [{quantize: {}}]}\n"
        "  - {name: f, steps: [{gaussian: {sigma: 3, sigma_y: 1, theta: 2*pi/3}}]}\n"
    )
    probe = small_probe(tmp_path, written=written, size=24)
    families, names = probe.families()
    assert names == ["oblong blur", "noise", "JPEG", "rescaled", "untouched"]
    assert probe.words()[::4] == [
        "oblong blur 3.0 x 1.0 px at 30 degrees",
        "noise 10",
        "JPEG 40",
        "rescaled 1/2",
        "untouched",
        "oblong blur 3.0 x 1.0 px at 120 degrees",
    ]
    assert families[::4].tolist() == [0, 1, 2, 3, 4, 0]
    values = {name: column[::4] for name, column in probe.parameters().items()}
    assert values["angle"][0] == pytest.approx(30, abs=0.5)
    assert values["angle"][5] == pytest.approx(120, abs=0.5)
    assert np.isnan(values["angle"][1:5]).all()
    assert values["blur_width"][0] == pytest.approx(3**0.5, rel=0.1)
    assert values["noise"] == pytest.approx([0, 10, 0, 0, 0, 0], abs=1e-4)
    assert values["jpeg_quality"] == pytest.approx([100, 100, 40, 100, 100, 100])


def test_a_listed_degradation_has_the_title_of_its_list_and_a_drawn_one_its_words(tmp_path):
    assert small_probe(tmp_path).titles()[::8] == ["sharp", "soft", "noisy, soft"]
    drawn = small_probe(tmp_path, written=DRAWN_BLURS)
    assert drawn.titles() == drawn.words()


def test_angles_stay_below_180():
    turned = load_space("blur").draw(500, torch.Generator().manual_seed(0))
    codes = turned.operation[:, :1]
    values = turned.parameters[:, :1].clone()
    values[:, 0, 2] = 0.0
    store = small_store()
    probe = small_probe_of(Degradation(codes, values, turned.seed, 1, 21), store)
    angle = probe.parameters()["angle"]
    assert np.nanmin(angle) >= 0
    assert np.nanmax(angle) < 180


def test_linear_probes_read_the_drawn_patches_alone_where_there_are_some(tmp_path):
    listed, drawn = small_probe(tmp_path), small_probe(tmp_path, written=DRAWN_BLURS)
    both = small_run_probe()
    assert (listed.is_listed, drawn.is_listed, both.is_listed) == (True, False, True)
    for probe in (listed, drawn):
        assert probe.probed.all()
        assert np.isfinite(probe.targets()["log_sigma"]).all()
    unlisted = both.label == UNLISTED
    assert 0 < unlisted.sum() < len(both)
    assert np.array_equal(both.probed, unlisted)
    targets = both.targets()
    assert set(targets) == {"log_sigma", "anisotropy", "angle", "noise_sigma"}
    assert targets["angle"].shape == (len(both), 2)
    for name in ("log_sigma", "noise_sigma"):
        assert np.array_equal(np.isfinite(targets[name]), unlisted)
    assert not np.isfinite(targets["angle"][~unlisted]).any()
    assert np.isfinite(both.parameters()["blur_width"]).all()


def test_some_of_the_patches_are_a_probe_set_of_their_own():
    whole = small_run_probe()
    rows = torch.from_numpy(np.flatnonzero(whole.probed))
    part = whole.select(rows)
    assert len(part) == len(rows)
    assert not part.is_listed
    assert torch.equal(part.patches(slice(0, 5)), whole.patches(rows[:5]))
    for name, values in part.targets().items():
        np.testing.assert_array_equal(values, whole.targets()[name][rows.numpy()])
    assert part.hash() != whole.hash()


def small_probe_of(degradation: Degradation, store):
    count = len(degradation)
    zeros = torch.zeros(count, dtype=torch.int64)
    label = np.full(count, UNLISTED)
    return ProbeSet("drawn", store, 32, 10, zeros, zeros, zeros, degradation, label, [], np.arange(count))
