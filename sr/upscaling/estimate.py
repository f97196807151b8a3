"""What a model takes the degradation of an image for, in words: linear probes on its own representation.

The probes are fitted once per model to held-out built-in images under degradations drawn from the space that the model
was trained on, and kept in the cache.
"""

import hashlib
import io
import json
import logging
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from shared.data import DataConfig, open_images, source_size
from shared.degradations import Space, format_reading, load_space
from shared.encoders import Representation
from shared.files import write_atomically
from shared.images import spread_windows
from shared.inference import eval_mode
from shared.probing.probe_set import UNLISTED, build_probe, embed
from shared.probing.ridge import RidgeProbe, fit_ridge, r_squared, ridge_predictions
from sr.model import ModelArtefact, SRModel
from sr.upscaling.tile_conditions import ImageView, represent

VERSION = 2  # raise it when probes are fitted otherwise, so that cached ones are not used
PATCH = 48  # pixels a side of LR patches, DASR's; images are looked at in windows of this size too
WINDOWS = 16  # of an image
READ_FROM = 0.3  # R^2 on left-out images below which a parameter is not told
NAMES = {
    "log_sigma": "blur", "anisotropy": "shape of the blur", "angle": "direction of the blur", "noise_sigma": "noise",
    "jpeg_quality": "JPEG quality",
}  # fmt: skip

PARTS = tuple(part.name for part in fields(RidgeProbe))

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Estimator:
    """Reads degradations off the representations of one model.

    Attributes:
        model: whose representations are read.
        probes: by the name of the parameter, those that are told; see `shared.degradations.summary`.
        r2: on left-out images, of all parameters of the model's degradation space.
    """

    model: SRModel
    probes: dict[str, RidgeProbe]
    r2: dict[str, float]

    def described(self) -> str:
        """What is told and what is not, with the R^2 on images that the probes were not fitted to."""
        told = [f"{NAMES[name]} (R^2 {self.r2[name]:.2f})" for name in self.probes]
        not_told = [f"{NAMES[name]} ({value:.2f})" for name, value in self.r2.items() if name not in self.probes]
        unless = f"; not told, since it hardly reads them: {', '.join(not_told)}" if not_told else ""
        return f"estimates of the model, blur in pixels of the result and noise of 255: {', '.join(told)}{unless}"

    def parameters(self, image: Tensor) -> dict[str, np.ndarray]:
        """What the probes read from each of M windows of an image, (M,) or for the angle (M, 2) each.

        Args:
            image: (C, h, w), see `sr.upscaling.tiled.Upscaling`; at least 16 pixels a side.
        """
        colours = ImageView(image[: 1 if image.shape[0] < 3 else 3])
        windows = spread_windows(colours.height, colours.width, PATCH, WINDOWS)
        with eval_mode(self.model):
            vectors = represent(self.model, torch.cat([colours.cut(window) for window in windows])).vector
        read = {name: probe(vectors.float().cpu().numpy()) for name, probe in self.probes.items()}
        return {name: values if name == "angle" else values[:, 0] for name, values in read.items()}

    def words(self, image: Tensor) -> str:
        """The medians over the windows, such as "blur 1.8 px, noise 4"."""
        return in_words(self.parameters(image))


def in_words(parameters: dict[str, np.ndarray]) -> str:
    """What was read from the windows of an image, as the medians over them; see `Estimator.parameters`."""
    middle = {name: float(np.median(values)) for name, values in parameters.items() if name != "angle"}
    angle = None
    if "angle" in parameters:
        sine, cosine = parameters["angle"].mean(0)  # of twice the angle
        angle = float(np.degrees(np.arctan2(sine, cosine)) / 2 % 180)
    words = format_reading(
        blur_width=float(np.exp(middle["log_sigma"])) if "log_sigma" in middle else None,
        anisotropy=middle.get("anisotropy", 0.0), angle=angle,
        noise=255 * middle["noise_sigma"] if "noise_sigma" in middle else None,
        jpeg_quality=middle.get("jpeg_quality", 100.0),
    )  # fmt: skip
    return words or "nothing that it tells"


