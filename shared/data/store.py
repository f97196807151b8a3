"""Decoded images in one flat tensor, from which crops are gathered without a loop over samples."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


class ImageStore:
    """N images of different sizes, row after row in one tensor of pixels.

    On the CPU the pixels are a read-only memory map of `file`: writing to them ends the process. A pickled
    store carries the path, not the pixels, so that worker processes share one copy.

    Attributes:
        pixels: RGB, (P, 3) uint8; may hold images of other stores too (see `select`).
        offsets: first pixel of every image, (N,) int64; like the next two on the device of `pixels`.
        heights: (N,) int64.
        widths: (N,) int64.
        names: N names, unique.
        file: the mapped file of uint8 values; None where the pixels live in memory.
    """

    def __init__(
        self,
        pixels: Tensor,
        offsets: Tensor,
        heights: Tensor,
        widths: Tensor,
        names: Sequence[str],
        file: Path | None = None,
    ) -> None:
        self.pixels = pixels
        self.offsets = offsets
        self.heights = heights
        self.widths = widths
        self.names = tuple(names)
        self.file = file

    @classmethod
    def from_file(cls, file: Path, heights: Tensor, widths: Tensor, names: Sequence[str]) -> "ImageStore":
        """Maps a file that holds the images one after the other, each (H, W, 3) uint8."""
        areas = heights * widths
        return cls(_mapped(file), areas.cumsum(0) - areas, heights, widths, names, file)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels of this store's own images."""
        return 3 * int((self.heights * self.widths).sum())

    def image(self, index: int) -> Tensor:
        """One image without a copy, RGB, (H, W, 3) uint8."""
        height, width = int(self.heights[index]), int(self.widths[index])
        start = int(self.offsets[index])
        return self.pixels[start : start + height * width].view(height, width, 3)

    def select(self, indices: Sequence[int]) -> "ImageStore":
        """A store of some of the images, in the given order, that shares the pixels."""
        chosen = torch.as_tensor(indices, dtype=torch.int64, device=self.offsets.device)
        return ImageStore(
            self.pixels,
            self.offsets[chosen],
            self.heights[chosen],
            self.widths[chosen],
            [self.names[index] for index in indices],
            self.file,
        )

    def to(self, device: torch.device | str) -> "ImageStore":
        """This store's own images, copied one by one to another device; itself if it is there already."""
        device = torch.empty(0, device=device).device  # gives "cuda" its index
        if device == self.pixels.device:
            return self
        areas = self.heights * self.widths
        offsets = areas.cumsum(0) - areas
        pixels = torch.empty((self.nbytes // 3, 3), dtype=torch.uint8, device=device)
        for index, start in enumerate(offsets.tolist()):
            image = self.image(index).flatten(0, 1)  # (H * W, 3)
            pixels[start : start + len(image)].copy_(image)
        return ImageStore(pixels, offsets.to(device), self.heights.to(device), self.widths.to(device), self.names)

    def crops(self, image: Tensor, top: Tensor, left: Tensor, size: int) -> Tensor:
        """Cuts M square windows, which must lie inside their images (not checked), in one gather of rows.

        Args:
            image: index of the image of every window, (M,) int64.
            top: first row, (M,) int64, 0 .. height - size.
            left: first column, (M,) int64, 0 .. width - size.
            size: side of the windows in pixels.

        Returns:
            RGB, (M, 3, size, size) uint8 in channels-last memory, on the device of the pixels.
        """
        image, top, left = (each.to(self.offsets.device) for each in (image, top, left))
        widths = self.widths[image]
        first = self.offsets[image] + top * widths + left  # (M,)
        rows = first[:, None] + widths[:, None] * torch.arange(size, device=widths.device)  # (M, size)
        # Overlapping runs of `size` pixels, one from every pixel: a row is then one copy, on a CPU 20 times
        # as fast as a gather of pixels and 4 times as fast as a loop over the windows.
        runs = self.pixels.as_strided((len(self.pixels) - size + 1, 3 * size), (3, 1))
        windows = runs.index_select(0, rows.flatten())  # (M * size, 3 * size)
        return windows.view(len(image), size, size, 3).permute(0, 3, 1, 2)  # (M, 3, size, size)

    def __getstate__(self) -> dict[str, object]:
        state = dict(self.__dict__)
        if self.file is not None:
            del state["pixels"]
        return state

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        if self.file is not None:
            self.pixels = _mapped(self.file)


def _mapped(file: Path) -> Tensor:
    """The file's values, (P, 3) uint8, mapped read-only: a writable private map counts as used memory."""
    if file.stat().st_size == 0:
        return torch.empty((0, 3), dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.memmap(file, dtype=np.uint8, mode="r")).view(-1, 3)
