"""Super-resolution of images of any size: tile by tile, with one representation, as if it were at once."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor

from shared.devices import exact_convolutions
from shared.encoders import MIN_IMAGE_SIDE
from shared.images import SYMMETRIES, Window, dihedral, inverse_element
from shared.inference import eval_mode
from sr.model import SRModel
from sr.networks.bicubic import upsample_bicubic
from sr.upscaling.tile_conditions import Conditions, ImageView, max_encoder_pixels, release_memory
from sr.upscaling.tiles import ALIGNMENT, MIN_TILE, Tiling, blend_tiles, tile_count

TILE = 256  # LR pixels a side; on a CPU edsr_small x4 takes 0.4 GB for it, beside the 0.5 GB of torch itself
OVERLAP = 32  # LR pixels: 24 are exact, enough for the small EDSR, DASR and KDSR with fusions that convolve

logger = logging.getLogger(__name__)


def upscale(
    model: SRModel, image: Tensor, *, tile: int = TILE, overlap: int = OVERLAP, ensemble: bool = False,
    reference: Tensor | None = None, bf16: bool = False,
) -> Tensor:  # fmt: skip
    """Super-resolves an image of any size; the result is that of the network on the whole, but memory holds one tile.

    That is exact where the network reaches no further than three quarters of the overlap. Results of networks that
    reach further, or use means over all they see, differ slightly from tile to tile and are blended.

    Args:
        model: the model, on the device that is to compute, in any mode.
        image: the LR image, (3, h, w) RGB in [0, 1], h and w at least 16, on any device.
        tile: side of what the network sees at once, see `Tiling`.
        overlap: width of what neighbouring tiles share, see `Tiling`.
        ensemble: whether to take the mean over the 8 symmetries of the image; each has a representation of its own,
            since a blur or a motion turns with the image.
        reference: an image (3, h', w') in [0, 1] that the representation is taken from instead.
        bf16: whether to run under autocast.

    Returns:
        (3, scale * h, scale * w) in [0, 1], on the image's device.

    Raises:
        ValueError: the image or an option is not of this kind, the model needs the true parameters, or the device has
            too little memory for the smallest tile.
    """
    for what, one in (("image", image), ("reference", reference)):
        if one is not None and (one.dim() != 3 or one.shape[0] != 3 or not one.is_floating_point()):
            raise ValueError(f"{what} must be (3, h, w), floating point in [0, 1], not {one.dtype} {tuple(one.shape)}")
    job = Upscaling(model, image, tiling=Tiling(tile, overlap), ensemble=ensemble, reference=reference, bf16=bf16)
    height, width = (side * model.scale for side in image.shape[1:])
    result = image.new_empty(3, height, width)
    for top, left, part in job.rectangles():
        result[:, top : top + part.shape[1], left : left + part.shape[2]] = part
    return result


def check_tiling(tile: int, overlap: int) -> None:
    """Refuses tiles that cannot be cut.

    Raises:
        ValueError: in one sentence.
    """
    if tile < MIN_TILE or tile % ALIGNMENT:
        raise ValueError(f"tile={tile} must be a multiple of {ALIGNMENT}, at least {MIN_TILE}")
    if overlap < 0 or overlap % (ALIGNMENT // 2) or overlap > tile // 4:
        raise ValueError(
            f"overlap={overlap} must be a multiple of {ALIGNMENT // 2}, at most {tile // 4}, a quarter of tile={tile}"
        )


class Upscaling:
    """One image, super-resolved tile by tile.

    Args:
        model: as in `upscale`.
        image: the LR image, (C, h, w): 1 gray, 2 gray and alpha, 3 RGB or 4 RGBA; floating point in [0, 1], uint8 or
            uint16, on any device. Gray is shown to the network as RGB, of whose result the mean over the colours is
            taken; alpha is enlarged by bicubic interpolation.
        tiling: how the image is cut.
        ensemble: as in `upscale`.
        reference: as in `upscale`, (C, h', w') of any of these kinds.
        bf16: whether to run under autocast.

    Attributes:
        tiling: how the image is cut; smaller tiles than given once the device ran out of memory.
        height, width: sides of the image in LR pixels.
        channels: number of channels of the image and of the result.
        tiles: number of tiles of the size given.

    Raises:
        ValueError: as in `upscale`.
    """

    def __init__(
        self, model: SRModel, image: Tensor, *, tiling: Tiling, ensemble: bool = False, reference: Tensor | None = None,
        bf16: bool = False,
    ) -> None:  # fmt: skip
        check_tiling(tiling.tile, tiling.overlap)
        if model.needs_parameters:
            raise ValueError("this model is an oracle: it needs the true parameters of a degradation, here unknown")
        for what, one in (("the image", image), ("the reference", reference)):
            if one is not None and min(one.shape[-2:]) < MIN_IMAGE_SIDE:
                size = f"{one.shape[-1]}x{one.shape[-2]}"
                raise ValueError(f"{what} has {size} pixels, too few: at least {MIN_IMAGE_SIDE} a side")
        self.model, self.tiling = model, tiling
        self.channels, self.height, self.width = image.shape
        self.tiles = tile_count(self.height, self.width, tiling)
        self._outer, self._bf16 = tiling, bf16
        colours = without_alpha(image)
        self._is_gray = len(colours) == 1
        self._alpha = ImageView(image[len(colours) :]) if len(colours) < len(image) else None
        elements = range(SYMMETRIES if ensemble else 1)
        self._views = [ImageView(colours, element) for element in elements]
        guide = None if reference is None else ImageView(without_alpha(reference))
        try:
            with self._inference():
                max_pixels = max_encoder_pixels(model, len(elements))
                self._conditions = [
                    Conditions(model, view, guide and guide.under(view.element), max_pixels=max_pixels)
                    for view in self._views
                ]
        except torch.OutOfMemoryError as error:
            raise ValueError("the device has too little memory for the encoder: use accelerator=cpu") from error

    def rectangles(self) -> Iterator[tuple[int, int, Tensor]]:
        """Top, left and (C, h, w) in [0, 1], float32 on the CPU, of parts that cover the result once, row by row."""
        for top, left, part in blend_tiles(self.height, self.width, self.model.scale, self._outer, self._compute):
            yield top, left, part.clamp_(0, 1)

    def _compute(self, window: Window) -> Tensor:
        """Computes the result of a window, (C, scale * h, scale * w), in smaller tiles where memory is short."""
        while max(window.height, window.width) <= self.tiling.tile:
            try:
                with self._inference():
                    return self._compute_at_once(window)
            except torch.OutOfMemoryError:
                pass  # as long as the error is held, so is what the memory was filled with
            release_memory()
            self._take_smaller_tiles()
        result = torch.empty(0)
        scale = self.model.scale

        def compute_part(part: Window) -> Tensor:
            return self._compute(Window(window.top + part.top, window.left + part.left, part.height, part.width))

        for top, left, part in blend_tiles(window.height, window.width, scale, self.tiling, compute_part):
            if not result.numel():
                result = part.new_empty(part.shape[0], scale * window.height, scale * window.width)
            result[:, top : top + part.shape[1], left : left + part.shape[2]] = part
        return result

    def _compute_at_once(self, window: Window) -> Tensor:
        """Computes the result of a window in one pass of the network for each view."""
        total = torch.empty(0)
        for view, conditions in zip(self._views, self._conditions, strict=True):
            window_of_view = view.locate(window)
            lr_image = view.cut(window_of_view).to(self.model.network.mean.device)
            sr_image = self.model.network(lr_image, condition=conditions.for_tile(window_of_view))[0].float().cpu()
            sr_image = dihedral(sr_image, inverse_element(view.element))
            total = total + sr_image if total.numel() else sr_image
        total = total / len(self._views)
        if self._is_gray:
            total = total.mean(0, keepdim=True)
        if self._alpha is not None:
            alpha = upsample_bicubic(self._alpha.cut(window)[:, :1], self.model.scale)[0].cpu()
            total = torch.cat((total, alpha))
        return total

    def _take_smaller_tiles(self) -> None:
        if self.tiling.tile <= MIN_TILE:
            raise ValueError(
                f"the device has too little memory even for tiles of {self.tiling.tile} px: free some, or use "
                "accelerator=cpu"
            )
        smaller = self.tiling.halve()
        logger.warning("out of memory with tiles of %d px: going on with %d px", self.tiling.tile, smaller.tile)
        self.tiling = smaller

    @contextmanager
    def _inference(self) -> Iterator[None]:
        """The model in evaluation mode, without gradients, as precise as requested."""
        kind = self.model.network.mean.device.type
        exact = nullcontext() if self._bf16 else exact_convolutions()
        with eval_mode(self.model), torch.autocast(kind, torch.bfloat16, enabled=self._bf16), exact:
            yield


def without_alpha(image: Tensor) -> Tensor:
    """The colours of an image (C, H, W), 1 or 3 of its 1 to 4 channels, as a view."""
    return image[: 1 if image.shape[0] < 3 else 3]
