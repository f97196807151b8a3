"""Parameters of the degradation that a user gives to a model instead of those that the model reads."""

import math
from pathlib import Path

import torch
from torch import Tensor

from shared.degradations import SUMMARY_RANGES, Space, load_space
from shared.degradations.summary import ROUND_THRESHOLD, summarise
from shared.images import TRANSPOSE
from shared.images.symmetries import MIRROR_LEFT_RIGHT, MIRROR_TOP_BOTTOM
from sr.model import SRModel
from sr.model_artefact import ModelArtefact
from sr.upscaling.config import PIXEL_WIDTH, Steering

COLUMNS = {name: column for column, name in enumerate(SUMMARY_RANGES)}
MIN_ANISOTROPY = 0.5  # log ratio of the widths of a blur above which its direction is described
MAX_JPEG_QUALITY = 90  # below which it is described
DRAWS = 1024  # degradations that the ranges of a space are estimated from
TOLERANCE = 0.05  # by which a parameter may be outside such a range without a warning, relative to its extent


def is_parametric(model: SRModel) -> bool:
    """Whether parameters of the degradation steer a model, so that a user may give them."""
    return model.source is not None and model.source.is_parametric


def check_steering(model: SRModel, steering: Steering, *, has_reference: bool = False) -> None:
    """Refuses parameters that a model does not take, and an oracle without parameters.

    Args:
        model: Any model.
        steering: What the user gives.
        has_reference: Whether the user gives an image whose degradation is read too.

    Raises:
        ValueError: A value is invalid, or does not fit the model; the message is one sentence.
    """
    steering.check()
    given = steering.given | ({"strength": steering.strength} if steering.strength != 1 else {})
    if not is_parametric(model):
        if given:
            listed = " ".join(f"{name}={value:g}" for name, value in given.items())
            raise ValueError(
                f"{listed}: a model with conditioning={model.config.conditioning} takes no parameters of the "
                "degradation, only one with conditioning=distilled or oracle does"
            )
        return
    if model.reads_images:
        return
    if steering.blur is None:
        raise ValueError(
            "an oracle does not read the degradation from the image: give blur=WIDTH in output pixels, and what else "
            "there is of noise=LEVELS, jpeg_quality=QUALITY, blur_ratio=RATIO with blur_angle=DEGREES"
        )
    if has_reference:
        raise ValueError("an oracle does not read the degradation from an image: remove reference")
    if (steering.blur_ratio or 1) > 1 and steering.blur_angle is None:
        raise ValueError(f"blur_ratio={steering.blur_ratio:g}: an oracle needs blur_angle=DEGREES with it")
    if steering.blur_angle is not None and steering.blur_ratio is None:
        raise ValueError(f"blur_angle={steering.blur_angle:g}: an oracle needs blur_ratio=RATIO with it")


def no_degradation() -> Tensor:
    """Returns the parameters (1, 6) of an image that was only down-sampled, as `summarise_as_vector` does."""
    vector = torch.zeros(1, len(COLUMNS))
    _set(vector, "log_sigma", math.log(PIXEL_WIDTH))
    _set(vector, "jpeg_quality", 100.0)
    for name in ("anisotropy", "sin_2theta", "cos_2theta", "noise_sigma"):
        _set(vector, name, 0.0)
    return vector


def replace_parameters(read: Tensor, steering: Steering, element: int = 0) -> Tensor:
    """Replaces the parameters that are given.

    Args:
        read: Parameters that were read from a view of the image, (B, 6), scaled as by `summarise_as_vector`.
        steering: What the user gives, for the image as it is.
        element: Symmetry of the view, 0..7, see `shared.images.symmetries.dihedral`: it turns a blur.

    Returns:
        The parameters for the view, (B, 6) float32.
    """
    result = read.float().clone()
    if steering.blur is not None:
        _set(result, "log_sigma", math.log(max(steering.blur, PIXEL_WIDTH)))
    if steering.noise is not None:
        _set(result, "noise_sigma", steering.noise / 255)
    if steering.jpeg_quality is not None:
        _set(result, "jpeg_quality", steering.jpeg_quality)
    if steering.blur_ratio is not None:
        _set(result, "anisotropy", math.log(steering.blur_ratio))
    if steering.blur_ratio is not None or steering.blur_angle is not None:
        anisotropy = _get(result, "anisotropy")
        weight = torch.where(anisotropy > ROUND_THRESHOLD, anisotropy.tanh(), 0.0)
        twice = torch.atan2(_get(result, "sin_2theta"), _get(result, "cos_2theta"))
        if steering.blur_angle is not None:
            twice = torch.full_like(twice, _turn(2 * math.radians(steering.blur_angle), element))
        _set(result, "sin_2theta", weight * twice.sin())
        _set(result, "cos_2theta", weight * twice.cos())
    return result


