"""What an encoder sees of an LR image: its pixel grid, and the windows that the vector is averaged over."""

from dataclasses import dataclass

from torch import Tensor

from shared.bounds import bounded
from shared.images import CANDIDATES, cut_textured_windows, upsample_bicubic

GRIDS = ("auto", "lr", "hr")


@dataclass
class EncoderInput:
    """What an encoder sees of an LR image.

    Attributes:
        upsampling: Factor by which the image is up-sampled bicubically first: 1, or the scale for an encoder of images
            that are not down-sampled, which knows blurs in HR pixels.
        windows: Number of windows that the vector is averaged over if no map is read; 0 = the whole image.
        side: Side of the windows in LR pixels, that of the patches in training.
        standardise: Whether the representation is standardised by statistics of the training images.
    """

    upsampling: int = bounded(1, 1, 16)
    windows: int = bounded(0, 0, CANDIDATES**2)
    side: int = bounded(48, 1, 4096)
    standardise: bool = False

    def resize(self, lr_images: Tensor) -> Tensor:
        """Up-samples images (B, 3, h, w) in [0, 1]."""
        return lr_images if self.upsampling == 1 else upsample_bicubic(lr_images, self.upsampling).clamp(0, 1)

    def cut(self, lr_images: Tensor) -> Tensor:
        """Cuts images (B, 3, h, w) into K windows each, (B, K, 3, s, s)."""
        return cut_textured_windows(lr_images, self.side, self.windows) if self.windows else lr_images[:, None]
