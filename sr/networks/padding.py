"""Padding of images to whole windows, by reflection at the lower and the right border."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

MODES = ("reflect", "symmetric")


@dataclass(frozen=True)
class WholeWindows:
    """Pads images and maps below and on the right, to sides that are multiples of a window.

    Attributes:
        window: Side of the windows in pixels.
        mode: `reflect`, without repeating the edge, as Swin2SR's network does; or `symmetric`, with the edge repeated,
            and by a whole window where the side is a multiple already, as the authors' test program does before it.

    Raises:
        ValueError: The mode is unknown.
    """

    window: int
    mode: str

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"network.padding={self.mode!r} must be one of {', '.join(MODES)}")

    def __call__(self, images: Tensor) -> Tensor:
        """Pads images or maps (B, C, h, w) of any size."""
        height, width = images.shape[-2:]
        below, right = self._count(height), self._count(width)
        if self.mode == "reflect" and (torch.compiler.is_exporting() or (below < height and right < width)):
            return F.pad(images, (0, right, 0, below), mode="reflect")
        rows, columns = (self._reflect(*pair, images.device) for pair in ((height, below), (width, right)))
        return images[..., rows[:, None], columns]

    def _count(self, side: int) -> int:
        """Counts the pixels that are added to a side."""
        if self.mode == "symmetric":
            return (side // self.window + 1) * self.window - side
        # `-side % window` would be the same number, but the exporter simplifies it more slowly
        return (side + self.window - 1) // self.window * self.window - side

    def _reflect(self, side: int, added: int, device: torch.device) -> Tensor:
        """Computes the positions that each position of the padded side shows, to and fro if it is short."""
        positions = torch.arange(side + added, device=device)
        if self.mode == "symmetric":
            positions = positions % (2 * side)
            return torch.minimum(positions, 2 * side - 1 - positions)
        positions = positions % max(1, 2 * (side - 1))
        return torch.minimum(positions, (2 * (side - 1) - positions).clamp(min=0))