def open_estimator(model: SRModel, path: str | Path, cache_dir: Path) -> Estimator:
    """The estimator of a model, from the cache or fitted, which takes up to a minute on a CPU.

    Args:
        model: on the device that is to compute.
        path: where it was loaded from.
        cache_dir: made where it is missing; where it cannot be written, that is said and nothing is kept.

    Raises:
        ValueError: why there is nothing to tell.
    """
    if not model.reads_images:
        raise ValueError(f"a model with conditioning={model.config.conditioning} does not look at the degradation")
    described = ModelArtefact.open(path).metadata
    space = load_space(str(described.get("config", {}).get("degradation") or described.get("degradation")))
    file = cache_dir / "estimates" / f"{_key(path, space)}.npz"
    found = _read(file)
    if found is None:
        print("fitting probes to what the model's encoder makes of known degradations, once per model ...", flush=True)
        found = fit(model, space, cache_dir)
        _keep(file, *found)
    probes, r2 = found
    if not probes:
        untold = ", ".join(f"{NAMES[name]} {value:.2f}" for name, value in r2.items())
        raise ValueError(f"the model's encoder hardly reads any from held-out images (R^2: {untold})")
    return Estimator(model, probes, r2)


def fit(model: SRModel, space: Space, cache_dir: Path) -> tuple[dict[str, RidgeProbe], dict[str, float]]:
    """Probes for what can be read, and the R^2 of all parameters on images left out of the fit.

    Raises:
        ValueError: the built-in images are too small for the space.
    """
    smallest = source_size(PATCH, space.scale, space.margin())
    _, held_out = open_images(DataConfig(dead_leaves=0, cache_dir=str(cache_dir)), smallest)
    probe = build_probe(space, held_out, PATCH)
    drawn = probe.label == UNLISTED
    image = probe.image[drawn]
    vectors = embed(_Looking(model), probe.images[torch.from_numpy(drawn)])
    probes, r2 = {}, {}
    with threadpool_limits(limits=1):  # the pools of numpy, sklearn and torch spin while they wait for each other
        for name, values in probe.targets().items():
            target = values[drawn].reshape(len(vectors), -1)  # (N, P), NaN where it does not apply
            r2[name] = r_squared(target, ridge_predictions(vectors, target, image))
            if r2[name] >= READ_FROM:
                probes[name] = fit_ridge(vectors, target, image)
    return probes, r2


class _Looking(nn.Module):
    """A model as the encoder that it contains."""

    def __init__(self, model: SRModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Representation:
        """(B, 3, H, W) -> representation."""
        return represent(self.model, images)


def _key(path: str | Path, space: Space) -> str:
    described = ModelArtefact.open(path).config
    parts = [VERSION, PATCH, described["model"], described["weights_sha256"], space.definition]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _read(file: Path) -> tuple[dict[str, RidgeProbe], dict[str, float]] | None:
    """What `_keep` kept; None where it is not there or damaged."""
    try:
        with np.load(file) as arrays:
            r2 = {name.partition("/")[2]: float(arrays[name]) for name in arrays if name.startswith("r2/")}
            told = [name for name in r2 if f"bias/{name}" in arrays]
            return {name: RidgeProbe(*(arrays[f"{part}/{name}"] for part in PARTS)) for name in told}, r2
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _keep(file: Path, probes: dict[str, RidgeProbe], r2: dict[str, float]) -> None:
    arrays = {f"r2/{name}": np.asarray(value) for name, value in r2.items()}
    for name, probe in probes.items():
        for part in PARTS:
            arrays[f"{part}/{name}"] = getattr(probe, part)
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, stream.getvalue())
    except OSError as error:
        logger.warning("the model's probes are not kept: %s cannot be written (%s)", file.parent, error.strerror)
