"""Super-resolution of images of any size, tile by tile, with one representation for the whole image."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor

from shared.devices import exact_convolutions
from shared.encoders import MIN_IMAGE_SIDE
from shared.images import SYMMETRIES, Window, dihedral, inverse_element, upsample_bicubic
from shared.inference import eval_mode
from sr.model import SRModel
from sr.upscaling.config import Steering
from sr.upscaling.steering import check_steering
from sr.upscaling.tile_conditions import Conditions, ImageView, max_encoder_pixels, release_memory
from sr.upscaling.tiles import MIN_TILE, Tiling, blend_tiles, count_tiles

TILE = 256  # LR pixels a side; on a CPU edsr_small x4 needs 0.4 GB for it, in addition to the 0.5 GB of torch itself
OVERLAP = 32  # LR pixels; exact for receptive fields up to 24, such as the small EDSR, DASR and KDSR with local fusions

logger = logging.getLogger(__name__)


def upscale(
    model: SRModel,
    image: Tensor,
    *,
    tile: int = TILE,
    overlap: int = OVERLAP,
    ensemble: bool = False,
    reference: Tensor | None = None,
    steering: Steering | None = None,
    bf16: bool = False,
) -> Tensor:
    """Super-resolves an image of any size as a whole, with the memory of one tile.

    The result is exact if the network's receptive field reaches no further than three quarters of the overlap. Tiles of
    networks that reach further, or use means over their whole input, differ slightly and are blended.

    Args:
        model: The model, on the device that is to compute, in any mode.
        image: LR image, (3, h, w) RGB in [0, 1], h and w at least 16, on any device.
        tile: Side of the tiles in LR pixels, see `Tiling`.
        overlap: Margin of each tile in LR pixels, see `Tiling`.
        ensemble: Whether to average over the 8 symmetries of the image; each has a representation of its own, since a
            blur kernel is turned with the image.
        reference: Image (3, h', w') in [0, 1] whose representation is used instead of that of the image.
        steering: Parameters of the degradation that replace those read, for models that are steered by parameters; an
            oracle needs them.
        bf16: Whether to run under autocast.

    Returns:
        The SR image, (3, scale * h, scale * w) in [0, 1], on the device of the image.

    Raises:
        ValueError: The image or an option is invalid, the steering does not fit the model, or the device has too
            little memory for the smallest tile.
    """
    for name, value in (("image", image), ("reference", reference)):
        if value is not None and (value.dim() != 3 or value.shape[0] != 3 or not value.is_floating_point()):
            raise ValueError(
                f"{name} must be (3, h, w), floating point in [0, 1], not {value.dtype} {tuple(value.shape)}"
            )
    job = Upscaling(
        model,
        image,
        tiling=Tiling(tile, overlap),
        ensemble=ensemble,
        reference=reference,
        steering=steering,
        bf16=bf16,
    )
    height, width = (side * model.scale for side in image.shape[1:])
    result = image.new_empty(3, height, width)
    for top, left, part in job.rectangles():
        result[:, top : top + part.shape[1], left : left + part.shape[2]] = part
    return result


class Upscaling:
    """One image, super-resolved tile by tile.

    Args:
        model: As in `upscale`.
        image: LR image, (C, h, w), where C = 1 is gray, 2 gray and alpha, 3 RGB, 4 RGBA; floating point in [0, 1],
            uint8 or uint16, on any device. The network receives gray as RGB, and the colours of its result are
            averaged; alpha is up-sampled bicubically.
        tiling: How the image is split.
        ensemble: As in `upscale`.
        reference: As in `upscale`, but (C, h', w') of the same kinds as the image.
        steering: As in `upscale`.
        bf16: Whether to run under autocast.

    Attributes:
        tiling: How the image is split; with smaller tiles than given once the device ran out of memory.
        height, width: Sides of the image in LR pixels.
        channels: Number of channels of the image and of the result.
        tiles: Number of tiles of the size given.
        parameters: Parameters of the degradation as read or given, see `Conditions.parameters`.

    Raises:
        ValueError: As in `upscale`.
    """

    def __init__(
        self,
        model: SRModel,
        image: Tensor,
        *,
        tiling: Tiling,
        ensemble: bool = False,
        reference: Tensor | None = None,
        steering: Steering | None = None,
        bf16: bool = False,
    ) -> None:
        tiling.check()
        steering = steering or Steering()
        check_steering(model, steering, has_reference=reference is not None)
        for name, value in (("image", image), ("reference", reference)):
            if value is not None and min(value.shape[-2:]) < MIN_IMAGE_SIDE:
                size = f"{value.shape[-1]}x{value.shape[-2]}"
                raise ValueError(f"the {name} has {size} pixels, but each side needs at least {MIN_IMAGE_SIDE}")
        self.model, self.tiling = model, tiling
        self.channels, self.height, self.width = image.shape
        self.tiles = count_tiles(self.height, self.width, tiling)
        self._initial_tiling, self._bf16 = tiling, bf16
        colours = drop_alpha(image)
        self._is_gray = len(colours) == 1
        self._alpha = ImageView(image[len(colours) :]) if len(colours) < len(image) else None
        elements = range(SYMMETRIES if ensemble else 1)
        self._views = [ImageView(colours, element) for element in elements]
        guide = None if reference is None else ImageView(drop_alpha(reference))
        try:
            with self._inference():
                max_pixels = max_encoder_pixels(model, len(elements))
                self._conditions = [
                    Conditions(
                        model, view, guide and guide.under(view.element), steering=steering, max_pixels=max_pixels
                    )
                    for view in self._views
                ]
                self.parameters = self._conditions[0].parameters
        except torch.OutOfMemoryError as error:
            raise ValueError("the device has too little memory for the encoder; use accelerator=cpu") from error

    def rectangles(self) -> Iterator[tuple[int, int, Tensor]]:
        """Computes the result in rectangles that cover it exactly once, row by row.

        Yields:
            Top, left and pixels (C, h, w) in [0, 1], float32 on the CPU.
        """
        tiles = blend_tiles(self.height, self.width, self.model.scale, self._initial_tiling, self._compute)
        for top, left, part in tiles:
            yield top, left, part.clamp_(0, 1)

    def _compute(self, window: Window) -> Tensor:
        """Computes the result of a window, (C, scale * h, scale * w), in smaller tiles if memory is short."""
        while max(window.height, window.width) <= self.tiling.tile:
            try:
                with self._inference():
                    return self._compute_whole(window)
            except torch.OutOfMemoryError:
                pass  # leaving the block drops the error, and with it the tensors that it holds
            release_memory()
            self._shrink_tiles()
        result = torch.empty(0)
        scale = self.model.scale

        def compute_part(part: Window) -> Tensor:
            return self._compute(Window(window.top + part.top, window.left + part.left, part.height, part.width))

        for top, left, part in blend_tiles(window.height, window.width, scale, self.tiling, compute_part):
            if not result.numel():
                result = part.new_empty(part.shape[0], scale * window.height, scale * window.width)
            result[:, top : top + part.shape[1], left : left + part.shape[2]] = part
        return result

    def _compute_whole(self, window: Window) -> Tensor:
        """Computes the result of a window in one pass of the network for each view."""
        total = torch.empty(0)
        for view, conditions in zip(self._views, self._conditions, strict=True):
            view_window = view.locate(window)
            lr_image = view.cut(view_window).to(self.model.network.mean.device)
            sr_image = self.model.network(lr_image, condition=conditions.for_tile(view_window))[0].float().cpu()
            sr_image = dihedral(sr_image, inverse_element(view.element))
            total = total + sr_image if total.numel() else sr_image
        total = total / len(self._views)
        if self._is_gray:
            total = total.mean(0, keepdim=True)
        if self._alpha is not None:
            alpha = upsample_bicubic(self._alpha.cut(window)[:, :1], self.model.scale)[0].cpu()
            total = torch.cat((total, alpha))
        return total

    def _shrink_tiles(self) -> None:
        if self.tiling.tile <= MIN_TILE:
            raise ValueError(
                f"the device has too little memory even for tiles of {self.tiling.tile} px; free some, or use "
                "accelerator=cpu"
            )
        smaller = self.tiling.halve()
        logger.warning("out of memory with tiles of %d px; continuing with %d px", self.tiling.tile, smaller.tile)
        self.tiling = smaller

    @contextmanager
    def _inference(self) -> Iterator[None]:
        """Puts the model in evaluation mode, without gradients, in the precision requested, within the block."""
        kind = self.model.network.mean.device.type
        exact = nullcontext() if self._bf16 else exact_convolutions()
        with eval_mode(self.model), torch.autocast(kind, torch.bfloat16, enabled=self._bf16), exact:
            yield


def drop_alpha(image: Tensor) -> Tensor:
    """Returns a view of the colours of an image (C, H, W): 1 or 3 of its 1 to 4 channels."""
    return image[: 1 if image.shape[0] < 3 else 3]
