"""The encoder alone of DASR's checkpoints, with the network or without it."""

from shared.encoders import EncoderConfig
from sr.imports.checkpoint import Checkpoint
from sr.imports.dasr import CONTRAST, DASR
from sr.imports.layers import mean_shift_names, name_dasr_encoder, read_mean_shift, read_scale, scale_first_batch_norm
from sr.imports.plan import ImportOptions, Kind, Plan

IMAGE_RANGE = 255.0  # of the published checkpoints


def plan_dasr_encoder(checkpoint: Checkpoint, options: ImportOptions) -> Plan:
    """Plans the import; the scale and the range of the images are those of the network, if it is there.

    Raises:
        ValueError: The network has no scale that there is here.
    """
    is_whole = mean_shift_names("G.")[0] in checkpoint.weights
    image_range = read_mean_shift(checkpoint, "G.").image_range if is_whole else IMAGE_RANGE
    return Plan(
        config=EncoderConfig(name="dasr"),
        names=name_dasr_encoder("", "E.encoder_q.E"),
        unused=CONTRAST | {r"G\.": "the network"},
        adjust=lambda state: scale_first_batch_norm(state, "backbone.stages.0", image_range),
        scale=read_scale(checkpoint, "G.tail.0"),
    )


DASR_ENCODER = Kind(
    title="the encoder alone of DASR",
    source=DASR.source,
    marks=("E.encoder_q.E.0.weight", "E.encoder_q.E.16.running_mean"),
    plan=plan_dasr_encoder,
    is_model=False,
)
