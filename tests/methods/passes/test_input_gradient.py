import pytest
import torch
from torch import nn

from saliency.methods.passes.input_gradient import FastInputGradient
from saliency.networks.memory_format import arrange_channels_last


def gradients(layer, x):
    """Of a weighted sum of the layer's output: by autograd alone, and with the faster backward pass."""
    x.requires_grad_()
    weights = torch.randn_like(layer(x))
    (expected,) = torch.autograd.grad((layer(x) * weights).sum(), x)
    with FastInputGradient():
        output = layer(x)
    assert torch.equal(output, layer(x))
    return torch.autograd.grad((output * weights).sum(), x)[0], expected, output.grad_fn.name()


@pytest.mark.parametrize("size", [(9, 12), (16, 11), (7, 7)])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(7, 2, 3), (3, 2, 1), (4, 4, 0), (5, 3, 2), (2, 3, 0), (1, 2, 0), ((3, 5), (1, 2), (0, 2)), (3, (2, 1), 5)],
)
def test_strided_convolution(kernel, stride, padding, size):
    layer = nn.Conv2d(3, 6, kernel, stride, padding).double().requires_grad_(False)
    found, expected, name = gradients(layer, torch.randn(2, 3, *size, dtype=torch.float64))
    torch.testing.assert_close(found, expected)
    assert "StridedConvolution" in name


def test_strided_convolution_of_volumes():
    layer = nn.Conv3d(1, 5, (3, 7, 7), (1, 2, 2), (1, 3, 3)).double().requires_grad_(False)
    found, expected, name = gradients(layer, torch.randn(2, 1, 6, 14, 15, dtype=torch.float64))
    torch.testing.assert_close(found, expected)
    assert "StridedConvolution" in name


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("size", [(5, 4), (3, 4, 5)])
def test_frozen_batch_norm(affine, size):
    layer = (nn.BatchNorm2d if len(size) == 2 else nn.BatchNorm3d)(4, affine=affine).double()
    layer(torch.randn(3, 4, *size, dtype=torch.float64))
    for parameter in layer.parameters():
        parameter.data.normal_()
    layer.eval().requires_grad_(False)
    found, expected, name = gradients(layer, torch.randn(2, 4, *size, dtype=torch.float64))
    torch.testing.assert_close(found, expected)
    assert "FrozenBatchNorm" in name


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 3, 2, groups=2),
        nn.Conv2d(4, 4, 3, 2, dilation=2),
        nn.Conv2d(4, 4, 3),
        nn.BatchNorm2d(4, track_running_stats=False),
    ],
)
def test_others_stay_as_they_are(layer):
    found, expected, name = gradients(layer.double().requires_grad_(False), torch.randn(2, 4, 9, 9).double())
    assert torch.equal(found, expected)
    assert "Strided" not in name
    assert "Frozen" not in name


class Flattening(nn.Module):
    """Flattens a feature map by ``view``, which channels last forbid."""

    def __init__(self):
        super().__init__()
        self.convolution, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8 * 36, 2)

    def forward(self, x):
        return self.head(self.convolution(x).view(len(x), -1))


def test_network_that_needs_channels_first_keeps_them():
    x = torch.randn(2, 3, 8, 8)
    network = Flattening()
    expected = network(x)
    assert torch.equal(arrange_channels_last(network, x[:1])(x), expected)


@pytest.mark.parametrize(("layer", "size"), [(nn.Conv2d, (8, 8)), (nn.Conv3d, (4, 8, 8))])
def test_channels_last(layer, size):
    network = nn.Sequential(layer(3, 8, 3), nn.ReLU(), nn.Flatten())
    x = torch.randn(2, 3, *size)
    expected = network(x)
    torch.testing.assert_close(arrange_channels_last(network, x[:1])(x), expected)
    last = torch.channels_last if len(size) == 2 else torch.channels_last_3d
    assert network[0](x).is_contiguous(memory_format=last)
