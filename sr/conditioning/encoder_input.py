"""What an encoder sees of an LR image: its pixel grid, and the windows that the vector is averaged over."""

from dataclasses import dataclass

from torch import Tensor

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

    upsampling: int = 1
    windows: int = 0
    side: int = 48
    standardise: bool = False

    def check(self) -> None:
        """Refuses invalid values.

        Raises:
            ValueError: A value is invalid; the message names it.
        """
        for name in ("upsampling", "side"):
            if getattr(self, name) < 1:
                raise ValueError(f"encoder_input.{name}={getattr(self, name)} must be at least 1")
        if not 0 <= self.windows <= CANDIDATES**2:
            raise ValueError(f"encoder_input.windows={self.windows} must be within 0..{CANDIDATES**2}")

    def resize(self, lr_images: Tensor) -> Tensor:
        """Up-samples images (B, 3, h, w) in [0, 1]."""
        return lr_images if self.upsampling == 1 else upsample_bicubic(lr_images, self.upsampling).clamp(0, 1)

    def cut(self, lr_images: Tensor) -> Tensor:
        """Cuts images (B, 3, h, w) into K windows each, (B, K, 3, s, s)."""
        return cut_textured_windows(lr_images, self.side, self.windows) if self.windows else lr_images[:, None]
