"""RCAN's checkpoints."""

from sr.imports.checkpoint import Checkpoint
from sr.imports.layers import plan_without_condition
from sr.imports.plan import ImportOptions, Kind, Plan
from sr.networks.rcan import RCANConfig

GATE = "body.0.body.0.body.3.conv_du.0.weight"
LAYERS = {"0": "0", "2": "2", "3.gate.1": "3.conv_du.0", "3.gate.3": "3.conv_du.2"}  # of a block, ours and theirs


def plan_rcan(checkpoint: Checkpoint, options: ImportOptions) -> Plan:
    """Plans the import; channels, groups, blocks, reduction and scale are read from the shapes.

    Raises:
        ValueError: A size is missing, or there is no such scale here.
    """
    groups = checkpoint.count("body.{}.body.0.body.0.weight")
    blocks = checkpoint.count("body.0.body.{}.body.0.weight")
    features = checkpoint.shape("head.0.weight", 4)[0]
    reduced = checkpoint.shape(GATE, 4)[0]
    names = {f"network.body.parts.{groups}": f"body.{groups}"}
    for group in range(groups):
        ours, theirs = f"network.body.parts.{group}.inside.parts", f"body.{group}.body"
        names[f"{ours}.{blocks}"] = f"{theirs}.{blocks}"
        for block in range(blocks):
            for our, their in LAYERS.items():
                names[f"{ours}.{block}.convolutions.{our}"] = f"{theirs}.{block}.body.{their}"
    network = RCANConfig(features=features, groups=groups, blocks=blocks, reduction=max(1, features // reduced))
    return plan_without_condition(checkpoint, "rcan", network, names)


RCAN = Kind(
    title="RCAN",
    source='Zhang et al., "Image Super-Resolution Using Very Deep Residual Channel Attention Networks", ECCV 2018',
    marks=("head.0.weight", GATE, "tail.0.0.weight"),
    plan=plan_rcan,
)
