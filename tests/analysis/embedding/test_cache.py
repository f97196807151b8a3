import os

import numpy as np
import pytest
import torch
from torch import nn

from analysis.embedding import cache as module
from analysis.embedding.cache import embed_cached, embed_stream, render_patches
from analysis.embedding.embedders import Embedder, open_embedders
from tests.analysis.small_encoders import save_small_encoder
from tests.shared.probing.small_probes import small_probe

CPU = torch.device("cpu")


class Counting(nn.Module):
    """Mean colours; counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, images):
        self.calls += 1
        return images.mean((2, 3))


def test_patches_and_embeddings_are_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 7)
    probe = small_probe(tmp_path)
    patches = render_patches(probe, tmp_path, quiet=True)
    assert np.array_equal(patches, probe.patches(slice(0, 24)).numpy())
    network = Counting()
    subject = Embedder("mine", "abc", lambda: network)
    found = [embed_cached(subject, probe, patches, tmp_path, device=CPU, bf16=False) for _ in range(2)]
    assert network.calls == 4
    assert found[0].dtype == np.float32
    assert np.array_equal(found[0], found[1])
    expected = torch.from_numpy(np.array(patches)).float().div(255).mean((2, 3))
    assert torch.equal(torch.from_numpy(np.array(found[0])), expected)
    embed_cached(Embedder("mine", "other", lambda: network), probe, patches, tmp_path, device=CPU, bf16=False)
    assert network.calls == 8


def test_half_a_file_is_made_again(tmp_path):
    probe = small_probe(tmp_path)
    patches = np.array(render_patches(probe, tmp_path, quiet=True))
    file = next((tmp_path / "patches").glob("*.npy"))
    os.truncate(file, file.stat().st_size - 100)
    assert np.array_equal(render_patches(probe, tmp_path, quiet=True), patches)


def test_a_failure_leaves_nothing_behind(tmp_path):
    class Failing(nn.Module):
        def forward(self, images):
            raise RuntimeError("out of memory")

    probe = small_probe(tmp_path)
    patches = render_patches(probe, tmp_path, quiet=True)
    with pytest.raises(RuntimeError, match="out of memory"):
        embed_cached(Embedder("mine", "abc", Failing), probe, patches, tmp_path, device=CPU, bf16=False)
    assert not list((tmp_path / "embeddings").iterdir())


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot be written .*give another data\.cache_dir="):
        render_patches(small_probe(tmp_path), tmp_path / "file", quiet=True)


def test_an_encoder_embeds_in_evaluation_mode_and_is_left_as_it_was(tmp_path):
    network = open_embedders([str(save_small_encoder(tmp_path / "mine"))], str(tmp_path), "vector")[0][0].build()
    patches = np.random.default_rng(0).integers(0, 256, (5, 3, 32, 32), dtype=np.uint8)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    whole = np.concatenate(list(embed_stream(network, patches, device=CPU, bf16=False)))
    alone = np.concatenate(list(embed_stream(network, patches[3:4], device=CPU, bf16=False)))
    np.testing.assert_allclose(whole[3:4], alone, rtol=1e-4, atol=1e-6)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
