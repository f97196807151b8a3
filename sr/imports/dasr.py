"""DASR's checkpoints: the encoder of the queries and the network that it steers."""

from shared.encoders import EncoderConfig
from sr.fusion.da_conv import DAConvConfig
from sr.imports.checkpoint import Checkpoint
from sr.imports.layers import (
    last_of_tail,
    mean_shift_names,
    name_dasr_encoder,
    name_tail,
    read_mean_shift,
    scale_first_batch_norm,
)
from sr.imports.plan import ImportOptions, Kind, Plan, State
from sr.model import ModelConfig
from sr.networks.dasr import DASRConfig

CONTRAST = {
    r"E\.encoder_q\.mlp\.": "the perceptron of the contrast",
    r"E\.encoder_k\.": "the encoder of the keys",
    r"E\.queue": "the queue of keys",
}
SLOTS = {
    "dynamic.kernels.0": "kernel.0",
    "dynamic.kernels.2": "kernel.2",
    "mix": "conv",
    "gate.0": "ca.conv_du.0",
    "gate.2": "ca.conv_du.2",
}


def plan_dasr(checkpoint: Checkpoint, options: ImportOptions) -> Plan:
    """Plans the import of a whole model; features, groups, blocks, widths and scale are read from the shapes.

    Raises:
        ValueError: A size is missing, or there is no such scale here.
    """
    groups = checkpoint.count("G.body.{}.body.0.conv1.weight")
    blocks = checkpoint.count("G.body.0.body.{}.conv1.weight")
    features = checkpoint.shape("G.head.0.weight", 4)[0]
    width = checkpoint.shape("G.compress.0.weight", 2)[0]
    hidden = checkpoint.shape("G.body.0.body.0.da_conv1.ca.conv_du.0.weight", 4)[0]
    scale, tail = name_tail(checkpoint, "network.tail", "G.tail.0", "G.tail.1")
    shift = read_mean_shift(checkpoint, "G.")

    def adjust(state: State) -> None:
        shift.fold(state, "network.stem.0", last_of_tail("network.tail", scale))
        scale_first_batch_norm(state, "source.encoder.backbone.stages.0", shift.image_range)

    return Plan(
        config=ModelConfig(
            scale=scale,
            network="dasr",
            network_options=DASRConfig(features=features, groups=groups, blocks=blocks),
            conditioning="joint",
            fusion="da_conv",
            fusion_options=DAConvConfig(reduction=max(1, width // hidden)),
            width=width,
            encoder=EncoderConfig(name="dasr"),
            rgb_mean=shift.mean,
        ),
        names={
            "network.stem.0": "G.head.0",
            "network.adapter.vector.0": "G.compress.0",
            **name_dasr_encoder("source.encoder.", "E.encoder_q.E"),
            **_name_body(groups, blocks),
            **tail,
        },
        used=mean_shift_names("G."),
        unused=CONTRAST,
        adjust=adjust,
        scale=scale,
    )


def _name_body(groups: int, blocks: int) -> dict[str, str]:
    names = {f"network.body.parts.{groups}": f"G.body.{groups}"}
    for group in range(groups):
        ours, theirs = f"network.body.parts.{group}.inside.parts", f"G.body.{group}.body"
        names[f"{ours}.{blocks}"] = f"{theirs}.{blocks}"
        for block in range(blocks):
            for number in (1, 2):
                names[f"{ours}.{block}.conv{number}"] = f"{theirs}.{block}.conv{number}"
                slot = f"{ours}.{block}.place{number}.fusion"
                names |= {f"{slot}.{our}": f"{theirs}.{block}.da_conv{number}.{their}" for our, their in SLOTS.items()}
    return names


DASR = Kind(
    title="DASR, encoder and network",
    source='Wang et al., "Unsupervised Degradation Representation Learning for Blind Super-Resolution", CVPR 2021',
    marks=("G.head.0.weight", "G.compress.0.weight", "E.encoder_q.E.0.weight"),
    plan=plan_dasr,
)
