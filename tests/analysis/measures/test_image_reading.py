import numpy as np
import pytest

from analysis.measures.image_reading import read_images
from tests.shared.probing.small_probes import small_probe


def test_a_patch_of_the_probe_set_is_recognised(tmp_path):
    """With an embedding that is the degradation, and a little of the content."""
    probe = small_probe(tmp_path, size=96, images=8)
    generator = np.random.default_rng(0)
    probe_embedding = np.eye(3)[probe.label] + 0.05 * generator.normal(size=(96, 3))
    new = np.eye(3)[[2, 1, 0]]
    found = read_images(new, probe, probe_embedding)
    assert found.votes.argmax(1).tolist() == [2, 1, 0]
    assert found.parameters["noise"] == pytest.approx([10, 0, 0], abs=1)
    assert found.parameters["blur_width"][1] == pytest.approx(1.53, rel=0.1)
    assert found.describe(np.array([True, False, False]), probe.names).startswith(
        "blur 1.5 px, noise 10; nearest to noisy"
    )
    far = read_images(-new, probe, probe_embedding)
    assert "unlike anything in the probe set" in far.describe(np.array([True, False, False]), probe.names)


def test_unreliable_parameters_are_omitted(tmp_path):
    probe = small_probe(tmp_path, size=96, images=8)
    noise = np.random.default_rng(0).normal(size=(96, 5))
    found = read_images(noise[:4], probe, noise)
    assert not found.parameters
    assert set(found.unreliable) == {"log_sigma", "noise_sigma"}
