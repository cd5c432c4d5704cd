import numpy as np
import pytest
import torch
from torch import nn

from saliency.networks.precision import in_precision


class Spectrum(nn.Module):
    """A weighted sum of the rotated spectrum's real parts, with a complex buffer and a complex parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.randn(3, dtype=torch.complex64))
        self.head = nn.Linear(16, 3)
        self.register_buffer("phase", torch.exp(1j * torch.linspace(0, 3, 16)))
        self.register_buffer("order", torch.arange(16).flip(0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rotated = torch.fft.fft(x) * self.phase
        return self.head(rotated.real[:, self.order]) + self.scale.imag


@pytest.mark.parametrize(
    ("dtype", "partner", "limit"), [(torch.float32, torch.complex64, 1e-4), (torch.float64, torch.complex128, 1e-5)]
)
def test_complex_values_stay_complex(dtype, partner, limit):
    network = Spectrum()
    x = np.random.default_rng(0).normal(size=(4, 16))
    weight, bias = (value.detach().numpy().astype(float) for value in (network.head.weight, network.head.bias))
    spectrum = np.fft.fft(x) * np.exp(1j * np.linspace(0, 3, 16))
    wanted = spectrum.real[:, ::-1] @ weight.T + bias + network.scale.detach().numpy().imag
    moved = in_precision(network, "cpu", dtype)
    assert (moved.phase.dtype, moved.scale.dtype, moved.head.weight.dtype) == (partner, partner, dtype)
    assert moved.order.dtype == torch.int64
    assert np.abs(moved(torch.from_numpy(x).to(dtype)).detach().numpy() - wanted).max() < limit


def test_networks_without_complex_values_are_moved_as_torch_does():
    network, plain = nn.BatchNorm2d(3), nn.BatchNorm2d(3).double()
    moved = in_precision(network, "cpu", torch.float64)
    assert moved is network
    assert {name: value.dtype for name, value in moved.state_dict().items()} == {
        name: value.dtype for name, value in plain.state_dict().items()
    }
