"""DASR's network against a plain one, the cost of fusions and un-pooled maps, and the time to the first image."""

import copy
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from shared.encoders import EncoderConfig
from shared.images import write_image
from shared.inference import eval_mode
from shared.training.allocator import keep_freed_memory
from sr.fusion import FUSIONS
from sr.model import ModelConfig, SRModel, build_model
from sr.model_artefact import save_model
from sr.networks import NETWORKS
from tests.bench.measuring import Row, Settings, speed_row, time_in_turn
from tests.bench.plain_dasr import plain_dasr, psnr_between

LR_SIZE = (180, 320)
PATCHES, PATCH = 8, 48
MIN_SPEEDS = {"cpu": (1.5, 1.3), "cuda": (2.0, 2.0)}  # inference, training step
UPSCALED_SIDE = 2000  # LR pixels: 4 megapixels
MAX_UPSCALING_MEMORY = 1500.0  # MB
MIN_PARITY = 45.0  # dB between outputs in the precision of runs and in float32, far above the PSNR of restored images


def measure(settings: Settings) -> list[Row]:
    """Measures inference, training step, parity, start-up, and the memory for a large image."""
    if settings.device.type == "cpu":
        keep_freed_memory()  # as in training runs
    torch.manual_seed(0)
    model = build_dasr(settings.tiny).to(settings.device)
    inference, training = MIN_SPEEDS[settings.device.type]
    return [
        *_measure_inference(model, settings, inference),
        _measure_training_step(model, settings, training),
        *_measure_fusions(settings),
        _measure_first_image(),
        _measure_upscaling_memory(settings),
    ]


def build_dasr(tiny: bool) -> SRModel:
    """Builds DASR x4, with a single block if `tiny`."""
    sizes = {"groups": 1, "blocks": 1} if tiny else {}
    return build_model(
        ModelConfig(
            scale=4,
            network="dasr",
            network_options=NETWORKS["dasr"].config(**sizes),
            fusion="da_conv",
            fusion_options=FUSIONS["da_conv"].config(),
            conditioning="joint",
            encoder=EncoderConfig(name="dasr"),
        )
    )


def build_small_edsr() -> SRModel:
    """Builds EDSR x2 in the size for CPUs, with DASR's encoder."""
    return build_model(
        ModelConfig(
            scale=2,
            network="edsr_small",
            network_options=NETWORKS["edsr_small"].config(),
            fusion="affine",
            fusion_options=FUSIONS["affine"].config(),
            conditioning="joint",
            encoder=EncoderConfig(name="dasr"),
        )
    )


def _measure_inference(model: SRModel, settings: Settings, bound: float) -> list[Row]:
    size = (24, 32) if settings.tiny else LR_SIZE
    lr_image = torch.rand(1, 3, *size, device=settings.device)
    network = copy.deepcopy(model).to(memory_format=torch.channels_last)  # as in `make upscale` and training runs
    if settings.compile and settings.device.type == "cuda":
        network.network.compile()

    def ours() -> Tensor:
        with settings.autocast():
            return network(lr_image)

    with eval_mode(model), eval_mode(network):
        pairs = time_in_turn(ours, lambda: plain_dasr(model, lr_image), settings)
        parity = psnr_between(ours(), plain_dasr(model, lr_image))
        exact = psnr_between(model(lr_image), plain_dasr(model, lr_image))
    what = f"DASR x4, LR {size[0]}x{size[1]}"
    return [
        speed_row(f"{what}: inference in {settings.precision} over plain", pairs, bound),
        Row(f"{what}: {settings.precision} against plain float32", (parity,), MIN_PARITY, unit="dB"),
        Row(f"{what}: float32 against plain float32", (min(exact, 200.0),), 100.0, unit="dB"),
    ]


