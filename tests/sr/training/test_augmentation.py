"""Augmentation before degradation: the same for all views, reproducible, never across degradations."""

import torch

from shared.data import make_generator
from shared.degradations import degrade, load_space
from sr.training.augmentation import AugmentationConfig, augment

BOTH = AugmentationConfig(channel_shuffle=0.5, mixup=0.5)


def crops(rows: int = 8, views: int = 2) -> torch.Tensor:
    return torch.rand(rows, views, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def test_off_changes_nothing():
    images = crops()
    assert augment(images, AugmentationConfig(), seed=0, step=0, first_row=0, rows=8) is images


def test_the_same_step_gives_the_same():
    first, again, later = (augment(crops(), BOTH, seed=3, step=step, first_row=0, rows=8) for step in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_shuffle_permutes_whole_rows():
    images = crops()
    shuffled = augment(images, AugmentationConfig(channel_shuffle=1.0), seed=0, step=0, first_row=0, rows=8)
    assert torch.equal(shuffled.sort(dim=2).values, images.sort(dim=2).values)
    for row in range(8):
        orders = {
            tuple(next(c for c in range(3) if torch.equal(images[row, v, c], shuffled[row, v, i])) for i in range(3))
            for v in range(2)
        }
        assert len(orders) == 1
    assert not torch.equal(shuffled, images)


def test_mixup_blends_with_the_next_row():
    images = crops()
    blended = augment(images, AugmentationConfig(mixup=1.0), seed=0, step=0, first_row=0, rows=8)
    other = images.roll(-1, dims=0)
    share = ((blended - other) / (images - other)).flatten(1).median(1).values
    assert bool(((share > 0) & (share < 1)).all())
    torch.testing.assert_close(blended, share.view(-1, 1, 1, 1, 1) * images + (1 - share.view(-1, 1, 1, 1, 1)) * other)


def test_shuffle_does_not_depend_on_the_number_of_devices():
    config = AugmentationConfig(channel_shuffle=0.5)
    whole = augment(crops(), config, seed=0, step=2, first_row=0, rows=8)
    halves = [augment(crops()[s : s + 4], config, seed=0, step=2, first_row=s, rows=8) for s in (0, 4)]
    assert torch.equal(whole, torch.cat(halves))


def test_blur_and_down_sampling_of_a_blend():
    """Blur and bicubic are linear: the LR image of a blend is the blend of the LR images, under one degradation."""
    space = load_space("dasr_iso_x2")
    degradation = space.draw(4, make_generator(0))
    images = torch.rand(4, 1, 3, 64, 64)
    unrounded = type(degradation)(
        degradation.operation[:, :2],
        degradation.parameters[:, :2],
        degradation.seed,
        degradation.scale,
        degradation.kernel_size,
    )
    other = images.roll(-1, dims=0)
    blend = degrade(0.3 * images + 0.7 * other, unrounded)
    # clipping to [0, 1] is the only non-linear step
    parts = 0.3 * degrade(images, unrounded) + 0.7 * degrade(other, unrounded)
    assert (blend - parts).abs().median() < 1e-6
