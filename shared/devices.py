"""Which device a program runs on, and how exactly it computes there."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

import torch

BF16_UNITS = ("avx512_bf16", "amx_bf16", "bf16")  # of x86 and ARM, as torch names them


def device_of(accelerator: str) -> torch.device:
    """The device for `auto`, `cpu` or `gpu`.

    Raises:
        ValueError: a GPU is asked for and there is none.
    """
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise ValueError("accelerator=gpu: this machine has no CUDA device")
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")


def precision_of(precision: str, device: torch.device) -> str:
    """The precision that `auto` stands for on a device; `fp32` and `bf16` stand for themselves.

    `auto` is `bf16` where the device has units for it, else `fp32`: emulated, bf16 is some ten times slower.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    # an older torch does not name the units: fp32 is nowhere slow
    units: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bf16" if any(units.get(unit) for unit in BF16_UNITS) else "fp32"


def exact_convolutions() -> AbstractContextManager[None]:
    """Convolutions in full float32 (no TF32), everything else as it is set."""
    cudnn = torch.backends.cudnn
    return cudnn.flags(
        enabled=cudnn.enabled, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
    )
