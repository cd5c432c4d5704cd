import copy

import numpy as np
import pytest
import torch
from torch import nn

from saliency import GradCAM, GuidedBackprop, GuidedGradCAM
from saliency.methods.passes.forward_pass import predict
from tests.helpers.networks import SkipFromReluInput

METHODS = [GradCAM, GuidedBackprop, GuidedGradCAM]


def built_in_inference_mode():
    with torch.inference_mode():
        return SkipFromReluInput()


@pytest.mark.parametrize("method", METHODS)
def test_network_of_inference_mode_is_refused_and_its_copy_is_not(method):
    model, x = built_in_inference_mode(), torch.randn(2, 3, 8, 8)
    with pytest.raises(ValueError, match=r"built under torch.inference_mode.* pass copy.deepcopy\(network\)"):
        method(model)
    assert torch.equal(method(copy.deepcopy(model))(x, 1)[1], method(SkipFromReluInput())(x, 1)[1])


def test_network_of_inference_mode_stays_as_it_was():
    model, x = built_in_inference_mode(), torch.randn(2, 3, 8, 8)
    assert torch.equal(predict(model, x), predict(SkipFromReluInput(), x))
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert model.training


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", [SkipFromReluInput, lambda x: x, "resnet18", {"weight": torch.zeros(1)}])
def test_what_is_no_module(method, model):
    with pytest.raises(TypeError, match=r"^model is a \w+: pass a torch.nn.Module$"):
        method(model)


@pytest.mark.parametrize("x", [np.zeros((2, 3, 8, 8), np.float32), (torch.zeros(1, 3, 8, 8), torch.zeros(1)), [0.0]])
def test_what_is_no_tensor(x):
    with pytest.raises(TypeError, match=r"^x is a (ndarray|tuple|list): pass a torch.Tensor"):
        GradCAM(SkipFromReluInput())(x)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_samples_that_are_not_finite(value):
    x = torch.zeros(3, 3, 8, 8)
    x[1, 2, 3, 4] = value
    with pytest.raises(ValueError, match=r"^x is not finite .* in samples \[1\]: leave them out"):
        GradCAM(SkipFromReluInput())(x)
    with pytest.raises(ValueError, match=r"in samples \[0\]"):
        GradCAM(SkipFromReluInput())(x[1])


def test_finite_samples_whose_sum_is_not():
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    x = torch.full((2, 3, 8, 8), 60000.0, dtype=torch.float16)
    assert not x.sum().isfinite()
    assert GradCAM(network.half(), "1")(x, 1)[1].shape == (2, 1, 8, 8)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
@pytest.mark.parametrize("method", METHODS)
def test_network_that_is_torchscript(method):
    model = torch.jit.trace(SkipFromReluInput().eval(), torch.rand(1, 3, 8, 8))
    message = f"{method.name} cannot be made, since TorchScript hides layers .* build the network from its Python class"
    with pytest.raises(ValueError, match=message):
        method(model, mode="2D")


class FrozenInside(SkipFromReluInput):
    def forward(self, x):
        with torch.no_grad():
            features = self.second(self.first(x))
        return self.head(features.mean((2, 3)))


class Detached(SkipFromReluInput):
    def forward(self, x):
        return self.head(self.second(self.first(x)).mean((2, 3)).detach())


@pytest.mark.parametrize("method", [lambda model: GradCAM(model, "second"), GuidedBackprop])
def test_gradient_that_the_network_cuts_off(method):
    x = torch.randn(2, 3, 8, 8)
    with pytest.raises(ValueError, match=r"forward runs 'first', 'second' without gradients \(torch.no_grad, inf"):
        method(FrozenInside())(x, 1)
    with pytest.raises(ValueError, match=r"the network's forward cuts it off \(detach"):
        method(Detached())(x, 1)


class WithoutGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return None


def test_gradient_that_is_undefined():
    class Network(SkipFromReluInput):
        def forward(self, x):
            return self.head(WithoutGradient.apply(self.second(self.first(x)).relu()).mean((2, 3)))

    x = torch.randn(2, 3, 8, 8)
    with (
        pytest.raises(ValueError, match="class score does not depend on the input"),
        pytest.warns(UserWarning, match="WithoutGradient is no ReLU"),
    ):
        GuidedBackprop(Network())(x, 1)
    with pytest.raises(ValueError, match="class score does not depend on target layer 'second'"):
        GradCAM(Network(), "second")(x, 1)
