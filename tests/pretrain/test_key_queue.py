"""The queue of keys against a Python deque; its state and its mask."""

from collections import deque

import pytest
import torch

from pretrain.key_queue import KeyQueue


def _read(queue: KeyQueue) -> list[float]:
    """Reads the first components of the valid keys, oldest first."""
    keys, valid = queue.negatives()
    order = (torch.arange(queue.size) + int(queue.pointer)) % queue.size
    return [float(keys[i, 0]) for i in order if valid[i]]


@pytest.mark.parametrize("size", [1, 5, 8])
@pytest.mark.parametrize("keys_per_step", [None, 2])
def test_agrees_with_a_deque(size: int, keys_per_step: int | None) -> None:
    queue, reference = KeyQueue(size, 3, keys_per_step), deque(maxlen=size)
    value = 0.0
    for batch in (1, 3, 5, 2, 8, 13, 4, 21, 1):  # wraps around, ends exactly at the end, exceeds the queue
        keys = torch.arange(value, value + batch)[:, None].expand(-1, 3)
        value += batch
        queue.enqueue(keys)
        reference.extend(keys[:keys_per_step, 0].tolist())
        assert _read(queue) == list(reference)
        assert float(queue.fill_fraction()) == pytest.approx(len(reference) / size)


def test_starts_empty_and_masked() -> None:
    queue = KeyQueue(4, 3)
    assert not queue.negatives()[1].any()
    queue.enqueue(torch.ones(2, 3))
    assert queue.negatives()[1].tolist() == [True, True, False, False]


def test_is_saved_and_resumed() -> None:
    queue, other = KeyQueue(4, 3), KeyQueue(4, 3)
    queue.enqueue(torch.arange(6.0)[:, None].expand(-1, 3))
    assert set(queue.state_dict()) == {"keys", "pointer", "filled"}
    other.load_state_dict(queue.state_dict())
    for resumed in (queue, other):
        resumed.enqueue(torch.full((1, 3), 9.0))
    assert torch.equal(queue.keys, other.keys)
    assert _read(other) == [3.0, 4.0, 5.0, 9.0]


def test_enqueuing_before_the_backward_pass_keeps_the_gradient() -> None:
    queue = KeyQueue(4, 3)
    queue.enqueue(torch.ones(4, 3))
    query = torch.ones(1, 3, requires_grad=True)
    similarity = (query @ queue.negatives()[0].T).sum()
    queue.enqueue(torch.zeros(4, 3))
    similarity.backward()
    assert query.grad is not None
    assert query.grad.tolist() == [[4.0, 4.0, 4.0]]


@pytest.mark.parametrize(("size", "keys_per_step", "message"), [(0, None, "queue size 0"), (4, 0, "keys_per_step=0")])
def test_refuses_sizes_below_one(size: int, keys_per_step: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KeyQueue(size, 3, keys_per_step)
