"""The restorers that an evaluation compares: trained models, and bicubic up-sampling."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.data import read_fingerprints
from shared.devices import exact_convolutions
from shared.images import upsample_bicubic
from shared.inference import eval_mode
from shared.run_folders import find_newest_run
from sr.model import SRModel
from sr.model_artefact import ModelArtefact
from sr.upscaling.tiled import upscale

BICUBIC = "bicubic"


@dataclass(frozen=True)
class Restorer:
    """A function from LR image to SR image.

    Attributes:
        name: Name in tables, unique among the restorers that are compared.
        hash: Digest of weights and options, by which a finished evaluation is recognised; empty if none is saved.
        model: The model; None for bicubic up-sampling.
        seen: Fingerprints of the images that the model and its encoder were trained on, as recorded in the artefact.
    """

    name: str
    hash: str = ""
    model: SRModel | None = None
    seen: frozenset[str] = frozenset()

    @property
    def needs_parameters(self) -> bool:
        """Whether it needs the true parameters of the degradation."""
        return self.model is not None and self.model.needs_parameters

    @property
    def is_conditioned(self) -> bool:
        """Whether it reads a representation."""
        return self.model is not None and self.model.source is not None

    def restore(
        self,
        lr_images: Tensor,
        scale: int,
        *,
        parameters: Tensor | None = None,
        references: Tensor | None = None,
        bf16: bool = False,
    ) -> Tensor:
        """Super-resolves a batch of whole images, without gradients.

        Args:
            lr_images: LR images, (B, 3, h, w) in [0, 1].
            scale: Factor of bicubic up-sampling; a model has its own.
            parameters: True parameters of the degradations, (B, 6), for oracles, see `SRModel.represent`.
            references: Images (B, 3, h', w') whose representation is used instead; None for the LR images.
            bf16: Whether to run under autocast; otherwise in full float32 (no TF32).

        Returns:
            The SR images, (B, 3, scale * h, scale * w) float32, not clipped.
        """
        if self.model is None:
            with exact_convolutions():
                return upsample_bicubic(lr_images, scale)
        kind, exact = lr_images.device.type, nullcontext() if bf16 else exact_convolutions()
        with eval_mode(self.model), torch.autocast(kind, torch.bfloat16, enabled=bf16), exact:
            representation = None if references is None else self.model.represent(references, parameters)
            return self.model(lr_images, parameters=parameters, representation=representation).float()

    def restore_large(self, lr_image: Tensor, scale: int, *, bf16: bool = False) -> Tensor:
        """Super-resolves one image of any size, tile by tile.

        Args:
            lr_image: LR image, (1, 3, h, w) in [0, 1].
            scale, bf16: As in `restore`.

        Returns:
            The SR image, (1, 3, scale * h, scale * w) float32 in [0, 1].
        """
        if self.model is None:
            return self.restore(lr_image, scale).clamp(0, 1)
        return upscale(self.model, lr_image[0], bf16=bf16)[None]


def open_restorers(paths: Sequence[str], runs_dir: str, device: torch.device) -> list[Restorer]:
    """Loads the restorers to compare, each once.

    Args:
        paths: Paths of runs or models' folders, or `bicubic`; empty = the newest finished SR run.
        runs_dir: Root of all runs.
        device: Device of the models.

    Raises:
        ValueError: A model does not exist or cannot be read; the message is one sentence.
    """
    by_hash: dict[str, Restorer] = {}
    for path in paths or [_find_newest_model(runs_dir)]:
        restorer = _open(path, device)
        by_hash.setdefault(restorer.hash, restorer)
    unique = list(by_hash.values())
    names = [one.name for one in unique]
    return [one if names.count(one.name) == 1 else replace(one, name=f"{one.name}-{one.hash[:6]}") for one in unique]


def resolve_scale(restorers: Sequence[Restorer], requested: int) -> int:
    """Determines the scale of an evaluation.

    Args:
        restorers: The restorers, whose models must have one scale.
        requested: The scale that the user gave; 0 = that of the models.

    Raises:
        ValueError: The models have different scales or another one than requested, or there is neither.
    """
    scales = {one.name: one.model.scale for one in restorers if one.model is not None}
    if len(set(scales.values())) > 1:
        listed = ", ".join(f"{name} has scale {scale}" for name, scale in scales.items())
        raise ValueError(f"models of different scales cannot be compared: {listed}")
    if not scales:
        if not requested:
            raise ValueError("scale is not set, and bicubic up-sampling has none of its own: give scale=2, 3 or 4")
        return requested
    name, scale = next(iter(scales.items()))
    if requested not in (0, scale):
        raise ValueError(
            f"scale={requested}, but the model {name} has scale {scale}: remove scale, or give scale={scale}"
        )
    return scale


def _open(path: str, device: torch.device) -> Restorer:
    if path == BICUBIC:
        return Restorer(BICUBIC, BICUBIC)
    try:
        artefact = ModelArtefact.open(path)
    except FileNotFoundError as error:
        raise ValueError(f"{error}; or give `{BICUBIC}`") from error
    key = json.dumps([artefact.config["model"], artefact.config["weights_sha256"]], sort_keys=True)
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    metadata = artefact.metadata
    seen = read_fingerprints(metadata) | read_fingerprints(metadata.get("encoder") or {})
    return Restorer(artefact.run_name, digest, artefact.load().to(device), seen)


def _find_newest_model(runs_dir: str) -> str:
    newest = find_newest_run(runs_dir, "sr")
    if newest is None:
        raise ValueError(f"there is no finished model in {runs_dir}/sr: give the path of one, or `{BICUBIC}`")
    return str(newest)
