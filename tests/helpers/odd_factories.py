"""Factories that return no network, or one that cannot be explained as it is."""

import sys
import urllib.error

import torch
from torch import nn


def downloads(pretrained: bool = True) -> nn.Module:
    if pretrained:
        raise urllib.error.URLError("[Errno -3] Temporary failure in name resolution")
    return nn.Linear(3, 2)


def downloads_below() -> nn.Module:
    try:
        raise ConnectionResetError("reset by peer")
    except ConnectionResetError as error:
        raise OSError("We couldn't load the files,\nsee the documentation") from error


def fails() -> nn.Module:
    raise RuntimeError("first line\nsecond line " + "x" * 1000)


def wrong_type() -> nn.Module:
    return nn.Linear(3, "2")


def leaves() -> nn.Module:
    sys.exit(3)


def nothing() -> None:
    pass


def with_transform() -> tuple[nn.Module, object]:
    return nn.Linear(3, 2), object()


def state() -> dict[str, torch.Tensor]:
    return nn.Linear(3, 2).state_dict()


def a_class() -> type[nn.Module]:
    return nn.Linear


def without_values() -> nn.Module:
    with torch.device("meta"):
        return nn.Sequential(nn.Linear(3, 2))


def quantised() -> nn.Module:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
    return torch.ao.quantization.quantize_dynamic(network, {nn.Linear}, dtype=torch.qint8)


def quantised_buffer() -> nn.Module:
    network = nn.Sequential(nn.Linear(3, 2))
    network.register_buffer("table", torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8))
    return network


def lazy(width: int = 6) -> nn.Module:
    return nn.Sequential(
        nn.LazyConv2d(width, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.LazyLinear(4)
    )


class LazyBranch(nn.Module):
    """A lazy layer through which nothing goes in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.auxiliary = nn.LazyLinear(2), nn.LazyLinear(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x) + (self.auxiliary(x) if self.training else 0)
