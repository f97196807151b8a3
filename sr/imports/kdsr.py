"""KDSR's checkpoints: the student's encoder, its perceptron, and the network that it steers."""

from shared.encoders import EncoderConfig
from shared.encoders.kdsr import SIZES
from sr.fusion.dynamic_conv import DynamicConvConfig
from sr.imports.checkpoint import Checkpoint
from sr.imports.layers import last_of_tail, mean_shift_names, name_tail, read_mean_shift
from sr.imports.plan import ImportOptions, Kind, Plan, State
from sr.model import ModelConfig
from sr.networks.kdsr import IMAGE_RANGE, KDSRConfig

ENCODER = "source.encoder.backbone.stages"
PERCEPTRON = {"0": "mlp.0", "2": "mlp.2", "4": "compress.0"}  # our layers and theirs
BEHIND = {"1.0": 0, "1.2": 2, "2.0": 4}  # our convolutions behind the residual blocks, and their numbers from there on


def plan_kdsr(checkpoint: Checkpoint, options: ImportOptions) -> Plan:
    """Plans the import of a student; channels, blocks and scale are read from the shapes.

    Raises:
        ValueError: A size is missing, the encoder is neither that of KDSR-M nor of KDSR-L, or there is no such scale.
    """
    blocks = checkpoint.count("G.body.0.body.{}.conv1.weight")
    features = checkpoint.shape("G.head.0.weight", 4)[0]
    encoder = _find_encoder(checkpoint)
    scale, tail = name_tail(checkpoint, "network.tail", "G.tail.0", "G.tail.1")
    shift = read_mean_shift(checkpoint, "G.")

    def adjust(state: State) -> None:
        shift.fold(state, "network.stem.0", last_of_tail("network.tail", scale), IMAGE_RANGE)
        state[f"{ENCODER}.0.0.weight"] *= shift.image_range

    names = {
        "network.stem.0": "G.head.0",
        f"network.body.parts.{blocks}": "G.body.1",
        **{f"network.adapter.vector.{ours}": f"E_st.{theirs}" for ours, theirs in PERCEPTRON.items()},
        **_name_encoder(SIZES[encoder][1]),
        **tail,
    }
    for block in range(blocks):
        ours, theirs = f"network.body.parts.{block}", f"G.body.0.body.{block}"
        names[f"{ours}.conv"] = f"{theirs}.conv1"
        for layer in (0, 2):
            names[f"{ours}.place.fusion.kernels.{layer}"] = f"{theirs}.da_conv1.kernel.{layer}"
    return Plan(
        config=ModelConfig(
            scale=scale,
            network="kdsr",
            network_options=KDSRConfig(features=features, blocks=blocks),
            conditioning="finetune",
            fusion="dynamic_conv",
            fusion_options=DynamicConvConfig(),
            width=checkpoint.shape("E_st.compress.0.weight", 2)[0],
            adapter="mlp",
            encoder=EncoderConfig(name=encoder),
            rgb_mean=shift.mean,
        ),
        names=names,
        used=mean_shift_names("G."),
        adjust=adjust,
        scale=scale,
    )


def _find_encoder(checkpoint: Checkpoint) -> str:
    features = checkpoint.shape("E_st.E.0.weight", 4)[0]
    blocks = checkpoint.count("E_st.E.{}.body.0.weight", 2)
    found = [name for name, size in SIZES.items() if size == (features, blocks)]
    if not found:
        known = ", ".join(f"{name} ({size[0]} and {size[1]})" for name, size in SIZES.items())
        raise ValueError(
            f"{checkpoint.path} has an encoder of {features} channels and {blocks} residual blocks: there are {known} "
            "here"
        )
    return found[0]


def _name_encoder(blocks: int) -> dict[str, str]:
    names = {f"{ENCODER}.0.0": "E_st.E.0"}
    for block in range(blocks):
        for layer in (0, 2):
            names[f"{ENCODER}.0.{2 + block}.convolutions.{layer}"] = f"E_st.E.{2 + block}.body.{layer}"
    return names | {f"{ENCODER}.{ours}": f"E_st.E.{2 + blocks + number}" for ours, number in BEHIND.items()}


KDSR = Kind(
    title="KDSR-M and KDSR-L, the students",
    source='Xia et al., "Knowledge Distillation based Degradation Estimation for Blind Super-Resolution", ICLR 2023',
    marks=("G.head.0.weight", "E_st.E.0.weight", "E_st.compress.0.weight"),
    plan=plan_kdsr,
)
