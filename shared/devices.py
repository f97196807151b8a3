"""The device that a program runs on, and its numerical precision."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

import torch

BF16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")  # torch's names of the bf16 instructions of x86 and ARM CPUs


def select_device(accelerator: str) -> torch.device:
    """Selects the device for an option `accelerator`.

    Args:
        accelerator: `auto` (a GPU if there is one), `cpu` or `gpu`.

    Raises:
        ValueError: A GPU is requested, but there is none.
    """
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise ValueError("accelerator=gpu: this machine has no CUDA device")
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")


def resolve_precision(precision: str, device: torch.device) -> str:
    """Resolves an option `precision` to `bf16` or `fp32`.

    Args:
        precision: `bf16`, `fp32`, or `auto`, which is `bf16` on devices with bf16 instructions and `fp32` on others:
            emulated, bf16 is about ten times slower.
        device: Device that computes.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    # older versions of torch do not list the instructions: fp32 is fast everywhere
    instructions: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bf16" if any(instructions.get(name) for name in BF16_INSTRUCTIONS) else "fp32"


def describe_device(device: torch.device) -> str:
    """Describes a device in a few words: the name of a GPU, or the number of threads on a CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads > 1)}"


def exact_convolutions() -> AbstractContextManager[None]:
    """Returns a context in which cuDNN convolves in full float32, without TF32; other settings stay as they are."""
    cudnn = torch.backends.cudnn
    return cudnn.flags(
        enabled=cudnn.enabled, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
    )
