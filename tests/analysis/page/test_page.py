"""The page as a file: self-contained, lossless, consistent with the figures, and replaced only as a whole."""

import base64
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from analysis.figures.map_colours import ProbeColours
from analysis.figures.style import COLOURS, MARKERS
from analysis.page import encoding, page
from analysis.page.contents import MARKER_NAMES
from analysis.page.page import sample_evenly, write_page
from tests.analysis.page.page_example import COUNT, example, full

ROOT = Path(__file__).resolve().parents[3]


def content_of(path: Path) -> dict:
    found = re.search(r'id="page-data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    return json.loads(found[1])


def decode(encoded: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(encoded), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].transpose(2, 0, 1)


def test_file_is_self_contained_and_lossless(tmp_path):
    write_page(tmp_path / "page.html", example())
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search(r'<(script|link|img|iframe)[^>]*(src|href)="?(?!data:)', text)
    assert "48 patches of 16 x 16 pixels, 7 images, 3 degradations." in text
    assert "sampled" not in text.split("<script", 1)[0]
    patches = content_of(tmp_path / "page.html")["patches"]
    for encoded, patch in zip(patches, example().patches, strict=True):
        np.testing.assert_array_equal(decode(encoded), patch)
    assert len(text) < 2e6 + 1.6 * example().patches.size


def test_categories_have_the_colours_and_markers_of_the_figures(tmp_path):
    assert set(MARKER_NAMES) == set(MARKERS)
    family = np.arange(COUNT) % 20
    family[24:] = 19
    names = [f"family {i}" for i in range(21)]
    write_page(tmp_path / "page.html", replace(example(), family=family, family_names=names))
    shown = content_of(tmp_path / "page.html")["family"]
    rank = ProbeColours(family, names, {}, family, names).families().rank
    for row in range(COUNT):
        assert shown["colours"][family[row]] == COLOURS[rank[row] % len(COLOURS)]
        assert shown["markers"][family[row]] == MARKER_NAMES[MARKERS[rank[row] % len(MARKERS)]]


def test_the_page_opens_with_a_colouring_that_is_not_half_of_one_colour(tmp_path):
    rows = np.arange(COUNT)
    for family, label, first in (
        (rows % 3, rows % 3, 0),  # the kind
        (rows % 3 > 0, rows % 3, 1),  # the listed degradation
        (rows < 0, np.full(COUNT, -1), 1),  # the first parameter
    ):
        names = ["a", "b", "c"] if label.max() >= 0 else []
        data = replace(example(), family=family.astype(int), family_names=["k", "l", "m"], label=label, names=names)
        write_page(tmp_path / "page.html", replace(data, separations={}))
        assert content_of(tmp_path / "page.html")["default_colouring"] == first


def test_the_images_of_the_patches_are_small_copies_unless_there_are_too_many(tmp_path, monkeypatch):
    write_page(tmp_path / "page.html", replace(full(), read_image=lambda _: np.zeros((500, 1000, 3), np.uint8)))
    sources = content_of(tmp_path / "page.html")["sources"]
    assert len(sources) == len(full().image_names)
    assert (sources[0]["width"], sources[0]["height"]) == (1000, 500)
    assert decode(sources[0]["webp"]).shape == (3, 160, 320)
    monkeypatch.setattr(encoding, "MAX_IMAGES", 5)
    write_page(tmp_path / "page.html", full())
    assert content_of(tmp_path / "page.html")["sources"] == []


def test_a_path_is_shown_if_all_of_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "sample_evenly", lambda *_: np.r_[0:4, 6:COUNT])  # without the patches 4 and 5
    write_page(tmp_path / "page.html", full())
    (sweep,) = content_of(tmp_path / "page.html")["sweeps"]
    assert sweep["paths"] == [[0, 1, 2], [4, 5, 6], [7, 8, 9]]
    assert sweep["values"][:6] == [0, 4, 20, 0, 0, 4]
    assert sweep["curves"]["untrained"]["rank_correlation"] is None


