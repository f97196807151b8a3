"""FastSiam: SimSiam with the mean of several views as the target."""

from __future__ import annotations

from torch import Tensor

from pretrain.methods.simsiam import SimSiam, SimSiamConfig
from pretrain.positives import Positives
from shared.encoders import Encoder


class FastSiam(SimSiam):
    """Siamese networks in which each view predicts the mean projection of the others, a less noisy target.

    Published with four views: `positives.count=3 positives.aggregate=center positives.symmetric=true`. Projections are
    averaged first and normalised after.
    Source: FastSiam, DAGM GCPR 2022, doi:10.1007/978-3-031-16788-1_4, section 3.

    Args:
        encoder: Online encoder.
        positives: Policy with the centre of several keys as the target.
        config: Options, the same as for SimSiam.

    Raises:
        ValueError: The policy does not average keys.
    """

    def __init__(self, encoder: Encoder, positives: Positives, config: SimSiamConfig) -> None:
        policy = positives.config
        if policy.aggregate != "center" or policy.side == "query" or policy.count < 2:
            raise ValueError(
                "fastsiam averages several targets: it needs positives.aggregate=center, side=key or both, "
                f"and count >= 2, got aggregate={policy.aggregate} side={policy.side} count={policy.count}; "
                "for one target use method=simsiam"
            )
        super().__init__(encoder, positives, config)

    def targets(self, keys: Tensor) -> Tensor:
        """Returns the projections without normalisation; the centre is normalised after the mean."""
        return keys.float()
