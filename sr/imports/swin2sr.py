"""Swin2SR's checkpoints for classical super-resolution."""

from dataclasses import dataclass

from sr.imports.checkpoint import Checkpoint
from sr.imports.layers import name_tail
from sr.imports.plan import ImportOptions, Kind, Plan
from sr.model import ModelConfig
from sr.networks.swin2sr import Swin2SRConfig

BLOCK = "layers.0.residual_group.blocks.0"
LAYERS = ("norm1", "norm2", "attn", "attn.cpb_mlp.0", "attn.cpb_mlp.2", "attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
TABLES = r"layers\.\d+\.residual_group\.blocks\.\d+\.(attn_mask|attn\.relative_(coords_table|position_index))$"


@dataclass
class Swin2SRImportOptions(ImportOptions):
    """Options of Swin2SR, in addition.

    Attributes:
        padding: How images are padded to whole windows: `reflect` as in the authors' network, or `symmetric` as in
            their test program, which pads before it.
    """

    padding: str = "reflect"


def plan_swin2sr(checkpoint: Checkpoint, options: Swin2SRImportOptions) -> Plan:
    """Plans the import; channels, groups, blocks, heads, window, perceptrons and scale are read from the shapes.

    Raises:
        ValueError: A size is missing, it is of a variant that is not known here, or there is no such scale.
    """
    if "conv_before_upsample.0.weight" not in checkpoint.weights or "upsample.0.weight" not in checkpoint.weights:
        raise ValueError(
            f"{checkpoint.path} is not one of Swin2SR for classical super-resolution, since it has no "
            "conv_before_upsample.0 and upsample.0: the lightweight, real-world and denoising variants have no "
            "counterpart here"
        )
    groups = checkpoint.count("layers.{}.conv.weight")
    blocks = checkpoint.count("layers.0.residual_group.blocks.{}.norm1.weight")
    features = checkpoint.shape("conv_first.weight", 4)[0]
    hidden = checkpoint.shape(f"{BLOCK}.mlp.fc1.weight", 2)[0]
    positions = checkpoint.shape(f"{BLOCK}.attn.relative_coords_table", 4)[1]  # 2 * window - 1
    scale, tail = name_tail(checkpoint, "network.tail.2", "upsample", "conv_last")
    names = {
        "network.stem.0": "conv_first",
        "network.body.parts.0.0": "patch_embed.proj",
        "network.body.parts.0.1.norm": "patch_embed.norm",
        f"network.body.parts.{groups + 1}.norm": "norm",
        f"network.body.parts.{groups + 2}": "conv_after_body",
        "network.tail.0": "conv_before_upsample.0",
        **tail,
    }
    for group in range(groups):
        ours, theirs = f"network.body.parts.{group + 1}", f"layers.{group}"
        names |= {f"{ours}.conv": f"{theirs}.conv", f"{ours}.embed": f"{theirs}.patch_embed.proj"}
        for block in range(blocks):
            for layer in LAYERS:
                names[f"{ours}.blocks.{block}.{layer}"] = f"{theirs}.residual_group.blocks.{block}.{layer}"
    return Plan(
        config=ModelConfig(
            scale=scale,
            network="swin2sr",
            network_options=Swin2SRConfig(
                groups=groups,
                blocks=blocks,
                features=features,
                heads=checkpoint.shape(f"{BLOCK}.attn.logit_scale", 3)[0],
                window=(positions + 1) // 2,
                mlp_ratio=hidden / features,
                tail_features=checkpoint.shape("conv_before_upsample.0.weight", 4)[0],
                padding=options.padding,
            ),
            conditioning="none",
        ),
        names=names,
        unused={TABLES: "tables that are computed from the window"},
        scale=scale,
        note=f"Images are padded to whole windows by padding={options.padding}.",
    )


SWIN2SR = Kind(
    title="Swin2SR for classical super-resolution",
    source='Conde et al., "Swin2SR: SwinV2 Transformer for Compressed Image Super-Resolution and Restoration", ECCVW '
    "2022",
    marks=("conv_first.weight", f"{BLOCK}.attn.cpb_mlp.0.weight", "conv_last.weight"),
    plan=plan_swin2sr,
    options=Swin2SRImportOptions,
)
