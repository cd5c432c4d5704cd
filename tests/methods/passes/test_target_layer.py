import pytest
import torch
from torch import nn

from saliency import GradCAM, NeuralNetwork
from saliency.methods.passes.target_layer import spatial_ndim
from tests.helpers.networks import SkipFromReluInput, efficientnet_lite0, torchvision_model

# What a practitioner would name: the last block or layer before global pooling.
TARGET_LAYERS = {
    "resnet18": ("layer4.1", (3, 224, 224)),
    "resnet50": ("layer4.2", (3, 224, 224)),
    "vgg16": ("features.30", (3, 224, 224)),
    "densenet121": ("features.norm5", (3, 224, 224)),
    "mobilenet_v2": ("features.18", (3, 224, 224)),
    "googlenet": ("inception5b", (3, 224, 224)),
    "inception_v3": ("Mixed_7c", (3, 299, 299)),
    "convnext_tiny": ("features.7.2", (3, 224, 224)),
    "efficientnet_b0": ("features.8", (3, 224, 224)),
    "r3d_18": ("layer4.1", (3, 16, 112, 112)),
    "efficientnet_lite0": ("_bn1", (3, 224, 224)),
    "squeezenet1_1": ("classifier.2", (3, 224, 224)),
    "shufflenet_v2_x1_0": ("conv5.2", (3, 224, 224)),
    "mobilenet_v3_small": ("features.12", (3, 224, 224)),
    "mnasnet1_0": ("layers.16", (3, 224, 224)),
    "regnet_y_400mf": ("trunk_output.block4", (3, 224, 224)),
}
# Passes of these take seconds.
LARGE = ("vgg16", "inception_v3", "convnext_tiny", "r3d_18")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in TARGET_LAYERS]
)
def test_default_target_layer(name):
    layer, shape = TARGET_LAYERS[name]
    model = efficientnet_lite0() if name == "efficientnet_lite0" else torchvision_model(name)
    assert list(GradCAM(model).target_layers(torch.rand(1, *shape))) == [layer]


def test_training_mode_and_wrapping_do_not_matter():
    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = torchvision_model("resnet18").train()

        def forward(self, x):
            return self.network((x - 0.5) / 0.2)

    assert list(GradCAM(Wrapper()).target_layers(torch.rand(2, 3, 64, 64))) == ["network.layer4.1"]


def test_two_sections():
    network, x = NeuralNetwork([1, 50, 50]), torch.rand(2, 1, 50, 50)
    assert list(GradCAM(network).target_layers(x)) == ["ConvBlock.5"]
    assert list(GradCAM(network, target_layer=2).target_layers(x)) == ["ConvBlock.2"]
    assert list(GradCAM(network, target_layer=-2).target_layers(x)) == ["ConvBlock.4"]
    assert GradCAM(network, target_layer=network.ConvBlock[0]).target_layers(x) == {"ConvBlock.0": network.ConvBlock[0]}
    model = torchvision_model("mobilenet_v2")
    named = GradCAM(model, target_layer=16, section_names=["features", "classifier"])
    assert list(named.target_layers(torch.rand(1, 3, 64, 64))) == ["features.16"]


def test_two_children_need_not_be_sections():
    backbone = torchvision_model("resnet18")
    model = nn.Sequential(nn.BatchNorm2d(3), backbone)
    assert GradCAM(model).sections is None
    assert list(GradCAM(model).target_layers(torch.rand(1, 3, 64, 64))) == ["1.layer4.1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target_layer": "layer5"}, "no module 'layer5'; its children are: first, second, head"),
        ({"target_layer": ""}, "no module ''"),
        ({"target_layer": 1}, "not divided into two sections: pass section_names"),
        ({"target_layer": nn.ReLU()}, "this ReLU is not a module of the model"),
        ({"section_names": ["first"]}, "pass two names"),
        ({"section_names": ["first", "last"]}, r"no module \['last'\]; its children are: first, second, head"),
        ({"mode": "3D"}, "first convolution is a Conv2d: pass mode='2D'"),
        ({"mode": "4D"}, "mode is '4D'"),
        ({"section_names": ["second", "head"], "target_layer": 9}, "outside section 'second', which has 1 layers"),
    ],
)
def test_wrong_arguments_say_what_to_pass(arguments, message):
    with pytest.raises(ValueError, match=message):
        GradCAM(SkipFromReluInput(), **arguments)(torch.rand(1, 3, 8, 8))


def test_models_that_no_mode_fits():
    with pytest.raises(ValueError, match="no convolution module: pass mode"):
        GradCAM(nn.Linear(3, 3))
    with pytest.raises(ValueError, match="Conv1d: only 2D and 3D"):
        GradCAM(nn.Conv1d(3, 3, 3))


class AttentionFirst(nn.Module):
    """Its first convolution is that of a channel attention, along one axis; the others are functions."""

    def __init__(self):
        super().__init__()
        self.attention, self.act, self.head = nn.Conv1d(1, 1, 3, padding=1), nn.ReLU(), nn.Linear(4, 2)
        self.weight = nn.Parameter(torch.randn(4, 3, 3, 3))

    def forward(self, x):
        x = x * self.attention(x.mean((2, 3)).unsqueeze(1)).transpose(1, 2).unsqueeze(-1).sigmoid()
        return self.head(self.act(nn.functional.conv2d(x, self.weight)).mean((2, 3)))


def test_convolutions_along_one_axis_do_not_decide():
    assert spatial_ndim(nn.Sequential(nn.Conv1d(3, 3, 3), nn.Conv3d(3, 3, 3))) == 3
    assert spatial_ndim(nn.Sequential(nn.Conv1d(3, 3, 3), nn.Conv2d(3, 3, 3)), "2D") == 2
    with pytest.raises(ValueError, match="pass mode='2D' or mode='3D'"):
        spatial_ndim(AttentionFirst())
    model, x = AttentionFirst(), torch.randn(2, 3, 8, 8)
    assert GradCAM(model, "act", mode="2D")(x, 1)[1].shape == (2, 1, 8, 8)


def test_features_of_slices_are_refused_for_volumes():
    with pytest.raises(ValueError, match=r"input.mode: 2D\); networks that work on the slices of a volume"):
        spatial_ndim(nn.Sequential(nn.Conv2d(1, 2, 3)), "3D")
    assert spatial_ndim(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv3d(2, 2, 3)), "3D") == 3


def test_no_feature_map_with_more_than_one_position():
    model = nn.Sequential(nn.Conv2d(1, 2, 8), nn.ReLU(), nn.Flatten())
    with pytest.raises(ValueError, match="no module of the model returns a feature map"):
        GradCAM(model)(torch.rand(1, 1, 8, 8))
