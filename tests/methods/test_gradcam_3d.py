"""The methods on volumes, against captum's, and against the guided rule written down directly."""

import copy
import warnings
from copy import deepcopy

import captum.attr
import pytest
import torch
from torch import nn
from torch.nn import functional

from saliency import GradCAM, GuidedBackprop, GuidedGradCAM
from tests.helpers.networks import guided_oracle, torchvision_model


class Plain(nn.Module):
    """Convolutions with a ReLU each; the axes of its input are of different lengths, and stay so."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.relu = nn.Conv3d(2, 6, 3, stride=2), nn.ReLU(inplace=True)
        self.second, self.last_relu = nn.Conv3d(6, 8, 3), nn.ReLU(inplace=True)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = self.last_relu(self.second(self.relu(self.first(x))))
        return self.head(x.mean((2, 3, 4)))


def monai_densenet():
    """MONAI's network, random weights."""
    networks = pytest.importorskip("monai.networks.nets")
    torch.manual_seed(0)
    return networks.DenseNet121(spatial_dims=3, in_channels=1, out_channels=5).eval()


CASES = {
    "r3d_18": (lambda: torchvision_model("r3d_18"), "layer4.1", (3, 16, 48, 32)),
    "monai_densenet121": (monai_densenet, "features.norm5", (1, 32, 64, 96)),
    "plain": (Plain, "last_relu", (2, 19, 17, 13)),
}


@pytest.fixture(
    scope="module",
    params=[*(pytest.param(name, marks=pytest.mark.slow) for name in ("r3d_18", "monai_densenet121")), "plain"],
)
def case(request):
    """Network, name of its target layer, a batch of two, and a class that differs between the two."""
    build, layer, shape = CASES[request.param]
    model = build()
    # captum's hooks cannot follow a ReLU that overwrites its input.
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return model, layer, torch.randn(2, *shape), torch.tensor([3, 1])


def relative_error(actual, expected):
    assert expected.abs().max() > 0
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def test_gradcam_equals_captum(case):
    model, layer, x, classes = case
    native = captum.attr.LayerGradCam(model, model.get_submodule(layer)).attribute(x, classes, relu_attributions=True)
    native = native.detach()
    assert min(native.shape[2:]) < max(native.shape[2:])
    expected = captum.attr.LayerAttribution.interpolate(native, x.shape[2:], "trilinear")
    output, cam = GradCAM(model)(x, classes)
    assert cam.dtype == torch.float32
    assert cam.shape == (2, 1, *x.shape[2:])
    assert relative_error(cam, expected) < 1e-5
    assert torch.equal(output, model(x))
    method = GradCAM(model, target_layer=layer)
    with method.forward_pass(x) as forward:
        assert relative_error(forward.maps(classes)["gradcam"], native[:, 0]) < 1e-5


def test_guided_gradcam_equals_captum_trilinear(case):
    model, layer, x, classes = case
    with warnings.catch_warnings(action="ignore"):  # captum announces its hooks
        method = captum.attr.GuidedGradCam(model, model.get_submodule(layer))
        expected = method.attribute(x, classes, interpolate_mode="trilinear").detach()
    product = GuidedGradCAM(model)(x, classes)[1]
    assert product.shape == x.shape
    assert relative_error(product, expected) < 1e-5


def test_guided_backprop_equals_autograd_function(case, monkeypatch):
    model, _, x, classes = case
    model, x = copy.deepcopy(model).double(), x.double()
    expected = guided_oracle(monkeypatch, model, x, classes)
    assert expected.abs().max() > 0
    assert relative_error(GuidedBackprop(model)(x, classes)[1], expected) < 1e-12
    single = guided_oracle(monkeypatch, model, x[1:], classes[1:])
    assert relative_error(GuidedBackprop(model)(x[1], int(classes[1]))[1], single[0]) < 1e-12


@pytest.mark.parametrize("method", [GradCAM, GuidedBackprop, GuidedGradCAM])
def test_one_volume_gives_the_map_it_has_in_a_batch(case, method):
    model, _, x, classes = case
    # In float32 a batch rounds differently from one sample, which turns ReLUs near zero on and off.
    model, x = deepcopy(model).double(), x.double()
    output, maps = method(model)(x, classes)
    for number in range(2):
        one_output, one = method(model)(x[number], int(classes[number]))
        assert one_output.shape == output.shape[1:]
        assert one.shape == maps.shape[1:]
        assert relative_error(one, maps[number]) < 1e-8


def test_predicted_class_is_explained_by_default(case):
    model, _, x, _ = case
    predicted = model(x).argmax(1)
    assert torch.equal(GradCAM(model)(x)[1], GradCAM(model)(x, predicted)[1])


def test_hand_computed():
    """One channel, kernels of one voxel: the map is the weight times the ReLU of the volume."""
    model = nn.Sequential(nn.Conv3d(1, 1, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    model.append(nn.Linear(1, 2))
    with torch.no_grad():
        model[0].weight.fill_(2.0)
        model[4].weight.copy_(torch.tensor([[3.0], [-1.0]]))
    x = torch.arange(-4.0, 20).view(1, 1, 2, 3, 4)
    # The score is 3 / 24 times the sum of relu(2 x): its gradient at the ReLU's output is 1 / 8 everywhere.
    assert torch.equal(GradCAM(model, target_layer="1")(x, 0)[1], functional.relu(2 * x) / 8)
    assert torch.equal(GuidedBackprop(model)(x, 0)[1], (x > 0) * 0.25)
    assert torch.equal(GuidedGradCAM(model, target_layer="1")(x, 0)[1], functional.relu(2 * x) / 32)
    # All gradients of the other class are negative, and guidance stops them.
    assert torch.equal(GuidedBackprop(model)(x, 1)[1], torch.zeros_like(x))
