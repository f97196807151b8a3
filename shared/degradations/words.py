"""Degradations in words for people: one vocabulary for legends, tables, heatmaps and sentences.

A degradation is named by its steps in their order, such as "oblong blur 3.0 x 0.7 px at 90 degrees, noise 14, JPEG 30";
one without an effect is "untouched". Blurs are in pixels, noise is a deviation in 8-bit levels, JPEG a quality.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from shared.degradations.operations import OPERATIONS
from shared.degradations.summary import PIXEL_VARIANCE, ROUND_THRESHOLD

UNTOUCHED = "untouched"
MAX_DENOMINATOR = 6  # of a size that is written as a fraction
Steps = Sequence[tuple[str, dict[str, float]]]
_Values = dict[str, float]
_KINDS = {operation.name: operation.kind for operation in OPERATIONS}
_MINOR = ("sharpened", "down-sampled")
_METHODS = {"plain_bicubic": "plain bicubic", "s_fold": "every n-th pixel", "gaussian_s_fold": "every n-th pixel"}


def describe_steps(steps: Steps, scale: int = 1) -> str:
    """Describes a degradation, such as "round blur 2.1 px, noise 14".

    What all patches have is not told: the final rounding, and bicubic down-sampling to the scale.

    Args:
        steps: Operations and their parameters in order, see `Degradation.rows`.
        scale: Down-sampling factor of the output.
    """
    return ", ".join(f"{kind} {details}".strip() for kind, details in _tell(steps, scale)) or UNTOUCHED


def name_family(steps: Steps, scale: int = 1) -> str:
    """Names the kinds of degradation, each once in the order of the steps, such as "round blur + noise".

    Sharpening and the method of down-sampling count only if there is nothing else.
    """
    kinds = list(dict.fromkeys(kind for kind, _ in _tell(steps, scale)))
    return " + ".join([kind for kind in kinds if kind not in _MINOR] or kinds) or UNTOUCHED


def _tell(steps: Steps, scale: int) -> list[tuple[str, str]]:
    """Tells the kind and the details of each step that has an effect."""
    told = []
    last_resize = max((i for i, (name, _) in enumerate(steps) if _KINDS[name] == "resize"), default=-1)
    method = "bicubic"  # of the previous resize
    for i, (name, values) in enumerate(steps):
        if name == "gaussian_s_fold" and values["sigma"] > 0:
            told.append(("round blur", f"{_width(values['sigma'])} px"))
        if _KINDS[name] != "resize":
            told += [part for part in (_WORDS[name](values),) if part] if name in _WORDS else []
            continue
        own = _METHODS.get(name, name)
        if i < last_resize:
            told.append(("rescaled", f"{_size(values['relative_size'])}{'' if own == 'bicubic' else f' ({own})'}"))
        elif own not in ("bicubic", method):
            told.append(("down-sampled" if scale > 1 else "rescaled", f"by {own}"))
        method = own
    return told


def _tell_gaussian(values: _Values) -> tuple[str, str] | None:
    shape = _shape(values)
    return ("oblong blur" if " x " in shape else "round blur", shape) if shape else None


def _tell_shaped(kind: str) -> Callable[[_Values], tuple[str, str] | None]:
    def tell(values: _Values) -> tuple[str, str] | None:
        shape = _shape(values)
        return (kind, f"{shape} (beta {values['beta']:.3g})") if shape else None

    return tell


def _shape(values: _Values) -> str:
    """The widths of a blur, the longer first, and its direction unless it is round; empty for no blur."""
    long, short, theta = values["sigma"], values["sigma_y"], values["theta"]
    if long < short:
        long, short, theta = short, long, theta + math.pi / 2
    if long == 0:
        return ""
    if 0.5 * math.log((long**2 + PIXEL_VARIANCE) / (short**2 + PIXEL_VARIANCE)) <= ROUND_THRESHOLD:
        return f"{_width(math.sqrt(long * short) if short > 0 else long)} px"
    return f"{_width(long)} x {_width(short)} px at {_degrees(theta)}"


def _tell_motion(values: _Values) -> tuple[str, str] | None:
    kind = "curved motion blur" if values["curvature"] else "motion blur"
    return (kind, f"{_level(values['length'])} px at {_degrees(values['theta'])}") if values["length"] > 0 else None


def _tell_noise(kind: str) -> Callable[[_Values], tuple[str, str] | None]:
    return lambda values: (kind, _level(255 * values["noise_sigma"])) if values["noise_sigma"] > 0 else None


def _tell_shot_noise(kind: str) -> Callable[[_Values], tuple[str, str]]:
    return lambda values: (kind, _level(255 * math.sqrt(0.5 / values["peak"])))  # at mid-gray


def _tell_jpeg(values: _Values) -> tuple[str, str]:
    return "JPEG", f"{values['quality']:.0f}"


_WORDS: dict[str, Callable[[_Values], tuple[str, str] | None]] = {
    "gaussian": _tell_gaussian,
    "generalized_gaussian": _tell_shaped("generalised blur"),
    "plateau": _tell_shaped("plateau blur"),
    "sinc": lambda values: ("sinc blur", f"(cut-off {values['cutoff'] / math.pi:.2f} pi)"),
    "disk": lambda values: ("defocus", f"{_level(values['radius'])} px") if values["radius"] > 0 else None,
    "motion": _tell_motion,
    "rescale": lambda values: ("rescaled", _size(values["factor"])) if values["factor"] < 1 else None,
    "gaussian_noise": _tell_noise("noise"),
    "gray_noise": _tell_noise("gray noise"),
    "speckle": _tell_noise("speckle"),
    "poisson": _tell_shot_noise("shot noise"),
    "gray_poisson": _tell_shot_noise("gray shot noise"),
    "jpeg": _tell_jpeg,
    "cropped_jpeg": _tell_jpeg,
    "unsharp_mask": lambda values: ("sharpened", f"{values['amount']:.2g}") if values["amount"] > 0 else None,
}


def _width(value: float) -> str:
    """Formats a width with one decimal, or two where they are needed."""
    text = f"{value:.2f}"
    return text.removesuffix("0")


def _level(value: float) -> str:
    """Formats a value with two digits: without decimals from 10 on, with at most one below."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")


def _degrees(theta: float) -> str:
    return f"{round(math.degrees(theta)) % 180} degrees"


def _size(value: float) -> str:
    fraction = Fraction(value).limit_denominator(MAX_DENOMINATOR)
    return str(fraction) if abs(float(fraction) - value) < 1e-3 else f"{value:.2f}"
