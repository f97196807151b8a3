"""The encoder of CdCL's checkpoints, whose six convolutions are DASR's."""

from shared.encoders import EncoderConfig
from sr.imports.checkpoint import Checkpoint
from sr.imports.layers import name_dasr_encoder, read_scale
from sr.imports.plan import ImportOptions, Kind, Plan

UNUSED = {
    r"E\.encoder\.1\.": "the projector",
    r"E\.encoder_ema\.": "the target encoder",
    r"E\.predictor\.": "the predictor",
    r"G\.": "the network",
}


def plan_cdcl(checkpoint: Checkpoint, options: ImportOptions) -> Plan:
    """Plans the import; its images are in [0, 1], as ours. The scale is that of the network, if it is there.

    Raises:
        ValueError: The network has no scale that there is here.
    """
    return Plan(
        config=EncoderConfig(name="dasr"),
        names=name_dasr_encoder("", "E.encoder.0.E"),
        unused=UNUSED,
        scale=read_scale(checkpoint, "G.tail.0"),
        note="The network of CdCL is not among ours: this is its encoder, whose structure is DASR's.",
    )


CDCL = Kind(
    title="the encoder alone of CdCL",
    source='Yuan et al., "Content-Decoupled Contrastive Learning-Based Implicit Degradation Modeling for Blind Image '
    'Super-Resolution", IEEE Transactions on Image Processing 2025',
    marks=("E.encoder.0.E.0.weight", "E.encoder.0.E.16.running_mean"),
    plan=plan_cdcl,
    is_model=False,
)
