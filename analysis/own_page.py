"""The page of a user's images: their patches among those of the probe set, whose degradations are known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.config import OwnImagesConfig
from analysis.embedding.blocks import draw_even_rows
from analysis.embedding.projection import format_trust, project
from analysis.page.data import PageData
from analysis.page.page import MAX_POINTS
from shared.data.store import ImageStore
from shared.degradations.summary import PIXEL_VARIANCE
from shared.probing import ProbeSet
from shared.readings import Reading

MAX_PROBE = 1500  # patches of the probe set on the page
MAX_OWN = MAX_POINTS - MAX_PROBE  # the user's
MAX_LISTED = 40  # images in the table of the page and on the terminal; the others are only in the table's file
UNKNOWN = "not known"
READ_AS = {"blur_width": "blur_px", "angle": "angle_degrees", "noise": "noise", "jpeg_quality": "jpeg_quality"}


@dataclass(frozen=True)
class OwnPage:
    """What the page of K images with M patches tells.

    Attributes:
        encoder: Name of the encoder.
        names: Names of the images, K.
        group: Group of each image, (K,), from 1.
        readings: What was read from each image, K.
        store: The images.
        image, top, left: Image and position of each patch, (M,) each.
        patch: Side of the patches in pixels.
        embedding: Embedding of the patches, (M, D); may be memory-mapped.
        notes: Remarks for the reader.
    """

    encoder: str
    names: Sequence[str]
    group: np.ndarray
    readings: Sequence[Reading]
    store: ImageStore
    image: np.ndarray
    top: np.ndarray
    left: np.ndarray
    patch: int
    embedding: np.ndarray
    notes: Sequence[str]


def draw_shown(count: int, seed: int) -> np.ndarray:
    """Draws the user's patches that the page shows, evenly over the images, of `count`; ascending."""
    return draw_even_rows(count, MAX_OWN, seed)


def build_own_page(
    config: OwnImagesConfig,
    own: OwnPage,
    shown: np.ndarray,
    own_patches: np.ndarray,
    probe: ProbeSet,
    probe_embedding: np.ndarray,
    probe_patches: np.ndarray,
) -> PageData:
    """Builds the page.

    Args:
        config: Options of the report.
        own: The user's images and what was read from them.
        shown: Rows of the user's patches that are shown, see `draw_shown`.
        own_patches: These patches, (m, 3, p, p) uint8.
        probe: Probe set with N patches.
        probe_embedding: Its embedding, (N, D).
        probe_patches: Its patches, (N, 3, p, p) uint8.
    """
    known = draw_even_rows(len(probe), MAX_PROBE, config.seed)
    embedding = np.concatenate((np.asarray(own.embedding[shown]), np.asarray(probe_embedding)[known]))
    map_, trust = project(embedding, config.map, config.seed)
    image, images = own.image[shown], len(own.names)
    groups = [f"your images, group {i}" for i in range(1, int(own.group.max()) + 1)]
    family, family_names = probe.families()
    titles = probe.titles()
    truth = probe.parameters()
    title = f"{config.map.upper()} of {own.encoder}{format_trust(trust)}"
    return PageData(
        title=f"{images} images, {len(own.image):,} patches, embedded by {own.encoder}",
        maps={title: map_},
        patches=np.concatenate((own_patches, probe_patches[known])),
        words=[UNKNOWN] * len(shown) + [titles[row] for row in known],
        label=np.concatenate((np.full(len(shown), -1), probe.label[known])),
        names=probe.names,
        family=np.concatenate((own.group[image] - 1, len(groups) + family[known])),
        family_names=[*groups, *family_names],
        parameters={
            name: np.concatenate((_list_values(own, name)[image], values[known])) for name, values in truth.items()
        },
        image=np.concatenate((image, images + probe.image.numpy()[known])),
        image_names=[*own.names, *probe.store.names],
        score_rows=[],
        captions=_list_captions(own, len(shown), len(known), probe),
        encoders={title: own.encoder},
        verdict=[_tell_groups(own, len(groups))],
        key_rows=_tabulate(own),
        image_notes=[*(reading.verdict for reading in own.readings), *([""] * len(probe.store))],
        embeddings={own.encoder: embedding},
        boxes=np.concatenate(
            (
                np.stack((own.top, own.left, *[np.full_like(own.top, own.patch)] * 2), 1)[shown],
                probe.boxes()[known],
            )
        ),
        read_image=lambda index: (
            own.store.image(index).numpy() if index < images else probe.store.image(index - images).numpy()
        ),
    )


def _list_values(own: OwnPage, name: str) -> np.ndarray:
    """Lists the value of a parameter of the probe set that was read from each image, (K,); NaN where none was."""
    if name not in READ_AS:
        return np.full(len(own.readings), np.nan)
    found = [reading.quantities.get(READ_AS[name]) for reading in own.readings]
    values = np.array([np.nan if interval is None else interval.value for interval in found])
    return np.sqrt(values**2 + PIXEL_VARIANCE) if name == "blur_width" else values


def _tell_groups(own: OwnPage, groups: int) -> str:
    count = f"{len(own.names)} image{'' if len(own.names) == 1 else 's'}"
    if groups == 1:
        return f"{own.encoder} finds no groups of different degradation among your {count}."
    return f"{own.encoder} finds {groups} groups of similar degradation among your {count}."


def _tabulate(own: OwnPage) -> list[list[str]]:
    rows = zip(own.names, own.group, own.readings, strict=True)
    table = [[name, f"group {number}", reading.verdict] for name, number, reading in rows]
    return [["image", "group", "what was read"], *table[:MAX_LISTED]]


def _list_captions(own: OwnPage, shown: int, known: int, probe: ProbeSet) -> list[str]:
    captions = [f"{note[:1].upper()}{note[1:]}." for note in own.notes]
    captions.append(
        f"Your patches lie among {known:,} patches of the probe set {probe.name}, whose degradations are known; "
        "yours have the values that were read from the whole image."
    )
    if shown < len(own.image):
        captions.append(f"The map shows {shown:,} of the {len(own.image):,} patches, drawn evenly.")
    if len(own.names) > MAX_LISTED:
        captions.append(f"The table shows the first {MAX_LISTED} of {len(own.names):,} images; readings.csv lists all.")
    return captions
