"""The conditionings whose encoder is trained with a contrastive loss too, together with the network."""

from dataclasses import dataclass, field
from typing import Any

from pretrain.methods import AUTO, METHODS, PositivesConfig, check_key_momentum
from shared.artefacts import EncoderArtefact
from shared.bounds import bounded
from shared.command import make_choice
from shared.encoders import Encoder, EncoderConfig
from sr.conditioning.encoder_choice import find_newest_encoder, is_network_name
from sr.conditioning.options import Conditioned, EncoderOrName, TrainsEncoder, open_trained_encoder


@dataclass
class Contrast(Conditioned):
    """Options of `joint`, `distilled` and `shared`, which can train the encoder with a contrastive loss too.

    Attributes:
        contrastive: Weight of the contrastive loss relative to the image loss; 1 in DASR.
        method: Method of the contrastive loss (`method=NAME` chooses, `method.OPTION=...` sets).
        positives: Positives of the contrastive loss, see `PositivesConfig`.
        key_momentum: Momentum of the method's target network, within 0..1; `auto` fits it to the number of steps.
    """

    contrastive: float = bounded(1.0, 0, 1e6)
    method: Any = field(default_factory=make_choice("moco", METHODS["moco"].config))  # DASR's
    positives: PositivesConfig = field(default_factory=PositivesConfig)
    key_momentum: int | float | str = AUTO

    def check(self) -> None:
        super().check()
        check_key_momentum(self.key_momentum, "conditioning.key_momentum")

    @property
    def trains_by_contrast(self) -> bool:  # type: ignore[override]
        return self.contrastive > 0


@dataclass
class Joint(Contrast, TrainsEncoder, EncoderOrName):
    """joint: an encoder trained together with the network and with a contrastive loss, as in DASR."""

    def choose_encoder(self, runs_dir: str, earlier: dict[str, Any]) -> None:
        super().choose_encoder(runs_dir, earlier)
        if self.fixed_norm and is_network_name(self.encoder):
            raise ValueError(
                f"encoder={self.encoder} is untrained, so that its batch norms have nothing to keep: add "
                "conditioning.fixed_norm=false conditioning.lr=0, or give the path of a trained encoder"
            )

    def _find_default_encoder(self, runs_dir: str) -> str:
        return "dasr"

    def _open_artefact(self, scale: int) -> tuple[Encoder | None, EncoderConfig]:
        return open_trained_encoder(self.encoder, scale)

    def encoder_metadata(self) -> dict[str, Any]:
        return {} if is_network_name(self.encoder) else EncoderArtefact.open(self.encoder).metadata


@dataclass
class Distilled(Joint):
    """distilled: an encoder learns to read the parameters, taught by the network's adapter, as in KDSR.

    Attributes:
        contrastive: Weight of the contrastive loss; 0 = distillation alone.
        distillation: Weight of the distillation loss relative to the image loss.
        taught: Share of the steps in which the true parameters steer the network; later, those that the encoder reads.
    """

    contrastive: float = bounded(0.0, 0, 1e6)
    lr: float = bounded(2e-5, 0, 1000)
    fixed_norm: bool = True
    patches: int = bounded(4, 1, 1024)
    distillation: float = bounded(30.0, above=0, high=1e6)
    taught: float = bounded(0.5, 0, 1)

    def check(self) -> None:
        super().check()
        if self.standardise:
            raise ValueError("conditioning.standardise=true: conditioning=distilled normalises by itself; remove it")

    def _find_default_encoder(self, runs_dir: str) -> str:
        return find_newest_encoder(runs_dir)


@dataclass
class Shared(Contrast):
    """shared: the encoder reads the features of the network's stem, which the contrastive loss trains too.

    Attributes:
        blocks: Number of residual blocks in the stem that both share.
    """

    blocks: int = bounded(2, 0, 512)

    def model_options(self) -> dict[str, Any]:
        return super().model_options() | {"shared_blocks": self.blocks}
