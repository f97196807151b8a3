"""Sources whose representation is the parameters of the degradation: the true ones, or those that an encoder reads."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from shared.degradations import SUMMARY_RANGES
from shared.encoders import Encoder, Representation
from sr.conditioning.adapter import Adapter, RepresentationShape
from sr.conditioning.encoder_input import EncoderInput
from sr.conditioning.sources import EncoderSource, Source, TrainingSamples, average_views

COUNT = len(SUMMARY_RANGES)
FITTING_ROWS = 4096  # degradations that the spread of the parameters is computed from
TEMPERATURE = 0.15  # of the softmax over codes; KDSR
HIDDEN = 64  # features of the head that reads the parameters


def represent_parameters(parameters: Tensor) -> Representation:
    """Returns parameters (B, 6) as a representation, whose map has one position."""
    return Representation(parameters, (parameters[:, :, None, None],))


class OracleSource(Source):
    """The true parameters (B, 6), see `shared.degradations.summarise_as_vector`: the ceiling of what a condition gives.

    Args:
        r2: Share of each parameter's variance that a linear reading explains, above 0 and at most 1. Below 1, Gaussian
            errors of the variance (1 - r2) / r2 times that of the parameter are added, the same for the same image.

    Raises:
        ValueError: `r2` is out of range.
    """

    needs_parameters = True
    is_parametric = True

    def __init__(self, r2: float = 1.0) -> None:
        super().__init__()
        if not isinstance(r2, int | float) or not 0 < r2 <= 1:
            raise ValueError(f"r2={r2!r} must be a number above 0 and at most 1")
        self.shape = RepresentationShape(COUNT, (COUNT,))
        self.r2 = r2
        if r2 < 1:
            self.register_buffer("deviation", torch.zeros(COUNT))  # of the errors

    deviation: Tensor

    def fit(self, samples: TrainingSamples) -> None:
        if self.r2 < 1:
            spread = samples.parameters_of_degradations(FITTING_ROWS).double().std(0)
            self.deviation.copy_(spread * math.sqrt((1 - self.r2) / self.r2))

    def forward(self, parameters: Tensor) -> Representation:
        return represent_parameters(parameters)

    def represent(
        self, lr_image: Tensor, parameters: Tensor | None, stem: Callable[[Tensor], Tensor]
    ) -> Representation:
        if parameters is None:
            raise ValueError("this model is an oracle: it needs the true parameters of each image's degradation")
        return self(parameters if self.r2 == 1 else parameters + self.deviation * image_noise(lr_image, COUNT))


def image_noise(images: Tensor, count: int) -> Tensor:
    """Computes standard Gaussian noise as a function of each image's mean colour, (B, 3, h, w) -> (B, count).

    It looks random, and is the same for an image in a batch, alone, flipped or rotated.
    """
    means = (images.double().mean((2, 3)) * 2**18).round()  # rounding hides the order of summation
    rates = torch.arange(1, 6 * count + 1, device=images.device, dtype=torch.float64).view(2 * count, 3).sqrt()
    uniform = ((means[:, None] * rates).sum(2).sin() * 43758.5453).frac().abs()  # (B, 2 * count) in [0, 1)
    radius, angle = uniform.chunk(2, 1)
    return ((-2 * (1 - radius).log()).sqrt() * (2 * math.pi * angle).cos()).float()


class DistilledSource(EncoderSource):
    """An encoder that learns to read the parameters, so that the network's adapter makes the same code of them.

    The adapter, which learns from the true parameters, is the teacher; the encoder with a small head is the student.

    Args:
        encoder: Any encoder; it learns.
        encoder_input: What the encoder sees of the images.

    Source: KDSR: Xia et al., "Knowledge Distillation based Degradation Estimation for Blind Super-Resolution", ICLR
    2023, section 3.3. Deviation: there, the teacher reads the HR image too; here, the parameters of the degradation.
    """

    is_parametric = True

    def __init__(self, encoder: Encoder, encoder_input: EncoderInput) -> None:
        super().__init__(encoder, encoder_input, trainable=True, reads_maps=False)
        self.head = nn.Sequential(
            nn.LayerNorm(encoder.dim), nn.Linear(encoder.dim, HIDDEN), nn.LeakyReLU(0.1), nn.Linear(HIDDEN, COUNT)
        )
        self.shape = RepresentationShape(COUNT, (COUNT,))

    def forward(self, images: Tensor) -> Representation:
        windows = self.encoder_input.cut(images)
        return average_views(self.complete(self.encode_views(windows)), windows.shape[1])

    def complete(self, representation: Representation) -> Representation:
        return represent_parameters(self.head(representation.vector))

    def describe(self) -> str:
        seen = super().describe().partition(";")[0]
        return f"{seen}; of each window, a small head reads the parameters of the degradation; their mean steers."


def distillation_loss(adapter: Adapter, read: Representation, parameters: Tensor) -> Tensor:
    """Compares the codes that an adapter makes of read and of true parameters; the adapter does not learn from it.

    Args:
        adapter: The network's adapter.
        read: Parameters that an encoder read, as a representation.
        parameters: The true parameters, (B, 6).

    Returns:
        KL divergence between the codes' softmax at temperature 0.15, plus their mean absolute difference; a scalar.
    """
    weights = {name: weight.detach() for name, weight in adapter.state_dict(keep_vars=True).items()}
    student, teacher = (
        functional_call(adapter, weights, (representation, (1, 1))).code().float()
        for representation in (read, represent_parameters(parameters.to(read.vector.dtype)))
    )
    found, wanted = (F.log_softmax(code / TEMPERATURE, 1) for code in (student, teacher))
    return F.kl_div(found, wanted, reduction="batchmean", log_target=True) + F.l1_loss(student, teacher)
