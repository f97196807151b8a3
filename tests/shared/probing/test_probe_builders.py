import numpy as np
import pytest
import torch

from shared.degradations import degrade, load_space
from shared.probing import UNLISTED
from shared.probing.probe_builders import (
    DRAWN,
    LISTED_WITHOUT_GRID,
    PATCHES,
    build_run_probe,
    listed_degradations,
    source_side,
)
from tests.shared.probing.small_probes import DRAWN_BLURS, small_probe, small_run_probe, small_store


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


def test_drawn_degradations_are_each_patch_s_own(tmp_path):
    probe = small_probe(tmp_path, written=DRAWN_BLURS)
    assert not probe.is_listed
    assert (probe.label == UNLISTED).all()
    same = probe.degradation.equals(probe.degradation)
    assert torch.equal(same, torch.eye(24, dtype=torch.bool))
    assert set(probe.parameters()) == {"blur_width"}


SAME_BUT_FOR_THE_SPELLING = (
    "rows: [{name: a, steps: [{gaussian: {sigma: 1}}]}, {name: b, steps: [{gaussian: {sigma: 1.0, theta: 0}}]}]"
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": 1}, "at least two images"),
        ({"size": 5}, r"size=5 patches are too few for 3 degradations of two images: use at least 6"),
        ({"written": "steps: [{gaussian: {sigma: 2}}]"}, "has only one degradation, the same in every draw"),
        ({"written": SAME_BUT_FOR_THE_SPELLING}, r"rows 1 \('a'\) and 2 \('b'\) have the same degradation"),
        ({"written": "rows: [{name: one, steps: [{gaussian: {sigma: 1}}]}]"}, "lists only one degradation"),
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
def test_uninformative_probes_are_refused(change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        small_probe(tmp_path, **change)


def test_of_more_images_than_go_into_the_size_some_are_drawn(tmp_path):
    probe = small_probe(tmp_path, images=9, size=20)
    assert len(probe) == 18
    assert len(probe.store) == 6
    assert probe.store.names == small_probe(tmp_path, images=9, size=20).store.names
    assert probe.store.names != small_probe(tmp_path, images=9, size=20, seed=1).store.names
    assert torch.bincount(probe.image).tolist() == [3] * 6


def test_a_run_s_probe_is_every_patch_under_listed_and_drawn_degradations():
    space, store = load_space("blur_noise"), small_store(5)
    probe = build_run_probe(space, store, 32)
    listed, names = listed_degradations(space)
    assert probe.names == names
    contents, copies = 5 * (PATCHES // 5), len(names) + DRAWN
    assert len(probe) == contents * copies
    assert np.bincount(probe.content).tolist() == [copies] * contents
    assert (np.bincount(probe.label[probe.label >= 0]) == contents).all()
    assert (probe.label == UNLISTED).sum() == DRAWN * contents
    for content in range(0, contents, 40):
        rows = np.flatnonzero(probe.content == content)
        assert len({(int(probe.image[i]), int(probe.top[i]), int(probe.left[i])) for i in rows}) == 1
        of_listed = torch.from_numpy(rows[: len(names)])
        assert listed.equals(probe.degradation[of_listed]).diagonal().all()
    drawn = probe.degradation[torch.from_numpy(np.flatnonzero(probe.probed))]
    assert torch.equal(drawn[:50].equals(drawn[:50]), torch.eye(50, dtype=torch.bool))
    assert len(probe.degradation.seed.unique()) == len(probe)
    assert build_run_probe(space, store, 32).hash() == probe.hash() != build_run_probe(space, store, 32, seed=1).hash()


def test_a_run_s_patches_are_the_degraded_windows():
    probe = small_run_probe()
    rows = torch.tensor([0, len(probe) - 1])
    side = source_side(load_space("blur_noise"), 32)
    for row, patch in zip(rows, probe.patches(rows), strict=True):
        top, left = int(probe.top[row]), int(probe.left[row])
        window = probe.store.image(int(probe.image[row]))[top : top + side, left : left + side]
        images = window.permute(2, 0, 1)[None, None].float() / 255
        alone = degrade(images, probe.degradation[[int(row)]], margin=probe.margin)[0, 0]
        assert torch.equal((alone * 255).round().to(torch.uint8), patch)


def test_images_too_small_for_a_run_s_patches_are_refused():
    with pytest.raises(ValueError, match=r"a held-out image has a side of 96 pixels, but a probe patch needs 1\d\d"):
        build_run_probe(load_space("blur"), small_store(), 96)


def test_a_grid_of_another_scale_is_refused(tmp_path):
    (tmp_path / "own.yaml").write_text("scale: 2\nprobe: grid\nsteps: [{bicubic: {relative_size: 1/2}}]\n")
    with pytest.raises(ValueError, match="its probe grid has scale 1, not 2"):
        listed_degradations(load_space(str(tmp_path / "own.yaml")))


def test_a_space_without_a_grid_is_judged_by_draws_of_a_fixed_seed(tmp_path):
    (tmp_path / "own.yaml").write_text("steps: [{gaussian: {sigma: [0.3, 3]}}]\n")
    first, again = (listed_degradations(load_space(str(tmp_path / "own.yaml"))) for _ in range(2))
    assert first[1] == again[1]
    assert len(set(first[1])) == LISTED_WITHOUT_GRID
    assert first[0].equals(again[0]).diagonal().all()
