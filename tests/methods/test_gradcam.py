import warnings

import captum.attr
import pytest
import torch
from torch import nn

from saliency import GradCAM, GuidedGradCAM
from tests.helpers.networks import VGG16, BasicModelConvNetOneConv, SkipFromReluInput, guided_oracle, torchvision_model

LAYERS = {"resnet18": "layer4.1", "resnet50": "layer4.2", "vgg16": "features.30", "mobilenet_v2": "features.18"}
NETWORKS = ["resnet18", "resnet50", VGG16, "mobilenet_v2"]


def relative_error(actual, expected):
    return ((actual - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("target", [None, [3, 700]])
def test_gradcam_equals_captum(name, target):
    model, layer = torchvision_model(name), LAYERS[name]
    x = torch.randn(2, 3, 96, 96)
    classes = torch.tensor(target) if target else model(x).argmax(1)
    reference = captum.attr.LayerGradCam(model, model.get_submodule(layer))
    native = reference.attribute(x, classes, relu_attributions=True).detach()
    expected = captum.attr.LayerAttribution.interpolate(native, (96, 96), "bilinear")
    output, cam = GradCAM(model)(x, target)
    assert cam.shape == (2, 1, 96, 96)
    assert relative_error(cam, expected) < 1e-5
    assert torch.equal(output, model(x))
    method = GradCAM(model, target_layer=layer)
    with method.forward_pass(x) as forward:
        assert relative_error(forward.maps(classes)["gradcam"], native[:, 0]) < 1e-5


def captum_guided_gradcam(model, layer, x, classes):
    # captum's module hooks cannot follow an in-place ReLU that runs twice in a block.
    for module in model.modules():
        if isinstance(module, nn.ReLU | nn.ReLU6):
            module.inplace = False
    with warnings.catch_warnings(action="ignore"):
        method = captum.attr.GuidedGradCam(model, model.get_submodule(layer))
        return method.attribute(x, classes, interpolate_mode="bilinear").detach()


@pytest.mark.parametrize("name", NETWORKS)
def test_guided_gradcam_equals_captum_bilinear(name):
    model, layer = torchvision_model(name), LAYERS[name]
    for parent in list(model.modules()):
        for child, module in parent.named_children():
            if isinstance(module, nn.ReLU6):
                setattr(parent, child, nn.ReLU())
    x, classes = torch.randn(2, 3, 96, 96), torch.tensor([3, 700])
    expected = captum_guided_gradcam(model, layer, x, classes)
    assert relative_error(GuidedGradCAM(model)(x, classes)[1], expected) < 1e-5


def test_captum_does_not_guide_relu6(monkeypatch):
    """On mobilenet_v2 as it is, captum returns the plain gradient times Grad-CAM; ours is the guided one."""
    model, x, classes = torchvision_model("mobilenet_v2"), torch.randn(2, 3, 96, 96), torch.tensor([3, 700])
    _, cam = GradCAM(model)(x, classes)
    leaf = x.clone().requires_grad_()
    (plain,) = torch.autograd.grad(model(leaf)[torch.arange(2), classes].sum(), leaf)
    assert relative_error(captum_guided_gradcam(model, "features.18", x, classes), plain * cam) < 1e-5
    guided = guided_oracle(monkeypatch, model, x, classes)
    assert relative_error(GuidedGradCAM(model)(x, classes)[1], guided * cam) < 1e-5
    assert relative_error(plain, guided) > 0.5


@pytest.mark.parametrize(
    ("layer", "expected"),
    [("conv1", [[11.25, 13.5], [20.25, 22.5]]), ("relu1", [[0, 4], [28, 32.5]])],
)
def test_hand_computed(layer, expected):
    x = torch.arange(16.0).view(1, 1, 4, 4)
    with GradCAM(BasicModelConvNetOneConv(), target_layer=layer).forward_pass(x) as forward:
        cam = forward.maps(torch.tensor([0]))["gradcam"]
    assert torch.equal(cam[0], torch.tensor(expected))


def test_inplace_relu_right_after_the_target_layer():
    def network(inplace):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace), nn.Flatten(), nn.Linear(144, 3))

    x = torch.randn(2, 1, 8, 8)
    for method in (GradCAM, GuidedGradCAM):
        _, plain = method(network(False), target_layer="0")(x, 1)
        _, inplace = method(network(True), target_layer="0")(x, 1)
        assert torch.equal(plain, inplace)
        assert plain.abs().max() > 0


def test_reused_layer_counts_by_its_last_run():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.head = nn.Conv2d(3, 3, 3, padding=1), nn.Linear(3, 2)

        def forward(self, x):
            return self.head(self.conv(self.conv(x)).mean((2, 3)))

    model, x = Twice(), torch.randn(2, 3, 6, 6)
    features = model.conv(model.conv(x)).detach()
    weights = model.head.weight[1] / 36
    expected = (weights.view(1, 3, 1, 1) * features).sum(1).clamp(min=0)
    with GradCAM(model, target_layer="conv").forward_pass(x) as forward:
        cam = forward.maps(torch.tensor([1, 1]))["gradcam"]
    torch.testing.assert_close(cam, expected)


def test_zero_map_is_not_hidden():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2))
    nn.init.constant_(model[3].weight, -1.0)
    with pytest.warns(UserWarning, match="zero everywhere for 3 of 3 samples: nothing in target layer '0' speaks"):
        _, cam = GradCAM(model, target_layer="0")(torch.rand(3, 1, 8, 8) * 0, 0)
    assert (cam == 0).all()


def test_float64():
    model = SkipFromReluInput().double()
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    native = captum.attr.LayerGradCam(model, model.second).attribute(x, 1, relu_attributions=True)
    expected = captum.attr.LayerAttribution.interpolate(native, (8, 8), "bilinear")
    _, cam = GradCAM(model, target_layer="second")(x, 1)
    assert cam.dtype == torch.float64
    assert relative_error(cam, expected) < 1e-13


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("head", r"layer 'head' returns \[2, 5\], which is no feature map of an input"),
        ("unused", "target layer 'unused' did not run"),
        ("aside", "does not depend on target layer 'aside'"),
    ],
)
def test_unusable_target_layer(layer, message):
    class Network(SkipFromReluInput):
        def __init__(self):
            super().__init__()
            self.unused = nn.Conv2d(3, 3, 1)
            self.aside = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            self.aside(x)
            return super().forward(x)

    with pytest.raises(ValueError, match=message):
        GradCAM(Network(), target_layer=layer)(torch.randn(2, 3, 8, 8), 1)
