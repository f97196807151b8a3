"""What checkpoints of several networks have in common: the mean shift, the tail, and DASR's encoder."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sr.imports.checkpoint import Checkpoint
from sr.imports.plan import Plan, State
from sr.model import ModelConfig
from sr.networks.base import IMAGE_RANGE, RGB_MEAN, NetworkConfig

LARGEST_UNIT_MEAN = 1.5  # a larger mean is one of images in 0..255
MEAN_TOLERANCE = 1e-7  # the precision of a mean in 0..255 as float32
EPSILON = 1e-5  # of torch's batch norms


@dataclass(frozen=True)
class MeanShift:
    """The two 1x1 convolutions that subtract the mean of the images first and add it last.

    In old checkpoints their weights were trained along and are no longer those of the start, so that they are kept in
    full: the first is x -> W x + b on images in 0..R, the second y -> V y + c. Before the stem pads with zeros,
    W x + b = W (x + W^-1 b), so that a mean of -W^-1 b, and W within the stem's weight, are the same at borders too.
    Behind the last convolution nothing is padded.

    Attributes:
        mean: Mean of the images in [0, 1].
        image_range: R, the range of their images: 1 or 255.
        first: W, (3, 3).
        last: V, (3, 3).
        offset: c, (3,).
    """

    mean: tuple[float, float, float]
    image_range: float
    first: Tensor
    last: Tensor
    offset: Tensor

    def fold(self, state: State, stem: str, last: str, image_range: float = IMAGE_RANGE) -> None:
        """Folds both into the weights of our network.

        Args:
            state: Our weights, which are changed.
            stem, last: Names of the first and of the last convolution.
            image_range: Range of the input of our stem.
        """
        gain = image_range / self.image_range
        weight, bias = (state[f"{last}.{name}"].double() for name in ("weight", "bias"))
        state[f"{stem}.weight"] = _float(
            torch.einsum("oikl,ij->ojkl", state[f"{stem}.weight"].double(), self.first) / gain
        )
        state[f"{last}.weight"] = _float(torch.einsum("oi,ijkl->ojkl", self.last, weight) * gain)
        mean = torch.tensor(self.mean, dtype=torch.float32).double()
        state[f"{last}.bias"] = _float(gain * (self.last @ bias + self.offset) - image_range * mean)


def mean_shift_names(prefix: str = "") -> tuple[str, ...]:
    """Returns the names of the weights of the mean shift."""
    return tuple(f"{prefix}{layer}.{weight}" for layer in ("sub_mean", "add_mean") for weight in ("weight", "bias"))


def read_mean_shift(checkpoint: Checkpoint, prefix: str = "") -> MeanShift:
    """Reads the mean shift, and from its size whether the images were in 0..1 or in 0..255.

    Args:
        checkpoint: The checkpoint.
        prefix: What stands before the names `sub_mean` and `add_mean`.

    Raises:
        ValueError: A weight is missing or has another shape, or W has no inverse.
    """
    shapes = ((3, 3, 1, 1), (3,))
    parts = []
    for name, shape in zip(mean_shift_names(prefix), shapes * 2, strict=True):
        if checkpoint.shape(name, len(shape)) != shape:
            raise ValueError(f"{checkpoint.path}: {name} is not {shape}: only networks of RGB images can be imported")
        parts.append(checkpoint.weights[name].double().reshape(shape[:2]))
    first, shift, last, offset = parts
    if abs(float(torch.linalg.det(first))) < 1e-6:
        raise ValueError(
            f"{checkpoint.path}: {prefix}sub_mean.weight has no inverse, so its network sees too few colours"
        )
    mean = -torch.linalg.solve(first, shift)
    image_range = 255.0 if float(mean.abs().max()) > LARGEST_UNIT_MEAN else 1.0
    mean = mean / image_range
    usual = torch.tensor(RGB_MEAN, dtype=torch.float64)
    if float((mean - usual).abs().max()) <= MEAN_TOLERANCE:
        mean = usual
    red, green, blue = mean.tolist()
    return MeanShift((red, green, blue), image_range, first, last, offset)


def name_tail(checkpoint: Checkpoint, ours: str, upsampling: str, last: str) -> tuple[int, dict[str, str]]:
    """Reads the scale from the sub-pixel convolutions, and names the layers of the tail.

    Args:
        checkpoint: The checkpoint.
        ours: Name of our tail.
        upsampling: Name of their sub-pixel convolutions, which are its numbers 0, 2, ...
        last: Name of their last convolution.

    Returns:
        The scale, and their names by ours.

    Raises:
        ValueError: There is no such scale here.
    """
    names: dict[str, str] = {}
    scale = 1
    while f"{upsampling}.{2 * len(names)}.weight" in checkpoint.weights:
        name = f"{upsampling}.{2 * len(names)}"
        outputs, inputs, *_ = checkpoint.shape(f"{name}.weight", 4)
        factor = {4: 2, 9: 3}.get(outputs // inputs)
        if factor is None or outputs % inputs:
            raise ValueError(
                f"{checkpoint.path}: {name} makes {outputs} channels of {inputs}, but x2 needs 4 times, x3 9"
            )
        names[f"{ours}.{2 * len(names)}"] = name
        scale *= factor
    if scale not in (2, 3, 4):
        raise ValueError(f"{checkpoint.path} is of scale {scale} ({upsampling}): there are scales 2, 3 and 4 here")
    return scale, names | {f"{ours}.{2 * len(names)}": last}


def read_scale(checkpoint: Checkpoint, upsampling: str) -> int | None:
    """Reads the scale of the network that was trained with an encoder; None if the checkpoint holds none.

    Raises:
        ValueError: There is no such scale here.
    """
    return name_tail(checkpoint, "", upsampling, "")[0] if f"{upsampling}.0.weight" in checkpoint.weights else None


def plan_without_condition(
    checkpoint: Checkpoint, network: str, options: NetworkConfig, names: dict[str, str], note: str = ""
) -> Plan:
    """Plans the import of a network without a condition that begins and ends as EDSR and RCAN do.

    Args:
        checkpoint: The checkpoint.
        network: A name in `sr.networks.NETWORKS`.
        options: Options of the network.
        names: Names of the layers of its body, theirs by ours.
        note: A sentence for the card.

    Raises:
        ValueError: A weight of the mean shift or of the tail is missing, or there is no such scale here.
    """
    scale, tail = name_tail(checkpoint, "network.tail", "tail.0", "tail.1")
    shift = read_mean_shift(checkpoint)
    return Plan(
        config=ModelConfig(
            scale=scale, network=network, network_options=options, conditioning="none", rgb_mean=shift.mean
        ),
        names={"network.stem.0": "head.0", **names, **tail},
        used=mean_shift_names(),
        adjust=lambda state: shift.fold(state, "network.stem.0", last_of_tail("network.tail", scale)),
        scale=scale,
        note=note,
    )


def last_of_tail(ours: str, scale: int) -> str:
    """Returns the name of the last convolution of our tail."""
    return f"{ours}.{4 if scale == 4 else 2}"


def name_dasr_encoder(ours: str, theirs: str) -> dict[str, str]:
    """Names the layers of DASR's six convolutions and batch norms.

    Args:
        ours: What stands before the names of our encoder, with a final dot; empty for the encoder alone.
        theirs: Name of their row of layers, in which these are the numbers (0, 1), (3, 4), ...

    Returns:
        Their names by ours.
    """
    return {
        f"{ours}backbone.stages.{stage}.{layer}": f"{theirs}.{6 * stage + layer}"
        for stage in range(3)
        for layer in (0, 1, 3, 4)
    }


def scale_first_batch_norm(state: State, stage: str, image_range: float) -> None:
    """Lets the first batch norm of an encoder, trained on images in 0..R, expect images in [0, 1].

    With the bias b of the convolution, the running mean m and variance v become (m - b) / R + b and v / R^2. The batch
    norm adds a constant to the variance, which does not shrink along: the gain is corrected for it.

    Args:
        state: Our weights, which are changed.
        stage: Name of the first stage, whose layer 0 is the convolution, and 1 the batch norm.
        image_range: R.
    """
    bias, gain, mean, variance = (
        state[f"{stage}.{name}"].double() for name in ("0.bias", "1.weight", "1.running_mean", "1.running_var")
    )
    smaller = variance / image_range**2
    state[f"{stage}.1.running_mean"] = _float((mean - bias) / image_range + bias)
    state[f"{stage}.1.running_var"] = _float(smaller)
    corrected = gain * image_range * ((_float(smaller).double() + EPSILON) / (variance + EPSILON)).sqrt()
    state[f"{stage}.1.weight"] = _float(corrected)


def _float(values: Tensor) -> Tensor:
    return values.float()
