import numpy as np
import pytest
import torch

from analysis.embedding.probe_sets import build_probe_set, load_probe_space, probe_names, source_side, unseen_rows
from shared.degradations import Degradation, degrade, load_space
from tests.analysis.small_probe import THREE_BLURS, small_probe, small_store

STEPS = "steps: [{gaussian: {sigma: [0.3, 3]}}, {quantize: {}}]"


def test_the_probes_that_are_promised_are_there():
    assert {"grid", "continuous", "unseen", "dasr_figure"} <= set(probe_names())
    for name in probe_names():
        space = load_probe_space(name)
        side = source_side(space, 32)
        pixels = torch.randint(256, (2 * side * side, 3), dtype=torch.uint8)
        store = small_store(2)
        store.pixels, store.heights, store.widths = pixels, torch.tensor([side] * 2), torch.tensor([side] * 2)
        store.offsets = torch.tensor([0, side * side])
        probe = build_probe_set(space, store, patch=32, size=60, seed=0)
        assert probe.patches(slice(0, 3)).shape == (3, 3, 32, 32)
        assert len(probe.parameters()) > 0


def test_listed_degradations_are_crossed_with_contents(tmp_path):
    probe = small_probe(tmp_path)
    assert len(probe) == 24
    assert probe.names == ["sharp", "soft", "noisy, soft"]
    assert (np.bincount(probe.label) == 8).all()
    for content in range(8):
        rows = np.flatnonzero(probe.content == content)
        assert probe.label[rows].tolist() == [0, 1, 2]
        assert len({(int(probe.image[i]), int(probe.top[i]), int(probe.left[i])) for i in rows}) == 1
    assert np.bincount(probe.image.numpy()).tolist() == [6] * 4


def test_patches_are_the_degraded_windows_whatever_is_asked_for_at_once(tmp_path):
    probe = small_probe(tmp_path)
    everything = probe.patches(slice(0, 24))
    assert torch.equal(probe.patches(slice(13, 20)), everything[13:20])
    row, side = 21, 32 + 2 * probe.margin
    top, left = int(probe.top[row]), int(probe.left[row])
    window = probe.store.image(int(probe.image[row]))[top : top + side, left : left + side]
    alone = degrade(window.permute(2, 0, 1)[None, None].float() / 255, probe.degradation[[row]], margin=probe.margin)[
        0, 0
    ]
    assert torch.equal((alone * 255).round().to(torch.uint8), everything[row])


def test_drawn_degradations_are_each_patch_s_own(tmp_path):
    probe = small_probe(tmp_path, written=STEPS)
    assert not probe.is_listed
    assert (probe.label == -1).all()
    same = probe.degradation.equals(probe.degradation)
    assert torch.equal(same, torch.eye(24, dtype=torch.bool))
    assert set(probe.parameters()) == {"blur_width"}


def test_the_same_seed_is_the_same_probe_and_the_hash_says_so(tmp_path):
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
    assert names == ["gaussian", "gaussian noise", "jpeg", "resize", "none"]
    assert families[::4].tolist() == [0, 1, 2, 3, 4, 0]
    values = {name: column[::4] for name, column in probe.parameters().items()}
    assert values["angle"][0] == pytest.approx(30, abs=0.5)
    assert values["angle"][5] == pytest.approx(120, abs=0.5)
    assert np.isnan(values["angle"][1:5]).all()
    assert values["blur_width"][0] == pytest.approx(3**0.5, rel=0.1)
    assert values["noise"] == pytest.approx([0, 10, 0, 0, 0, 0], abs=1e-4)
    assert values["jpeg_quality"] == pytest.approx([100, 100, 40, 100, 100, 100])


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


def small_probe_of(degradation: Degradation, store):
    from analysis.embedding.probe_sets import ProbeSet

    count = len(degradation)
    zeros = torch.zeros(count, dtype=torch.int64)
    label = np.full(count, -1)
    return ProbeSet("drawn", store, 32, 10, zeros, zeros, zeros, degradation, label, [], np.arange(count))


def test_what_an_encoder_has_not_seen(tmp_path):
    probe = small_probe(tmp_path)
    assert unseen_rows(probe, ["gaussian"]).tolist() == (probe.label == 2).tolist()
    assert not unseen_rows(probe, ["gaussian", "gaussian_noise"]).any()


SAME_BUT_FOR_THE_SPELLING = (
    "rows: [{name: a, steps: [{gaussian: {sigma: 1}}]}, {name: b, steps: [{gaussian: {sigma: 1.0, theta: 0}}]}]"
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": 1}, "at least two images"),
        ({"size": 5}, r"size=5 patches are too few for 3 degradations of two images: at least 6"),
        ({"written": "steps: [{gaussian: {sigma: 2}}]"}, "has one degradation only, the same in every draw"),
        ({"written": SAME_BUT_FOR_THE_SPELLING}, r"rows 1 \('a'\) and 2 \('b'\) have the same degradation"),
        ({"written": "rows: [{name: one, steps: [{gaussian: {sigma: 1}}]}]"}, "lists one degradation only"),
        (
            {"written": "rows: [{name: a, steps: [{quantize: {}}]}, {name: a, steps: [{gaussian: {sigma: 1}}]}]"},
            r"rows 1 \('a'\) and 2 \('a'\) have the same name",
        ),
        (
            {"written": "rows: [{name: a, steps: [{quantize: {}}]}, {name: b, steps: [{quantize: {}}]}]"},
            r"rows 1 \('a'\) and 2 \('b'\) have the same steps",
        ),
    ],
)
def test_probes_that_tell_nothing_are_refused(change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        small_probe(tmp_path, **change)


def test_of_more_images_than_go_into_the_size_some_are_drawn(tmp_path):
    probe = small_probe(tmp_path, images=9, size=20)
    assert len(probe) == 18
    assert len(probe.store) == 6
    assert probe.store.names == small_probe(tmp_path, images=9, size=20).store.names
    assert probe.store.names != small_probe(tmp_path, images=9, size=20, seed=1).store.names
    assert torch.bincount(probe.image).tolist() == [3] * 6


def test_an_unknown_probe_is_refused_with_the_near_one():
    with pytest.raises(ValueError, match=r"unknown probe 'gird'; did you mean grid\?"):
        load_probe_space("gird")
    assert load_probe_space("dasr_iso").scale == 4