def _measure_training_step(model: SRModel, settings: Settings, bound: float) -> Row:
    count, side = (2, 16) if settings.tiny else (PATCHES, PATCH)
    lr_image = torch.rand(count, 3, side, side, device=settings.device)
    hr_image = torch.rand(count, 3, 4 * side, 4 * side, device=settings.device)

    def build_step(forward: Callable[[SRModel], Tensor], trained: SRModel) -> Callable[[], None]:
        optimizer = torch.optim.AdamW(trained.parameters(), lr=1e-4, fused=True)

        def step() -> None:
            loss = (forward(trained).float() - hr_image).abs().mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

        return step

    def forward_as_runs(trained: SRModel) -> Tensor:
        with settings.autocast():
            return trained(lr_image)

    plain = copy.deepcopy(model).train()
    ours = copy.deepcopy(model).train().to(memory_format=torch.channels_last)
    if settings.compile and settings.device.type == "cuda":
        ours.network.compile()
    our_step = build_step(forward_as_runs, ours)
    plain_step = build_step(lambda trained: plain_dasr(trained, lr_image), plain)
    name = f"DASR x4, {count} LR patches of {side} px: training step in {settings.precision} over plain"
    return speed_row(name, time_in_turn(our_step, plain_step, settings), bound)


def _measure_fusions(settings: Settings) -> list[Row]:
    """Measures the time of EDSR with each fusion and its encoder over unconditioned EDSR; maps also at full size."""
    size = (24, 32) if settings.tiny else (96, 96)
    lr_image = torch.rand(1, 3, *size, device=settings.device)

    def build_edsr(fusion: str, conditioning: str, downsample: bool = True) -> SRModel:
        options = NETWORKS["edsr"].config(blocks=2) if settings.tiny else NETWORKS["edsr"].config()
        config = ModelConfig(
            scale=4,
            network="edsr",
            network_options=options,
            fusion=fusion,
            fusion_options=FUSIONS[fusion].config(),
            conditioning=conditioning,
            encoder=EncoderConfig(name="dasr", downsample=downsample),
        )
        return build_model(config).to(settings.device).eval()

    unconditioned = build_edsr("affine", "none")
    rows = []
    map_fusions = [name for name, entry in FUSIONS.items() if entry.fusion.uses(entry.config()) != ("vector",)]
    for fusion, downsample in [*((name, True) for name in FUSIONS), *((name, False) for name in map_fusions)]:
        model = build_edsr(fusion, "frozen", downsample)
        with torch.no_grad():
            pairs = time_in_turn(lambda m=model: m(lr_image), lambda: unconditioned(lr_image), settings)  # type: ignore[misc]
        parameters = sum(p.numel() for p in model.network.parameters()) / 1e6
        what = "" if downsample else ", map at full size"
        rows.append(
            Row(
                f"EDSR x4 with {fusion}{what}: time over unconditioned",
                tuple(a / b for a, b in pairs),
                detail=f"{parameters:.2f} M parameters",
            )
        )
    return rows


def _measure_first_image() -> Row:
    code = (
        "import torch; from tests.bench.super_resolution import build_dasr; model = build_dasr(False).eval();\n"
        "with torch.no_grad(): model(torch.rand(1, 3, 64, 64))"
    )
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return Row(
        "a process from its start to its first SR image (DASR x4, LR 64x64)", (time.perf_counter() - start,), unit="s"
    )


def _measure_upscaling_memory(settings: Settings) -> Row:
    """Measures the peak memory of `make upscale` on one image, in a process of its own."""
    side = 96 if settings.tiny else UPSCALED_SIDE
    folder = settings.scratch / "upscaling"
    folder.mkdir(exist_ok=True)
    save_model(folder / "model", build_small_edsr(), card="", metadata={})
    write_image(folder / "lr.png", np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8))
    arguments = [str(folder / name) for name in ("lr.png", "sr.png", "model")] + ["estimate=false", "accelerator=cpu"]
    code = (
        "import os; from sr.upscale import main; from tests.bench.memory import anonymous_and_resident;\n"
        f"assert main({arguments}) == 0; print(anonymous_and_resident(os.getpid())[1])"
    )
    start = time.perf_counter()
    process = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return Row(
        f"upscaling {side**2 / 1e6:.1f} megapixels x2 (edsr_small), file to file: peak memory",
        (float(process.stdout.split()[-1]),),
        MAX_UPSCALING_MEMORY,
        at_most=True,
        unit="MB",
        detail=f"{time.perf_counter() - start:.0f} s",
    )
