"""Which device a program runs on."""

import torch


def device_of(accelerator: str) -> torch.device:
    """The device for `auto`, `cpu` or `gpu`.

    Raises:
        ValueError: a GPU is asked for and there is none.
    """
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise ValueError("accelerator=gpu: this machine has no CUDA device")
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")
