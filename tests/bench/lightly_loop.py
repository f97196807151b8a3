"""A real MoCo run against the usual loop on lightly's parts, fed by PIL and torchvision in loader processes."""

import copy
import os
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import torch
from lightly.loss import NTXentLoss
from lightly.models.modules import MoCoProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.utils.scheduler import cosine_schedule
from PIL import Image, ImageFilter
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import RandomCrop
from torchvision.transforms.functional import to_tensor

from pretrain.config import PretrainConfig
from pretrain.module import Pretraining
from shared.data import ImageStore
from shared.encoders import build_encoder
from tests.bench.measuring import Row, Settings, speed_row
from tests.bench.real_run import recipe_config, run_in_turn

MAX_WORKERS = 8  # of lightly's examples; never more than processors
PREFETCH = 1  # batches per worker: few, since those ready when its turn comes are a present to the loop


class BlurredPairs(Dataset):
    """Two crops of one image, blurred alike; the images are decoded before the start, as in our run."""

    def __init__(self, store: ImageStore, patch: int, length: int) -> None:
        self.images = [Image.fromarray(store.image(i).numpy()) for i in range(len(store))]
        self.crop = RandomCrop(patch)
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = self.images[index % len(self.images)]
        blur = ImageFilter.GaussianBlur(float(torch.empty(()).uniform_(0.2, 4.0)))
        first, second = (to_tensor(self.crop(image).filter(blur)) for _ in range(2))
        return first, second


class MoCoOfParts(nn.Module):
    """The network with a projection head, and the momentum copies of both."""

    def __init__(self, config: PretrainConfig) -> None:
        super().__init__()
        self.encoder = build_encoder(config.encoder)
        self.head = MoCoProjectionHead(self.encoder.dim, config.method.hidden_dim, config.method.output_dim)
        self.key_encoder, self.key_head = copy.deepcopy(self.encoder), copy.deepcopy(self.head)
        deactivate_requires_grad(self.key_encoder)
        deactivate_requires_grad(self.key_head)

    def queries(self, images: Tensor) -> Tensor:
        return self.head(self.encoder(images).vector)

    @torch.no_grad()
    def keys(self, images: Tensor) -> Tensor:
        return self.key_head(self.key_encoder(images).vector)


def loop_step(module: Pretraining, settings: Settings, *, our_precision: bool) -> Callable[[], object]:
    """A function that takes the loop one step on; with `our_precision` as our runs, else as published."""
    config = module.config
    model = MoCoOfParts(config).to(settings.device)
    if our_precision:
        model = model.to(memory_format=torch.channels_last)
    criterion = NTXentLoss(
        temperature=config.method.temperature, memory_bank_size=(config.method.queue_size, config.method.output_dim)
    ).to(settings.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.06)
    # A loader whose workers run through the timings of the other side would not be idle: they stop at PREFETCH batches.
    workers = min(MAX_WORKERS, os.cpu_count() or 1)
    dataset = BlurredPairs(module.planner.store, config.views.sizes()[0].patch, config.batch_size * 10**5)
    loader = DataLoader(
        dataset, config.batch_size, shuffle=True, drop_last=True, num_workers=workers, prefetch_factor=PREFETCH
    )

    def steps() -> Iterator[None]:
        for number, (queries, keys) in enumerate(loader):
            momentum = cosine_schedule(min(number, 1000), 1000, 0.996, 1)
            update_momentum(model.encoder, model.key_encoder, m=momentum)
            update_momentum(model.head, model.key_head, m=momentum)
            with settings.autocast() if our_precision else nullcontext():
                projected = model.queries(queries.to(settings.device))
                loss = criterion(projected, model.keys(keys.to(settings.device)))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            yield

    running = steps()
    return lambda: next(running)


def measure(settings: Settings) -> list[Row]:
    """Against the loop in fp32 as it is published, and in our precision."""
    rows = []
    chunk, warmup = (1, 1) if settings.tiny else (50, 20) if settings.device.type == "cuda" else (4, 3)
    for our_precision in (False, True):
        config = recipe_config(settings, "moco_resnet50", "optimizer.name=sgd", "optimizer.lr=0.06")

        def other_of(module: Pretraining, our_precision: bool = our_precision) -> Callable[[], object]:
            step = loop_step(module, settings, our_precision=our_precision)
            step()
            time.sleep(0.0 if settings.tiny else 1.0)  # the workers fill their queue
            return step

        timer, _ = run_in_turn(config, settings, other_of, chunk=chunk, warmup=warmup)
        precision = f"in our {settings.precision}, channels-last" if our_precision else "as published, fp32"
        patches = 2 * config.batch_size
        rows.append(
            speed_row(
                f"moco_resnet50: speed over lightly's loop {precision}",
                timer.pairs,
                1.0,
                patches,
                "patches",
            )
        )
    return rows
