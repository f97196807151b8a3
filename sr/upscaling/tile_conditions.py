"""The conditions of the tiles of an image: one vector for the whole image, and each tile's part of the maps."""

from dataclasses import replace

import torch
from torch import Tensor

from shared.encoders import Representation
from shared.images import (
    TRANSPOSE,
    Window,
    choose_textured,
    dihedral,
    dihedral_window,
    inverse_element,
    list_candidates,
    spread_windows,
)
from sr.conditioning.adapter import Condition
from sr.conditioning.parametric_sources import represent_parameters
from sr.conditioning.sources import EncoderSource, average_views
from sr.model import SRModel
from sr.upscaling.config import Steering
from sr.upscaling.steering import is_parametric, no_degradation, replace_parameters, weaken
from sr.upscaling.tiles import ALIGNMENT

MAX_ENCODER_BYTES = 2**30  # memory that an encoder may need for a whole image; a larger image is encoded in windows
WORKING_COPIES = 3  # memory that a layer needs, in multiples of the maps, roughly
WINDOW_SIDE = 256  # side of these windows in pixels
WINDOW_COUNT = 16  # number of windows of an image, roughly
MARGIN = 64  # pixels around a tile that are encoded with it if the image is too large to be encoded as a whole


class ImageView:
    """An image under a symmetry, from which windows are cut; only their pixels are converted to float32 RGB.

    Args:
        image: Image, (C, H, W), C = 1 or 3, floating point in [0, 1], uint8 or uint16.
        element: Symmetry, 0 to 7, see `shared.images.symmetries.dihedral`.

    Attributes:
        height, width: Sides of the view in pixels.
    """

    def __init__(self, image: Tensor, element: int = 0) -> None:
        self._image, self.element = image, element
        height, width = image.shape[-2:]
        self.height, self.width = (width, height) if element & TRANSPOSE else (height, width)

    @property
    def whole(self) -> Window:
        """The window that covers the whole view."""
        return Window(0, 0, self.height, self.width)

    def under(self, element: int) -> "ImageView":
        """Returns the view of the same image under another symmetry."""
        return ImageView(self._image, element)

    def locate(self, window: Window) -> Window:
        """Converts a window of the original image to a window of this view."""
        return dihedral_window(window, self.element, *self._image.shape[-2:])

    def cut(self, window: Window) -> Tensor:
        """Cuts a window out of this view, (1, 3, h, w) in [0, 1]."""
        source = dihedral_window(window, inverse_element(self.element), self.height, self.width)
        pixels = source.crop(self._image)
        largest = 1.0 if pixels.is_floating_point() else float(torch.iinfo(pixels.dtype).max)
        return dihedral(pixels.float() / largest, self.element).expand(3, -1, -1)[None]


