"""The SR networks, each in its own file; `NETWORKS` is the only list of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

from sr.networks.base import SRNetwork
from sr.networks.dasr import DASRConfig, DASRSmallConfig, build_dasr
from sr.networks.edsr import EDSRConfig, EDSRSmallConfig, build_edsr
from sr.networks.kdsr import KDSRConfig, KDSRMConfig, KDSRSmallConfig, build_kdsr
from sr.networks.rcan import RCANConfig, RCANSmallConfig, build_rcan
from sr.networks.swin2sr import Swin2SRConfig, Swin2SRSmallConfig, build_swin2sr


class NetworkEntry(NamedTuple):
    """The function that builds a network, and the dataclass of its options."""

    build: Callable[..., SRNetwork]
    config: type[Any]


NETWORKS: dict[str, NetworkEntry] = {
    "dasr": NetworkEntry(build_dasr, DASRConfig),
    "dasr_small": NetworkEntry(build_dasr, DASRSmallConfig),
    "kdsr": NetworkEntry(build_kdsr, KDSRConfig),
    "kdsr_m": NetworkEntry(build_kdsr, KDSRMConfig),
    "kdsr_small": NetworkEntry(build_kdsr, KDSRSmallConfig),
    "rcan": NetworkEntry(build_rcan, RCANConfig),
    "rcan_small": NetworkEntry(build_rcan, RCANSmallConfig),
    "edsr": NetworkEntry(build_edsr, EDSRConfig),
    "edsr_small": NetworkEntry(build_edsr, EDSRSmallConfig),
    "swin2sr": NetworkEntry(build_swin2sr, Swin2SRConfig),
    "swin2sr_small": NetworkEntry(build_swin2sr, Swin2SRSmallConfig),
}
