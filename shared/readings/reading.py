"""What was read from one photograph, and its verdict in words."""

from dataclasses import dataclass
from typing import Any

from shared.readings.quantities import (
    ANGLE,
    BLUR,
    JPEG,
    KINDS,
    MOTION,
    MOTION_LENGTH,
    NOISE,
    OBLONG,
    RESCALED,
    SHARP,
)

NAMES = (BLUR.name, NOISE.name, JPEG.name, MOTION_LENGTH.name, ANGLE)  # in the order of results
VISIBLE_NOISE = 2.0  # 8-bit levels; what is read as less is called no noise
VISIBLE_JPEG = 95.0  # quality; what is read as more is called no JPEG
NARROWEST_BLUR = 0.3  # pixels; what is read as narrower is called sharp
VISIBLE_BLUR = 1.0  # pixels; if a blur may be wider but also next to nothing, it is called unknown
WIDEST_RATIO = 4.0  # of the ends of the interval of such a blur


@dataclass(frozen=True)
class Interval:
    """A value, and the interval that holds the truth in four of five cases."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Reading:
    """What was read from one photograph.

    Attributes:
        kind: Kind of blur, an index into `KINDS`; None if no kind is clear.
        quantities: What was read, by `NAMES`; those that do not apply to the kind are missing.
        doubt: Why nothing can be told, such as "too small"; empty if something can.
    """

    kind: int | None
    quantities: dict[str, Interval]
    doubt: str = ""

    @staticmethod
    def without(doubt: str) -> "Reading":
        """Makes the reading of a photograph of which nothing can be told."""
        return Reading(None, {}, doubt)

    @staticmethod
    def of(kind: int | None, quantities: dict[str, Interval], angle: Interval | None) -> "Reading":
        """Makes a reading from a kind of blur, and from what was read of all quantities and of the direction."""
        kept = {name: interval for name, interval in quantities.items() if name in (NOISE.name, JPEG.name)}
        if kind == MOTION:
            kept |= {name: quantities[name] for name in (MOTION_LENGTH.name,) if name in quantities}
        elif kind != RESCALED and BLUR.name in quantities:
            blur = quantities[BLUR.name]
            kind = SHARP if blur.value < NARROWEST_BLUR else kind
            kept[BLUR.name] = Interval(0.0, 0.0, blur.high) if kind == SHARP else blur
        if kind in (MOTION, OBLONG) and angle is not None:
            kept[ANGLE] = angle
        return Reading(kind, kept)

    @property
    def verdict(self) -> str:
        """The reading in words, such as "round blur, about 1.5 px (1.1 to 2.1); noise, about 10 levels (8 to 13)"."""
        if self.doubt:
            return f"cannot tell: {self.doubt}"
        others = [part for part in (self._tell_noise(), self._tell_jpeg()) if part]
        blur = self._tell_blur()
        if not blur and not others:
            return "sharp: no blur, noise or JPEG that this encoder could see"
        return "; ".join([blur or "sharp", *others])

    def to_json(self, image: str) -> dict[str, Any]:
        """Converts to an entry of `readings.json`; what does not apply is None."""
        entry: dict[str, Any] = {"image": image, "verdict": self.verdict}
        for name in NAMES:
            interval = self.quantities.get(name)
            rounded = {key: round(value, 2) for key, value in vars(interval).items()} if interval else None
            entry[name] = rounded
        return entry

    def _tell_blur(self) -> str:
        """Tells the blur; empty if there is none."""
        if self.kind == RESCALED:
            return "enlarged from a smaller image"
        name, digits = (MOTION_LENGTH.name, 0) if self.kind == MOTION else (BLUR.name, 1)
        width = self.quantities.get(name)
        if width is None:
            return "" if self.kind == SHARP else self._name_kind()
        if self.kind != MOTION and width.high > max(VISIBLE_BLUR, WIDEST_RATIO * width.low):
            return f"cannot tell: blur {width.low:.1f} to {width.high:.1f} px"
        if self.kind == SHARP:
            return ""
        angle = self.quantities.get(ANGLE)
        direction = "" if angle is None else f" at about {angle.value:.0f} degrees"
        return f"{self._name_kind()}, {_tell_interval(width, 'px', digits)}{direction}"

    def _name_kind(self) -> str:
        return "blur" if self.kind is None else KINDS[self.kind]

    def _tell_noise(self) -> str:
        noise = self.quantities.get(NOISE.name)
        is_visible = noise is not None and noise.value >= VISIBLE_NOISE
        return f"noise, {_tell_interval(noise, 'levels', 0)}" if noise and is_visible else ""

    def _tell_jpeg(self) -> str:
        quality = self.quantities.get(JPEG.name)
        is_visible = quality is not None and quality.value <= VISIBLE_JPEG
        return f"JPEG, quality {_tell_interval(quality, '', 0)}" if quality and is_visible else ""


def _tell_interval(interval: Interval, unit: str, digits: int) -> str:
    value, low, high = (f"{number:.{digits}f}" for number in (interval.value, interval.low, interval.high))
    return f"about {value} {unit}".rstrip() + f" ({low} to {high})"
