"""What steers each tile of an image: one vector for all of it, and the part of the maps that belongs to the tile."""

from dataclasses import replace

import torch
from torch import Tensor

from shared.encoders import Representation
from shared.images import TRANSPOSE, Window, dihedral, dihedral_window, inverse_element, spread_windows
from sr.conditioning.adapter import Condition
from sr.model import SRModel
from sr.upscaling.tiles import ALIGNMENT

MAX_ENCODER_BYTES = 2**30  # that an encoder may take for a whole image; a larger image is encoded in windows
WORKING_COPIES = 3  # of the maps, about what a layer takes beside them
WINDOW_SIDE = 256  # of these windows, in pixels
WINDOW_COUNT = 16  # of an image, about
MARGIN = 64  # pixels around a tile that the encoder sees too, where it does not see the whole image


class ImageView:
    """An image under a symmetry, from which windows are cut; pixels become float32 RGB only there.

    Args:
        image: (C, H, W), C is 1 or 3; floating point in [0, 1], or uint8, or uint16.
        element: the symmetry, see `shared.images.symmetries.dihedral`.

    Attributes:
        height, width: sides in pixels under the symmetry.
    """

    def __init__(self, image: Tensor, element: int = 0) -> None:
        self._image, self.element = image, element
        height, width = image.shape[-2:]
        self.height, self.width = (width, height) if element & TRANSPOSE else (height, width)

    @property
    def whole(self) -> Window:
        """The window that is all of the view."""
        return Window(0, 0, self.height, self.width)

    def under(self, element: int) -> "ImageView":
        """The same image under another symmetry."""
        return ImageView(self._image, element)

    def locate(self, window: Window) -> Window:
        """Locates a window of the image as it was in this view."""
        return dihedral_window(window, self.element, *self._image.shape[-2:])

    def cut(self, window: Window) -> Tensor:
        """Cuts a window of this view, (1, 3, h, w) in [0, 1]."""
        source = dihedral_window(window, inverse_element(self.element), self.height, self.width)
        pixels = source.crop(self._image)
        largest = 1.0 if pixels.is_floating_point() else float(torch.iinfo(pixels.dtype).max)
        return dihedral(pixels.float() / largest, self.element).expand(3, -1, -1)[None]


class Conditions:
    """The conditions of the tiles of one image; to be made and used within `shared.inference.eval_mode`.

    The vector is that of the whole image, or the mean of windows spread over an image that is too large for the
    encoder. Of the maps each tile gets its part of the condition that the whole image would have; where the image is
    too large, the encoder sees each tile with what is around it, and the mean of the map is that of the windows.

    Args:
        model: any but an oracle.
        image: the image that is super-resolved.
        reference: the image that the representation comes from instead; its maps are averaged, since its places are
            others.
        max_pixels: number of pixels that the encoder may see at once, see `max_encoder_pixels`.
    """

    def __init__(
        self, model: SRModel, image: ImageView, reference: ImageView | None = None, *, max_pixels: int
    ) -> None:
        self._model, self._image = model, image
        self._representation: Representation | None = None
        self._whole: Condition | None = None
        self._map_mean: Tensor | None = None
        adapter = model.network.adapter
        if adapter is None:
            return
        found = represent_whole(model, reference or image, max_pixels)
        has_places = (
            len(adapter.maps) > 0 and reference is None and model.source is not None and model.source.has_positions
        )
        if found is None:
            self._representation, map_mean = _represent_in_windows(model, reference or image)
            self._map_mean = map_mean if has_places else None
        elif has_places:
            self._whole = adapter(found, (image.height, image.width))
        else:
            self._representation = _pool_maps(found)

    def for_tile(self, window: Window) -> Condition | None:
        """The condition of a tile; None for a network without one."""
        if self._whole is not None:
            assert self._whole.map is not None
            return replace(self._whole, map=window.crop(self._whole.map))
        adapter = self._model.network.adapter
        if adapter is None or self._representation is None:
            return None
        if self._map_mean is None:
            return adapter(self._representation, (window.height, window.width))
        around = self._add_margin(window)
        maps = represent(self._model, self._image.cut(around)).maps
        condition = adapter(Representation(self._representation.vector, maps), (around.height, around.width))
        assert condition.map is not None
        inside = Window(window.top - around.top, window.left - around.left, window.height, window.width)
        return replace(condition, map=inside.crop(condition.map), map_mean=self._map_mean)

    def _add_margin(self, window: Window) -> Window:
        """The window with what is around it, from multiples of the encoders' strides on."""
        top, left = (max(0, start - MARGIN) // ALIGNMENT * ALIGNMENT for start in (window.top, window.left))
        bottom = min(self._image.height, window.top + window.height + MARGIN)
        right = min(self._image.width, window.left + window.width + MARGIN)
        return Window(top, left, bottom - top, right - left)


def represent_whole(model: SRModel, image: ImageView, max_pixels: int) -> Representation | None:
    """Represents an image as a whole; None if it has more than `max_pixels` or the device's memory is too small."""
    if image.height * image.width > max_pixels:
        return None
    try:
        return represent(model, image.cut(image.whole))
    except torch.OutOfMemoryError:
        pass  # as long as the error is held, so is what the memory was filled with
    release_memory()
    return None


def _represent_in_windows(model: SRModel, image: ImageView) -> tuple[Representation, Tensor | None]:
    """The mean representation of windows spread over an image, maps averaged too, and that of the conditions' maps."""
    adapter = model.network.adapter
    assert adapter is not None
    found, map_means = [], []
    for window in spread_windows(image.height, image.width, WINDOW_SIDE, WINDOW_COUNT):
        one = represent(model, image.cut(window))
        found.append(_pool_maps(one))
        map_means.append(adapter(one, (window.height, window.width)).map_mean)
    vector = torch.stack([one.vector for one in found]).mean(0)
    maps = tuple(torch.stack(each).mean(0) for each in zip(*(one.maps for one in found), strict=True))
    return Representation(vector, maps), torch.stack(map_means).mean(0) if adapter.maps else None


def represent(model: SRModel, images: Tensor) -> Representation:
    """Represents images (B, 3, h, w) from any device by a model that has a condition."""
    found = model.represent(images.to(model.network.mean.device))
    assert found is not None
    return found


def max_encoder_pixels(model: SRModel, symmetries: int = 1) -> int:
    """Largest number of pixels that the encoder may see at once, to stay within `MAX_ENCODER_BYTES`.

    Args:
        model: any; 0 for one without a condition.
        symmetries: number of views of one image whose conditions are held together.
    """
    adapter = model.network.adapter
    if adapter is None:
        return 0
    maps = represent(model, torch.zeros(1, 3, 64, 64)).maps
    floats = WORKING_COPIES * sum(map_.numel() for map_ in maps) / 64**2  # per pixel
    if adapter.maps:
        floats += (WORKING_COPIES - 1 + symmetries) * model.config.width
    return int(MAX_ENCODER_BYTES / (4 * max(1.0, floats)))


def release_memory() -> None:
    """Gives the device the memory back that is not in use."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _pool_maps(found: Representation) -> Representation:
    return Representation(found.vector, tuple(map_.mean((2, 3), keepdim=True) for map_ in found.maps))
