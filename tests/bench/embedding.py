"""`shared.probe.embed` against the bare forward of the same network."""

import torch

from shared.encoders import build_encoder
from shared.probe import embed
from tests.bench.measuring import Row, Settings, speed_row, timed_in_turn
from tests.bench.real_run import recipe_config

BATCH = 128
BATCHES = 4


def measure(settings: Settings) -> list[Row]:
    """From 8-bit images to vectors in memory, over forward passes on images that are ready on the device."""
    config = recipe_config(settings, "quick")
    patch, batch = (32, 4) if settings.tiny else (config.views.sizes()[0].patch, BATCH)
    encoder = build_encoder(config.encoder).to(settings.device).to(memory_format=torch.channels_last).eval()
    images = torch.randint(256, (batch * BATCHES, 3, patch, patch), dtype=torch.uint8)
    ready = [part.to(settings.device).float().div(255) for part in images.split(batch)]

    @torch.no_grad()
    def bare() -> None:
        with torch.autocast(settings.device.type, torch.bfloat16):
            for part in ready:
                encoder(part)

    def embedded() -> None:
        embed(encoder, images, bf16=True, batch_size=batch)

    name = f"{config.encoder.name}, {batch * BATCHES} images of {patch} px in batches of {batch}: over the forward"
    return [speed_row(name, timed_in_turn(embedded, bare, settings), 0.95, len(images), "images")]
