"""Forward passes outside of training: the network is left as it was, and memory does not grow with the images."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards every part is in its own mode again."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode


def embed_batches(
    network: nn.Module, batches: Iterable[np.ndarray | Tensor], *, bf16: bool,
    vector_of: Callable[[Any], Tensor] = lambda output: output,
) -> Iterator[np.ndarray]:  # fmt: skip
    """Embeds batch by batch, in evaluation mode on the network's device.

    Gradients are off until the last batch is taken: take them all.

    Args:
        network: takes images (n, 3, H, W) in [0, 1].
        batches: (n, 3, H, W) uint8 each.
        bf16: whether to run under autocast.
        vector_of: takes the vectors (n, D) out of what the network gives.

    Yields:
        (n, D) float32 per batch.
    """
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    # autocast around the loop: weights are cast once
    with eval_mode(network), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        for batch in batches:
            images = torch.as_tensor(batch).to(device).float().div_(255)
            yield vector_of(network(images)).float().cpu().numpy()
