"""Factories of small networks whose checkpoints are written in many ways; a number decides the values."""

import torch
from torch import nn
from torch.nn.utils import parametrizations
from torchvision.ops.misc import FrozenBatchNorm2d


def _seeded(network: nn.Module, seed: int) -> nn.Module:
    """Values of its own for each tensor, whatever the factory's seed; positive, as variances are."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in (*network.parameters(), *network.buffers()):
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=generator) + 0.1)
    return network


class Classifier(nn.Module):
    def __init__(self, seed: int = 0, classes: int = 4, width: int = 6) -> None:
        super().__init__()
        self.conv, self.bn, self.head = nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.Linear(width, classes)
        _seeded(self, seed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.bn(self.conv(x)).relu().mean((2, 3)))


class WithModule(nn.Module):
    """A network that has a child `module` of its own."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.module, self.head = nn.Conv2d(3, 6, 3), nn.Linear(6, 4)
        _seeded(self, seed)


class Wrapped(nn.Module):
    """A network that has nothing but another one."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.backbone = Classifier(seed)


class BackboneAndHead(nn.Module):
    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.backbone, self.last = Classifier(seed), nn.Linear(4, 2)


class Tied(nn.Module):
    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        _seeded(self, seed)


class Positions(nn.Module):
    def __init__(self, seed: int = 0, tokens: int = 197) -> None:
        super().__init__()
        self.pos_embed, self.head = nn.Parameter(torch.zeros(1, tokens, 2)), nn.Linear(2, 2)
        _seeded(self, seed)


class Complex(nn.Module):
    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.head = nn.Linear(2, 2)
        self.register_buffer("phase", torch.exp(1j * torch.arange(3.0) * (seed + 1)))
        _seeded(self, seed)


def parallel(seed: int = 0) -> nn.Module:
    return nn.DataParallel(Classifier(seed))


def compiled(seed: int = 0) -> nn.Module:
    return torch.compile(Classifier(seed))


def compiled_child(seed: int = 0) -> nn.Module:
    network = Wrapped(seed)
    network.backbone = torch.compile(network.backbone)
    return network


def frozen(seed: int = 0) -> nn.Module:
    return _seeded(nn.Sequential(nn.Conv2d(3, 6, 3), FrozenBatchNorm2d(6)), seed)


def batch_normalised(seed: int = 0) -> nn.Module:
    return _seeded(nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)), seed)


def weight_normalised(seed: int = 0) -> nn.Module:
    network = linear(seed)
    parametrizations.weight_norm(network[0])
    return network


def linear(seed: int = 0) -> nn.Module:
    return _seeded(nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)), seed)


class Lenient(Classifier):
    """Passes over what a checkpoint lacks."""

    def load_state_dict(self, state_dict: dict[str, torch.Tensor], *_: object, **__: object) -> object:
        return super().load_state_dict(state_dict, strict=False)
