import pytest
import torch

from analysis.embedding.probe_spaces import load_probe_space, mark_unseen, probe_names
from shared.probing import build_probe_set, source_side
from tests.shared.probing.small_probes import small_probe, small_store


def test_the_probes_that_are_promised_are_there():
    assert {"grid", "sweep", "continuous", "unseen", "dasr_figure"} <= set(probe_names())
    for name in probe_names():
        space = load_probe_space(name)
        side = source_side(space, 32)
        pixels = torch.randint(256, (2 * side * side, 3), dtype=torch.uint8)
        store = small_store(2)
        store.pixels, store.heights, store.widths = pixels, torch.tensor([side] * 2), torch.tensor([side] * 2)
        store.offsets = torch.tensor([0, side * side])
        probe = build_probe_set(space, store, patch=32, size=90, seed=0)
        assert probe.patches(slice(0, 3)).shape == (3, 3, 32, 32)
        assert len(probe.parameters()) > 0


def test_what_an_encoder_has_not_seen(tmp_path):
    probe = small_probe(tmp_path)
    assert mark_unseen(probe, ["gaussian"]).tolist() == (probe.label == 2).tolist()
    assert not mark_unseen(probe, ["gaussian", "gaussian_noise"]).any()


def test_an_unknown_probe_is_refused_with_the_near_one():
    with pytest.raises(ValueError, match=r"unknown probe 'gird'; did you mean grid\?"):
        load_probe_space("gird")
    assert load_probe_space("dasr_iso").scale == 4