def weaken(parameters: Tensor, strength: float) -> Tensor:
    """Interpolates from no degradation (strength 0) to parameters (B, 6) (strength 1)."""
    return parameters if strength == 1 else torch.lerp(no_degradation().to(parameters), parameters, strength)


def describe_parameters(parameters: Tensor, steering: Steering) -> str:
    """Describes what steers a model, such as "blur 1.8 px (given), noise 4, at strength 0.5".

    Args:
        parameters: What `replace_parameters` returned for an image as it is, (1, 6).
        steering: What the user gave.
    """
    value = {name: float(_get(parameters, name)) for name in COLUMNS}
    angle = math.degrees(math.atan2(value["sin_2theta"], value["cos_2theta"])) / 2 % 180
    is_long = value["anisotropy"] > MIN_ANISOTROPY
    is_shaped = is_long or "blur_angle" in steering.given
    # option -> words before and after its value, the value as read, whether it is worth mentioning
    words = {
        "blur": ("blur ", " px", f"{math.exp(value['log_sigma']):.1f}", True),
        "blur_ratio": ("ratio ", "", f"{math.exp(max(0.0, value['anisotropy'])):.1f}", is_shaped),
        "blur_angle": ("longer at ", " degrees", f"{angle:.0f}", is_long),
        "noise": ("noise ", "", f"{max(0.0, 255 * value['noise_sigma']):.0f}", True),
        "jpeg_quality": (
            "JPEG quality ",
            "",
            f"{max(1.0, value['jpeg_quality']):.0f}",
            value["jpeg_quality"] < MAX_JPEG_QUALITY,
        ),
    }
    parts = []
    for name, (before, after, read, is_mentioned) in words.items():
        if name in steering.given:
            parts.append(f"{before}{steering.given[name]:g}{after} (given)")
        elif is_mentioned:
            parts.append(f"{before}{read}{after}")
    if steering.strength != 1:
        parts.append(f"at strength {steering.strength:g}")
    return ", ".join(parts)


def load_trained_space(path: str | Path) -> Space:
    """Loads the degradation space that a model was trained on.

    Raises:
        ValueError: There is no such space here, or an imported model does not tell.
    """
    metadata = ModelArtefact.open(path).metadata
    name = metadata.get("config", {}).get("degradation") or metadata.get("degradation")
    if name is None and "imported" in metadata:
        raise ValueError("its weights do not tell what they were trained on; import them with degradation=SPACE")
    return load_space(str(name))


def find_untrained(steering: Steering, space: Space) -> list[str]:
    """Describes, in a sentence each, the parameters that are outside the range of a degradation space.

    Args:
        steering: What the user gives.
        space: Space that the model was trained on.
    """
    summary = summarise(space.draw(DRAWS, torch.Generator().manual_seed(0)))
    drawn = {
        "blur": summary["log_sigma"].exp(),
        "blur_ratio": summary["anisotropy"].exp(),
        "noise": 255 * summary["noise_sigma"],
        "jpeg_quality": summary["jpeg_quality"],
    }
    sentences = []
    for name, value in steering.given.items():
        if name not in drawn:
            continue
        low, high = float(drawn[name].min()), float(drawn[name].max())
        margin = TOLERANCE * (high - low) + 0.05
        counted = max(value, PIXEL_WIDTH) if name == "blur" else value
        if not low - margin <= counted <= high + margin:
            trained = f"{round(low, 1):g} to {round(high, 1):g}" if high - low > 0.05 else f"{round(low, 1):g} only"
            sentences.append(f"{name}={value:g} is outside what the model was trained on, {trained}: expect artefacts")
    return sentences


def _turn(twice: float, element: int) -> float:
    """Returns twice the angle of a direction after a symmetry of the square, given twice the angle before."""
    for mirror in (MIRROR_LEFT_RIGHT, MIRROR_TOP_BOTTOM):
        twice = -twice if element & mirror else twice
    return math.pi - twice if element & TRANSPOSE else twice


def _get(vector: Tensor, name: str) -> Tensor:
    """Returns a parameter in its own unit, (B,)."""
    low, high = SUMMARY_RANGES[name]
    return low + (high - low) * vector[:, COLUMNS[name]]


def _set(vector: Tensor, name: str, value: float | Tensor) -> None:
    """Sets a parameter, given in its own unit."""
    low, high = SUMMARY_RANGES[name]
    vector[:, COLUMNS[name]] = (value - low) / (high - low)
