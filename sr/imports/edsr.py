"""EDSR's checkpoints: the baseline, the full model, and those of other sizes."""

from dataclasses import dataclass

from shared.bounds import bounded
from sr.imports.checkpoint import Checkpoint
from sr.imports.layers import plan_without_condition
from sr.imports.plan import ImportOptions, Kind, Plan
from sr.networks.edsr import EDSRConfig

FULL_FEATURES, FULL_SCALE = 256, 0.1  # of the full model, the only published one whose branches are scaled


@dataclass
class EDSRImportOptions(ImportOptions):
    """Options of EDSR, in addition.

    Attributes:
        residual_scale: Factor of the blocks' branches, which no weight tells; 0 = as published, 0.1 in the full model
            (256 channels) and 1 in others.
    """

    residual_scale: float = bounded(0.0, 0, 1000)


def plan_edsr(checkpoint: Checkpoint, options: EDSRImportOptions) -> Plan:
    """Plans the import; channels, blocks and scale are read from the shapes.

    Raises:
        ValueError: A size is missing, or there is no such scale here.
    """
    blocks = checkpoint.count("body.{}.body.0.weight")
    features = checkpoint.shape("head.0.weight", 4)[0]
    residual_scale = options.residual_scale or (FULL_SCALE if features == FULL_FEATURES else 1.0)
    names = {f"network.body.parts.{blocks}": f"body.{blocks}"}
    for block in range(blocks):
        for layer in (0, 2):
            names[f"network.body.parts.{block}.convolutions.{layer}"] = f"body.{block}.body.{layer}"
    network = EDSRConfig(features=features, blocks=blocks, residual_scale=residual_scale)
    note = f"The branches of its blocks are multiplied by {residual_scale:g}, which no weight of the file tells."
    return plan_without_condition(checkpoint, "edsr", network, names, note)


EDSR = Kind(
    title="EDSR, baseline and full",
    source='Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017',
    marks=("head.0.weight", "body.0.body.0.weight", "body.0.body.2.weight", "tail.0.0.weight"),
    plan=plan_edsr,
    options=EDSRImportOptions,
)
