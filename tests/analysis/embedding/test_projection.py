import numpy as np
import torch

from analysis.embedding.projection import trustworthiness, umap_map


def test_umap_keeps_neighbours_together_and_is_the_same_for_a_seed():
    group = np.arange(60) % 3
    embedding = np.eye(8)[group] + 0.1 * np.random.default_rng(0).normal(size=(60, 8))
    threads = torch.get_num_threads()
    map_ = umap_map(embedding.astype(np.float32))
    assert torch.get_num_threads() == threads
    assert map_.shape == (60, 2)
    distances = np.linalg.norm(map_[:, None] - map_, axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert (group[distances.argmin(1)] == group).all()
    assert trustworthiness(embedding, map_) > 0.9
    assert (umap_map(embedding.astype(np.float32)) == map_).all()
