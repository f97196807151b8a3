"""Small models for tests: every network, fusion and conditioning in a size that a CPU builds in no time."""

from shared.encoders import EncoderConfig
from sr.fusion import FUSIONS
from sr.fusion.base import SourceConfig
from sr.model import ModelConfig
from sr.networks import NETWORKS

SMALL_OPTIONS = {
    "dasr_small": {"groups": 1, "blocks": 1, "features": 16},
    "kdsr_small": {"blocks": 2, "features": 16},
    "rcan_small": {"groups": 1, "blocks": 1, "features": 16, "reduction": 2},
    "edsr_small": {"blocks": 2, "features": 16},
    "swin2sr_small": {"groups": 1, "blocks": 2, "features": 16, "tail_features": 16},
}


GUIDED = tuple(name for name, entry in FUSIONS.items() if issubclass(entry.config, SourceConfig))
BY_MAP = tuple(f"{name}:map" for name in GUIDED)  # fusions that read the un-pooled map


def small_config(
    network: str = "edsr_small",
    fusion: str = "affine",
    conditioning: str = "joint",
    *,
    scale: int = 2,
    bicubic_skip: bool = False,
) -> ModelConfig:
    """Builds a configuration; a fusion may be followed by its source, as in `affine:map`."""
    fusion, _, source = fusion.partition(":")
    options = NETWORKS[network].config(**SMALL_OPTIONS[network], bicubic_skip=bicubic_skip)
    return ModelConfig(
        scale=scale,
        network=network,
        network_options=options,
        fusion=fusion,
        fusion_options=FUSIONS[fusion].config(**({"source": source} if source else {})),
        conditioning=conditioning,
        width=16,
        shared_blocks=1,
        encoder=EncoderConfig(name="dasr"),
    )
