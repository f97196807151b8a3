"""The SR networks, each in its own file; this table is the only list of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

from sr.networks.base import SRNetwork
from sr.networks.dasr import DASRConfig, DASRSmallConfig, dasr
from sr.networks.edsr import EDSRConfig, EDSRSmallConfig, edsr
from sr.networks.kdsr import KDSRConfig, KDSRSmallConfig, kdsr
from sr.networks.rcan import RCANConfig, RCANSmallConfig, rcan
from sr.networks.swin2sr import Swin2SRConfig, Swin2SRSmallConfig, swin2sr


class NetworkEntry(NamedTuple):
    """How a network is built, and the dataclass of its options."""

    build: Callable[..., SRNetwork]
    config: type[Any]


NETWORKS: dict[str, NetworkEntry] = {
    "dasr": NetworkEntry(dasr, DASRConfig),
    "dasr_small": NetworkEntry(dasr, DASRSmallConfig),
    "kdsr": NetworkEntry(kdsr, KDSRConfig),
    "kdsr_small": NetworkEntry(kdsr, KDSRSmallConfig),
    "rcan": NetworkEntry(rcan, RCANConfig),
    "rcan_small": NetworkEntry(rcan, RCANSmallConfig),
    "edsr": NetworkEntry(edsr, EDSRConfig),
    "edsr_small": NetworkEntry(edsr, EDSRSmallConfig),
    "swin2sr": NetworkEntry(swin2sr, Swin2SRConfig),
    "swin2sr_small": NetworkEntry(swin2sr, Swin2SRSmallConfig),
}