def test_the_same_data_gives_the_same_page(tmp_path):
    for name in ("one", "two"):
        write_page(tmp_path / name, example())
    one, two = (content_of(tmp_path / name) for name in ("one", "two"))
    assert one == two


def test_an_even_sample_of_too_many_points_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MAX_POINTS", 24)
    write_page(tmp_path / "page.html", example())
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "shows 24 of them, sampled evenly over degradations and images; the scores use all 48." in text
    content = content_of(tmp_path / "page.html")
    rows = sample_evenly(example(), 24)
    assert len(content["patches"]) == len(content["family"]["index"]) == len(content["maps"][0]["x"]) == 24
    assert content["degradation"]["index"] == (rows % 3).tolist()
    assert content["parameters"][0]["values"] == pytest.approx((rows / 10).tolist())
    assert [content["words"]["names"][at] for at in content["words"]["index"]] == [example().words[at] for at in rows]


def test_contents_are_sampled_whole_and_evenly_over_images():
    data = replace(example(7200), content=np.arange(7200) // 9, image=np.arange(7200) // 9 % 40)
    rows = sample_evenly(data, 5000)
    assert 4900 < len(rows) <= 5000
    shown = np.bincount(data.content[rows], minlength=800)
    assert set(shown.tolist()) == {0, 9}
    images = np.bincount(data.image[rows])
    assert np.ptp(images) <= 2 * 9
    assert len(sample_evenly(replace(data, content=np.zeros(7200, int)), 5000)) == 7200  # one content cannot be cut


def test_sample_is_even_seeded_and_in_order():
    data = example(7200)
    rows = sample_evenly(data, 5000)
    assert len(np.unique(rows)) == 5000
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, sample_evenly(data, 5000))
    degradations = np.bincount(data.label[rows])
    assert np.ptp(degradations) <= 1
    images = np.bincount(data.image[rows])
    assert images.min() >= 6  # of 12 each, where 5000 / 7200 would be 8.3
    assert images.max() <= 11
    np.testing.assert_array_equal(sample_evenly(data, 7200), np.arange(7200))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words": ["one"]}, "words must have one value per patch, 48, got 1"),
        ({"maps": {}}, "at least one map and one patch, got 0 and 48"),
        ({"maps": {"PCA": np.zeros((COUNT, 3))}}, r"map 'PCA' must be finite and of shape \(48, 2\)"),
        ({"maps": {"PCA": np.full((COUNT, 2), np.nan)}}, "map 'PCA' must be finite"),
        ({"parameters": {"noise": np.zeros(3)}}, "noise must have one value per patch, 48, got 3"),
        ({"image_names": ["one"]}, "image has the index 3, but there are only 1 names"),
        ({"separations": {"PCA of tiny": np.zeros((2, 2))}}, r"must be \(3, 3\) for 3 degradations, got \(2, 2\)"),
        ({"encoders": {"t-SNE": "tiny"}}, "encoders has the unknown map 't-SNE'; the maps are 'UMAP of tiny', 'PCA"),
        ({"silhouettes": {"PCA of tiny": {"rain": 0.1}}}, "silhouettes has 'rain', which is not among the listed"),
    ],
)
def test_wrong_data_is_refused_and_the_old_page_stays(tmp_path, change, message):
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(ValueError, match=message):
        write_page(path, replace(example(), **change))
    assert path.read_text() == "old"


def test_failed_writing_leaves_the_old_page(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("old")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        write_page(path, example())
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]
    assert path.read_text() == "old"


def test_a_user_without_a_home_directory_gets_the_page(tmp_path):
    code = (
        "import pwd, sys\nfrom pathlib import Path\n"
        "def getpwuid(_): raise KeyError('no such user')\n"
        "pwd.getpwuid = getpwuid\n"
        "from analysis.page.page import write_page\nfrom tests.analysis.page.page_example import example\n"
        "write_page(Path(sys.argv[1]), example())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    command = [sys.executable, "-c", code, tmp_path / "page.html"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert len(content_of(tmp_path / "page.html")["words"]["index"]) == COUNT
