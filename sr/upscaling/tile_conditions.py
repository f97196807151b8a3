"""What steers each tile of an image: one vector for all of it, and the part of the maps that belongs to the tile."""

from dataclasses import replace

import torch
from torch import Tensor

from shared.encoders import Representation
from sr.conditioning.adapter import Condition
from sr.model import SRModel
from sr.upscaling.tiles import ALIGNED, Window

SYMMETRIES = 8  # of a square; bit 2 swaps rows and columns, then bit 1 mirrors the rows and bit 0 the columns
ENCODER_BYTES = 2**30  # that an encoder may take for a whole image; a larger image is looked at in windows
WORKING_COPIES = 3  # of the maps, about what a layer takes beside them
WINDOW, WINDOWS = 256, 4  # side of these windows in pixels, and how many of them along a side of a square image
AROUND = 64  # pixels around a tile that the encoder sees too, where it does not see the whole image


def turned(images: Tensor, symmetry: int) -> Tensor:
    """One of the 8 symmetries of (..., H, W)."""
    if symmetry & 4:
        images = images.transpose(-1, -2)
    return images.flip(_mirrored(symmetry))


def turned_back(images: Tensor, symmetry: int) -> Tensor:
    """The inverse of `turned`."""
    images = images.flip(_mirrored(symmetry))
    return images.transpose(-1, -2) if symmetry & 4 else images


def _mirrored(symmetry: int) -> list[int]:
    return [axis for axis, bit in ((-2, 2), (-1, 1)) if symmetry & bit]


class TurnedImage:
    """An image under a symmetry, of which windows are cut; pixels become float32 RGB only there.

    Args:
        image: (C, H, W), C is 1 or 3; floating point in [0, 1], or uint8, or uint16.
        symmetry: see `SYMMETRIES`.
    """

    def __init__(self, image: Tensor, symmetry: int = 0) -> None:
        self._image, self.symmetry = image, symmetry
        height, width = image.shape[-2:]
        self.height, self.width = (width, height) if symmetry & 4 else (height, width)

    @property
    def whole(self) -> Window:
        """All of it."""
        return Window(0, 0, self.height, self.width)

    def under(self, symmetry: int) -> "TurnedImage":
        """The same image under another symmetry."""
        return TurnedImage(self._image, symmetry)

    def place_of(self, window: Window) -> Window:
        """Where a window of the image as it was is in this one."""
        top, left, height, width = window
        if self.symmetry & 4:
            top, left, height, width = left, top, width, height
        return self._mirrored(Window(top, left, height, width))

    def cut(self, window: Window) -> Tensor:
        """A window of this image, (1, 3, h, w) in [0, 1]."""
        top, left, height, width = self._mirrored(window)
        if self.symmetry & 4:
            top, left, height, width = left, top, width, height
        pixels = Window(top, left, height, width).of(self._image)
        largest = 1.0 if pixels.is_floating_point() else float(torch.iinfo(pixels.dtype).max)
        return turned(pixels.float() / largest, self.symmetry).expand(3, -1, -1)[None]

    def _mirrored(self, window: Window) -> Window:
        top = self.height - window.top - window.height if self.symmetry & 2 else window.top
        left = self.width - window.left - window.width if self.symmetry & 1 else window.left
        return Window(top, left, window.height, window.width)


