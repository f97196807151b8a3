"""The encoder that comes with the package, on photographs that nothing was fitted to."""

import numpy as np
import pytest

from analysis import read_photographs
from shared.artefacts import EncoderArtefact
from shared.data.fingerprints import fingerprint_images, read_fingerprints
from shared.data.sources import DataConfig, open_images
from shared.readings import SAMPLES_FILE, SHIPPED
from tests.analysis.degraded_photographs import read_through_the_command, score, write_degraded

SIDE = 400  # of the photographs' central crops


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """The entries of photographs under nine degradations, and their folder."""
    root = tmp_path_factory.mktemp("photographs")
    training, held_out = open_images(DataConfig(dead_leaves=0, cache_dir=str(root / "cache")), 200)
    seen = read_fingerprints(EncoderArtefact.open(SHIPPED).metadata)
    photographs = []
    for store in (training, held_out):
        assert not seen & set(fingerprint_images(store))
        photographs += [crop(store.image(i).numpy()) for i in range(len(store)) if is_sharp(store.names[i])]
    write_degraded(photographs, root / "degraded")
    return read_through_the_command(root / "degraded", root / "runs", [f"data.cache_dir={root / 'cache'}"]), root


def crop(image: np.ndarray) -> np.ndarray:
    top, left = (max(0, (side - SIDE) // 2) for side in image.shape[:2])
    return image[top:, left:][:SIDE, :SIDE]


def is_sharp(name: str) -> bool:
    """Whether a built-in photograph shows no degradation of its own: the stars of Hubble's are blurred."""
    return "hubble" not in name


def test_photographs_of_known_degradations_are_read(read):
    entries, _ = read
    table = score(entries)
    worst: dict[str, float] = {}
    for row in table.values():
        for name, error in row["errors"].items():
            worst[name] = max(error, worst.get(name, 0.0))
    assert worst["blur_px"] <= 0.2, table
    assert worst["noise"] <= 2.5, table
    assert worst["jpeg_quality"] <= 10, table
    assert worst["motion_px"] <= 0.3, table
    assert table["sharp"]["named"] >= 0.75, table
    assert table["motion 15"]["named"] >= 0.5, table
    assert np.mean([row["held"] for row in table.values()]) >= 0.75, table


def test_python_reads_what_the_command_reads(read):
    entries, root = read
    some = entries[::40]
    found = read_photographs([entry["image"] for entry in some], cache_dir=str(root / "cache"))
    assert found == some


def test_the_encoder_is_small():
    files = list(SHIPPED.iterdir())
    assert {file.name for file in files} == {"README.md", "config.json", "model.safetensors", SAMPLES_FILE}
    assert sum(file.stat().st_size for file in files) <= 8e6
