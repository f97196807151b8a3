"""Which device a program runs on, and how exactly it convolves."""

from contextlib import AbstractContextManager

import torch


def device_of(accelerator: str) -> torch.device:
    """The device for `auto`, `cpu` or `gpu`.

    Raises:
        ValueError: a GPU is asked for and there is none.
    """
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise ValueError("accelerator=gpu: this machine has no CUDA device")
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")


def exact_convolutions() -> AbstractContextManager[None]:
    """Convolutions in full float32 (no TF32), everything else as it is set."""
    cudnn = torch.backends.cudnn
    return cudnn.flags(
        enabled=cudnn.enabled, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
    )