class Conditions:
    """The conditions of the tiles of one image; to be made and asked within `shared.inference.evaluating`.

    The vector is that of the whole image, or the mean of windows spread over an image that is too large for the
    encoder. Of the maps each tile gets its part of the condition that the whole image would have; where the image is
    too large, the encoder looks at each tile with what is around it, and the mean of the map is that of the windows.

    Args:
        model: not an oracle.
        image: what is super-resolved.
        reference: where the representation comes from instead; its maps are averaged, since its places are others.
        most_pixels: that the encoder looks at at once, see `most_pixels_of`.
    """

    def __init__(
        self, model: SRModel, image: TurnedImage, reference: TurnedImage | None = None, *, most_pixels: int
    ) -> None:
        self._model, self._image = model, image
        self._representation: Representation | None = None
        self._whole: Condition | None = None
        self._map_mean: Tensor | None = None
        adapter = model.network.adapter
        if adapter is None:
            return
        found = whole_representation(model, reference or image, most_pixels)
        has_places = (
            len(adapter.maps) > 0 and reference is None and model.source is not None and model.source.has_positions
        )
        if found is None:
            self._representation, map_mean = _means_of_windows(model, reference or image)
            self._map_mean = map_mean if has_places else None
        elif has_places:
            self._whole = adapter(found, (image.height, image.width))
        else:
            self._representation = _averaged(found)

    def of(self, window: Window) -> Condition | None:
        """The condition of a tile; None for a network without one."""
        if self._whole is not None:
            assert self._whole.map is not None
            return replace(self._whole, map=window.of(self._whole.map))
        adapter = self._model.network.adapter
        if adapter is None or self._representation is None:
            return None
        if self._map_mean is None:
            return adapter(self._representation, (window.height, window.width))
        around = self._surroundings(window)
        maps = represented(self._model, self._image.cut(around)).maps
        condition = adapter(Representation(self._representation.vector, maps), (around.height, around.width))
        assert condition.map is not None
        inside = Window(window.top - around.top, window.left - around.left, window.height, window.width)
        return replace(condition, map=inside.of(condition.map), map_mean=self._map_mean)

    def _surroundings(self, window: Window) -> Window:
        """The window with what is around it, from multiples of the encoders' strides on."""
        top, left = (max(0, start - AROUND) // ALIGNED * ALIGNED for start in (window.top, window.left))
        bottom = min(self._image.height, window.top + window.height + AROUND)
        right = min(self._image.width, window.left + window.width + AROUND)
        return Window(top, left, bottom - top, right - left)


def whole_representation(model: SRModel, image: TurnedImage, most_pixels: int) -> Representation | None:
    """That of the image as a whole; None if it has more than `most_pixels` or the device's memory is too small."""
    if image.height * image.width > most_pixels:
        return None
    try:
        return represented(model, image.cut(image.whole))
    except torch.OutOfMemoryError:
        pass  # as long as the error is held, so is what the memory was filled with
    release_memory()
    return None


def _means_of_windows(model: SRModel, image: TurnedImage) -> tuple[Representation, Tensor | None]:
    """The mean representation of windows spread over an image, maps averaged too, and that of the conditions' maps."""
    adapter = model.network.adapter
    assert adapter is not None
    found, map_means = [], []
    for window in spread_windows(image, WINDOW, WINDOWS**2):
        one = represented(model, image.cut(window))
        found.append(_averaged(one))
        map_means.append(adapter(one, (window.height, window.width)).map_mean)
    vector = torch.stack([one.vector for one in found]).mean(0)
    maps = tuple(torch.stack(each).mean(0) for each in zip(*(one.maps for one in found), strict=True))
    return Representation(vector, maps), torch.stack(map_means).mean(0) if adapter.maps else None


def represented(model: SRModel, images: Tensor) -> Representation:
    """The representation of images (B, 3, h, w) from any device."""
    found = model.represent(images.to(model.network.mean.device))
    assert found is not None
    return found


def most_pixels_of(model: SRModel, symmetries: int = 1) -> int:
    """Pixels of an image that the encoder may look at as a whole, to stay within `ENCODER_BYTES`."""
    adapter = model.network.adapter
    if adapter is None:
        return 0
    maps = represented(model, torch.zeros(1, 3, 64, 64)).maps
    floats = WORKING_COPIES * sum(map_.numel() for map_ in maps) / 64**2  # per pixel
    if adapter.maps:
        floats += (WORKING_COPIES - 1 + symmetries) * model.config.width
    return int(ENCODER_BYTES / (4 * max(1.0, floats)))


def spread_windows(image: TurnedImage, side: int, count: int) -> list[Window]:
    """About `count` windows of at most `side` pixels, evenly spread over an image."""
    height, width = min(side, image.height), min(side, image.width)
    rows = min(count, max(1, round((count * image.height / image.width) ** 0.5)))
    columns = max(1, round(count / rows))
    tops = {round((image.height - height) * (i + 0.5) / rows) for i in range(rows)}
    lefts = {round((image.width - width) * (i + 0.5) / columns) for i in range(columns)}
    return [Window(top, left, height, width) for top in sorted(tops) for left in sorted(lefts)]


def release_memory() -> None:
    """Gives the device the memory back that is not in use."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _averaged(found: Representation) -> Representation:
    return Representation(found.vector, tuple(map_.mean((2, 3), keepdim=True) for map_ in found.maps))
