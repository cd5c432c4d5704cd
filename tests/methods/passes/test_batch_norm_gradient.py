import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from saliency import GradCAM, GuidedBackprop
from saliency.methods.passes.batch_norm_gradient import correct_batch_norm
from saliency.methods.passes.graph import recorded_nodes


def in_memory_as(values, order):
    """The same values with their axes in another order in memory, the outermost first."""
    return values.permute(order).contiguous().permute([order.index(axis) for axis in range(values.ndim)])


def statistics():
    torch.manual_seed(0)
    return torch.randn(3).double(), torch.rand(3).double(), torch.randn(3).double(), torch.randn(3).double()


def batch_norm(x):
    return functional.batch_norm(x, *statistics())


def of_the_batch(x):
    return functional.batch_norm(x, None, None, *statistics()[2:], training=True)


def instance_norm(x):
    return functional.instance_norm(x, None, None, *statistics()[2:])


@pytest.mark.parametrize("norm", [batch_norm, of_the_batch, instance_norm])
@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (2, 3, 4, 5), (2, 3, 1, 5), (1, 3, 2, 2, 3)])
def test_gradient_in_every_order_of_memory_is_the_difference_quotient(norm, shape):
    x, weights, direction = torch.randn(3, *shape, dtype=torch.float64)
    step = 1e-6
    rise = (weights * (norm(x + step * direction) - norm(x - step * direction))).sum() / (2 * step)
    # Channels first or last, and the batch, of which one may have any stride, anywhere between.
    axes = range(1, len(shape))
    orders = [
        (*layout[:place], 0, *layout[place:]) for layout in (tuple(axes), (*axes[1:], 1)) for place in range(len(shape))
    ]
    for before, behind in itertools.product(orders, orders):
        leaf = in_memory_as(x, before).requires_grad_()
        output = norm(leaf)
        correct_batch_norm(recorded_nodes(output))
        (gradient,) = torch.autograd.grad(output, leaf, in_memory_as(weights, behind))
        torch.testing.assert_close((gradient * direction).sum(), rise, rtol=1e-5, atol=1e-7)


def test_torch_has_the_mistake_still():
    """When this fails, torch is right, and `correct_batch_norm` can go."""
    x = torch.randn(1, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    tokens = batch_norm(x).flatten(2).transpose(1, 2)
    (found,) = torch.autograd.grad(tokens, x, weights := torch.randn(1, 20, 3, dtype=torch.float64))
    _, variance, scale, _ = statistics()
    expected = weights.transpose(1, 2).reshape(x.shape) * (scale / (variance + 1e-5).sqrt()).view(3, 1, 1)
    assert (found - expected).abs().max() > 0.1


class Tokens(nn.Module):
    """Flattens a normalised feature map into tokens, as LeViT does behind its stem."""

    def __init__(self, norm):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.act, self.second, self.norm = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), norm
        self.tokens, self.mix, self.head = nn.LayerNorm(6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        x = self.norm(self.second(self.act(self.conv(x))))
        return self.head(self.mix(self.tokens(x.flatten(2).transpose(1, 2))).relu().mean(1))


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, nn.InstanceNorm2d])
def test_a_picture_alone_is_explained_as_in_a_batch(norm):
    model = Tokens(norm(6, affine=True)).double()
    with torch.no_grad():
        model.norm.weight.normal_()
        model(torch.randn(8, 3, 12, 12, dtype=torch.float64))
    x = torch.randn(2, 3, 12, 12, dtype=torch.float64)
    for method in (GradCAM(model, "act"), GuidedBackprop(model)):
        torch.testing.assert_close(method(x[:1], 1)[1], method(x, 1)[1][:1])