class Conditions:
    """The conditions of the tiles of one image, to be created and used within `shared.inference.eval_mode`.

    A vector without a map is the mean over a few windows, as in `SRModel.represent`. Otherwise the vector is that of
    the whole image; for an image too large for the encoder, the mean over windows spread over it. Each tile gets its
    part of the map of the whole image; for an image too large for the encoder, each tile is encoded with a margin, and
    the mean of the map is that over the windows.

    Args:
        model: Any model.
        image: The image that is super-resolved.
        reference: Image whose representation is used instead; its maps are averaged, since their positions do not
            correspond to those of the image.
        steering: Parameters that the user gives, checked by `check_steering`.
        max_pixels: Number of pixels above which an image is encoded in windows, see `max_encoder_pixels`.

    Attributes:
        parameters: Parameters of the degradation of the view as read or given, (1, 6), before they are weakened; None
            if the model is not steered by parameters.
    """

    def __init__(
        self,
        model: SRModel,
        image: ImageView,
        reference: ImageView | None = None,
        *,
        steering: Steering,
        max_pixels: int,
    ) -> None:
        self._model, self._image = model, image
        self.parameters: Tensor | None = None
        self._representation: Representation | None = None
        self._whole: Condition | None = None
        self._map_mean: Tensor | None = None
        adapter = model.network.adapter
        if adapter is None:
            return
        if is_parametric(model):
            read = read_parameters(model, reference or image, max_pixels)
            self.parameters = replace_parameters(read, steering, image.element)
            self._representation = represent_parameters(weaken(self.parameters, steering.strength))
            return
        if averages_windows(model):
            self._representation = average_windows(model, reference or image)
            return
        representation = represent_whole(model, reference or image, max_pixels)
        has_positions = (
            len(adapter.maps) > 0 and reference is None and model.source is not None and model.source.has_positions
        )
        if representation is None:
            self._representation, map_mean = _represent_in_windows(model, reference or image)
            self._map_mean = map_mean if has_positions else None
        elif has_positions:
            self._whole = adapter(representation, (image.height, image.width))
        else:
            self._representation = _pool_maps(representation)

    def for_tile(self, window: Window) -> Condition | None:
        """Computes the condition of a tile; None for a network without a condition."""
        if self._whole is not None:
            assert self._whole.map is not None
            return replace(self._whole, map=window.crop(self._whole.map))
        adapter = self._model.network.adapter
        if adapter is None or self._representation is None:
            return None
        if self._map_mean is None:
            return adapter(self._representation, (window.height, window.width))
        outer = self._add_margin(window)
        maps = represent(self._model, self._image.cut(outer)).maps
        condition = adapter(Representation(self._representation.vector, maps), (outer.height, outer.width))
        assert condition.map is not None
        inside = Window(window.top - outer.top, window.left - outer.left, window.height, window.width)
        return replace(condition, map=inside.crop(condition.map), map_mean=self._map_mean)

    def _add_margin(self, window: Window) -> Window:
        """Adds a margin to a window, starting at multiples of the encoders' strides."""
        top, left = (max(0, start - MARGIN) // ALIGNMENT * ALIGNMENT for start in (window.top, window.left))
        bottom = min(self._image.height, window.top + window.height + MARGIN)
        right = min(self._image.width, window.left + window.width + MARGIN)
        return Window(top, left, bottom - top, right - left)


def averages_windows(model: SRModel) -> bool:
    """Whether the representation is a mean over a few windows, so that its cost does not depend on the image."""
    return model.source is not None and model.source.encoder_input.windows > 0 and not model.source.has_positions


def average_windows(model: SRModel, image: ImageView) -> Representation:
    """Computes the representation of an image by a model that averages it over windows, as `SRModel.represent` does."""
    assert model.source is not None
    options = model.source.encoder_input
    if max(image.height, image.width) <= options.side:
        return represent(model, image.cut(image.whole))
    windows = list_candidates(image.height, image.width, options.side)
    candidates = torch.stack([image.cut(window) for window in windows], 1)  # (1, N, 3, h, w)
    chosen = choose_textured(candidates, options.windows)[0]
    return average_views(represent(model, chosen), len(chosen))


def read_parameters(model: SRModel, image: ImageView, max_pixels: int) -> Tensor:
    """Reads the parameters of an image's degradation, (1, 6); an oracle, which reads nothing, takes it for none."""
    if not model.reads_images:
        return no_degradation().to(model.network.mean.device)
    if averages_windows(model):
        return average_windows(model, image).vector
    representation = represent_whole(model, image, max_pixels)
    return (_represent_in_windows(model, image)[0] if representation is None else representation).vector


def represent_whole(model: SRModel, image: ImageView, max_pixels: int) -> Representation | None:
    """Computes the representation of a whole image; None if it has more than `max_pixels` or memory is too small."""
    if image.height * image.width > max_pixels:
        return None
    try:
        return represent(model, image.cut(image.whole))
    except torch.OutOfMemoryError:
        pass  # leaving the block drops the error, and with it the tensors that it holds
    release_memory()
    return None


def _represent_in_windows(model: SRModel, image: ImageView) -> tuple[Representation, Tensor | None]:
    """Computes means over windows spread over an image: of the pooled representation, and of the condition's map."""
    adapter = model.network.adapter
    assert adapter is not None
    pooled, map_means = [], []
    for window in spread_windows(image.height, image.width, WINDOW_SIDE, WINDOW_COUNT):
        representation = represent(model, image.cut(window))
        pooled.append(_pool_maps(representation))
        map_means.append(adapter(representation, (window.height, window.width)).map_mean)
    vector = torch.stack([each.vector for each in pooled]).mean(0)
    maps = tuple(torch.stack(level).mean(0) for level in zip(*(each.maps for each in pooled), strict=True))
    return Representation(vector, maps), torch.stack(map_means).mean(0) if adapter.maps else None


def represent(model: SRModel, images: Tensor) -> Representation:
    """Computes the representation of images (B, 3, h, w), on any device, by a model that has a condition."""
    representation = model.represent(images.to(model.network.mean.device))
    assert representation is not None
    return representation


def max_encoder_pixels(model: SRModel, symmetries: int = 1) -> int:
    """Estimates the number of pixels that can be encoded within `MAX_ENCODER_BYTES`.

    It is 0 for a model that encodes no whole image, or none at all.

    Args:
        model: The model.
        symmetries: Number of views of one image whose conditions are held together.
    """
    adapter = model.network.adapter
    if adapter is None or averages_windows(model) or model.needs_parameters:
        return 0
    image = torch.zeros(1, 3, 64, 64, device=model.network.mean.device)
    source = model.source
    un_pooled = source.encode_views(image[:, None]) if isinstance(source, EncoderSource) else represent(model, image)
    floats = WORKING_COPIES * sum(map_.numel() for map_ in un_pooled.maps) / 64**2  # per pixel
    if adapter.maps:
        floats += (WORKING_COPIES - 1 + symmetries) * model.config.width
    return int(MAX_ENCODER_BYTES / (4 * max(1.0, floats)))


def release_memory() -> None:
    """Returns memory that is not in use to the device."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _pool_maps(representation: Representation) -> Representation:
    maps = tuple(map_.mean((2, 3), keepdim=True) for map_ in representation.maps)
    return Representation(representation.vector, maps)
