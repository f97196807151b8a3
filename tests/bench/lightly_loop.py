"""A MoCo run against the usual training loop with lightly's modules, fed by PIL and torchvision in loader workers."""

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

MAX_WORKERS = 8  # as in lightly's examples; at most the number of processors
PREFETCH = 1  # batches per worker; those prepared during the timings of the run favour the loop


class BlurredPairs(Dataset):
    """Pairs of crops of one image with the same blur; images are decoded before the start, as in a run."""

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


class LightlyMoCo(nn.Module):
    """Encoder and lightly's projection head, and momentum copies of both."""

    def __init__(self, config: PretrainConfig) -> None:
        super().__init__()
        self.encoder = build_encoder(config.encoder)
        self.head = MoCoProjectionHead(self.encoder.dim, config.method.hidden_dim, config.method.output_dim)
        self.key_encoder, self.key_head = copy.deepcopy(self.encoder), copy.deepcopy(self.head)
        deactivate_requires_grad(self.key_encoder)
        deactivate_requires_grad(self.key_head)

    def project_queries(self, images: Tensor) -> Tensor:
        return self.head(self.encoder(images).vector)

    @torch.no_grad()
    def project_keys(self, images: Tensor) -> Tensor:
        return self.key_head(self.key_encoder(images).vector)


def build_loop(module: Pretraining, settings: Settings, *, our_precision: bool) -> Callable[[], object]:
    """Returns a function that trains for one step, in the precision of runs with `our_precision`, else in fp32."""
    config = module.config
    model = LightlyMoCo(config).to(settings.device)
    if our_precision:
        model = model.to(memory_format=torch.channels_last)
    criterion = NTXentLoss(
        temperature=config.method.temperature, memory_bank_size=(config.method.queue_size, config.method.output_dim)
    ).to(settings.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.06)
    # after PREFETCH batches the workers are idle, so that they do not slow the timings of the run
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
                projections = model.project_queries(queries.to(settings.device))
                loss = criterion(projections, model.project_keys(keys.to(settings.device)))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            yield

    running = steps()
    return lambda: next(running)


# one query and one key per row and a queue, as in lightly's example
AS_LIGHTLY = ("positives.symmetric=false", "method.batch_norm=false", "method.queue_size=8192", "key_momentum=0.99")


def measure(settings: Settings) -> list[Row]:
    """Measures the run against the loop in fp32, as published, and in the precision of runs."""
    rows = []
    chunk, warmup = (1, 1) if settings.tiny else (50, 20) if settings.device.type == "cuda" else (4, 3)
    for our_precision in (False, True):
        config = recipe_config(settings, "moco_resnet50", "optimizer.name=sgd", "optimizer.lr=0.06", *AS_LIGHTLY)

        def build_other_step(module: Pretraining, our_precision: bool = our_precision) -> Callable[[], object]:
            step = build_loop(module, settings, our_precision=our_precision)
            step()
            time.sleep(0.0 if settings.tiny else 1.0)  # until the workers have filled their queue
            return step

        timer, _ = run_in_turn(config, settings, build_other_step, chunk=chunk, warmup=warmup)
        precision = f"in our {settings.precision}, channels-last" if our_precision else "as published, fp32"
        patches = 2 * config.batch_size
        rows.append(
            speed_row(f"moco_resnet50: speed over lightly's loop {precision}", timer.pairs, 1.0, patches, "patches")
        )
    return rows
