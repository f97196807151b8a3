"""Random streams are independent of each other and continue where they stopped."""

import torch

from sr.networks.random_stream import RandomStream


def test_streams_differ_follow_the_global_seed_and_leave_it_alone():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first, second = RandomStream.spawn(2)
    with first.active():
        drawn = torch.rand(2)
    with second.active():
        assert not torch.equal(torch.rand(2), drawn)
    with first.active():
        drawn = torch.cat((drawn, torch.rand(2)))
    assert torch.equal(torch.rand(4), expected)
    torch.manual_seed(3)
    (again, _) = RandomStream.spawn(2)
    with again.active():
        assert torch.equal(torch.rand(4), drawn)
