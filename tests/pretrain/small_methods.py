"""All methods on a small encoder with small heads."""

import torch
from torch import nn

from pretrain.methods import build_method
from pretrain.methods.byol import BYOLConfig
from pretrain.methods.fastmoco import FastMoCoConfig
from pretrain.methods.moco import MoCoConfig
from pretrain.methods.mocov3 import MoCoV3Config
from pretrain.methods.redegradation import RedegradationConfig
from pretrain.methods.simclr import SimCLRConfig
from pretrain.methods.simsiam import SimSiamConfig
from pretrain.methods.supcon import SupConConfig
from pretrain.methods.supervised import SupervisedConfig
from pretrain.methods.vicreg import VICRegConfig
from pretrain.positives import Positives, PositivesConfig
from tests.pretrain.linear_encoder import LinearEncoder

SMALL = {
    "moco": MoCoConfig(hidden_dim=16, output_dim=8, queue_size=10),
    "mocov3": MoCoV3Config(hidden_dim=16, output_dim=8),
    "simclr": SimCLRConfig(hidden_dim=16, output_dim=8),
    "byol": BYOLConfig(hidden_dim=16, output_dim=8),
    "fastmoco": FastMoCoConfig(hidden_dim=16, output_dim=8, prediction_hidden_dim=4),
    "simsiam": SimSiamConfig(hidden_dim=16, output_dim=8, prediction_hidden_dim=4),
    "fastsiam": SimSiamConfig(hidden_dim=16, output_dim=8, prediction_hidden_dim=4),
    "vicreg": VICRegConfig(hidden_dim=16, output_dim=8),
    "supcon": SupConConfig(hidden_dim=16, output_dim=8),
    "redegradation": RedegradationConfig(kernel_size=5, hidden_dim=16, output_dim=8),
    "supervised": SupervisedConfig(),
}
PAIR = PositivesConfig(symmetric=True)
CENTER = PositivesConfig(3, aggregate="center", symmetric=True)


def build(name: str, positives: PositivesConfig, encoder: nn.Module | None = None, config: object = None) -> nn.Module:
    torch.manual_seed(0)
    return build_method(name, encoder or LinearEncoder(), Positives(positives), config or SMALL[name])
