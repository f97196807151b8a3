"""Bicubic up-sampling against torch's antialiased bicubic, which has the same kernel, with replicate padding."""

import pytest
import torch
import torch.nn.functional as F

from shared.images import upsample_bicubic


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(7, 5), (1, 16), (20, 20)])
def test_agrees_with_torch(scale, size):
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    padded = F.pad(images, (4,) * 4, mode="replicate")
    expected = F.interpolate(padded, scale_factor=scale, mode="bicubic", antialias=True)
    cut = 4 * scale
    torch.testing.assert_close(upsample_bicubic(images, scale), expected[..., cut:-cut, cut:-cut])


def test_a_ramp_stays_a_ramp():
    ramp = torch.arange(16, dtype=torch.float64).expand(1, 1, 16, 16)
    inner = upsample_bicubic(ramp, 4)[0, 0, 20, 12:52]
    torch.testing.assert_close(inner.diff(), torch.full((39,), 0.25, dtype=torch.float64))
