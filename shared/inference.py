"""Forward passes outside of training, which leave the network as it was and hold one batch in memory."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Puts a network in evaluation mode without gradients; afterwards every submodule is in its old mode again."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode


def embed_batches(
    network: nn.Module,
    batches: Iterable[np.ndarray | Tensor],
    *,
    bf16: bool,
    vector_of: Callable[[Any], Tensor] = lambda output: output,
) -> Iterator[np.ndarray]:
    """Embeds batch by batch, in evaluation mode on the network's device.

    Gradients are disabled until the iterator is exhausted, so consume it completely.

    Args:
        network: Network whose input is images (n, 3, H, W) in [0, 1].
        batches: Images, (n, 3, H, W) uint8 per batch.
        bf16: Whether to run under bf16 autocast.
        vector_of: Function from the output of the network to the vectors (n, D).

    Yields:
        Vectors, (n, D) float32 per batch.
    """
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    # autocast encloses the loop, so that the weights are cast only once
    with eval_mode(network), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        for batch in batches:
            images = torch.as_tensor(batch).to(device).float().div_(255)
            yield vector_of(network(images)).float().cpu().numpy()
