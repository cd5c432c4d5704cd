"""Which layer is explained where none is named, how its output is laid out, and Grad-CAM on it."""

import numpy as np
import pytest
import torch
from torch import nn

from saliency import GradCAM
from saliency.methods.passes.layout import CHANNELS_FIRST, CHANNELS_LAST, TOKENS, Layout
from tests.helpers.networks import torchvision_model
from tests.helpers.token_networks import Branching, ChannelsLast, Reordered, TokenNetwork, convolutions

FIRST, LAST = Layout(CHANNELS_FIRST), Layout(CHANNELS_LAST)


def tokens(*grid, prefix=0):
    return Layout(TOKENS, grid, prefix)


def pooled_backbone():
    """The last layer of the first section returns one position."""
    features = nn.Sequential(*convolutions(3, 8, 16), nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(features, nn.Sequential(nn.Flatten(), nn.Linear(16, 4)))


def children_and_head():
    return nn.Sequential(nn.Sequential(*torchvision_model("resnet18").children())[:-1], nn.Flatten(), nn.Linear(512, 4))


def identity_and_head():
    backbone = torchvision_model("resnet18")
    backbone.fc = nn.Identity()
    return nn.Sequential(backbone, nn.Linear(512, 4))


# Network, shape of the input, layer, layout.
NETWORKS = {
    "class token": (lambda: TokenNetwork((3, 32, 32), (4, 4)), (3, 32, 32), "blocks.2.norm1", tokens(8, 8, prefix=1)),
    "registers": (
        lambda: TokenNetwork((1, 36, 24), (6, 4), prefix=5),
        (1, 36, 24),
        "blocks.2.norm1",
        tokens(6, 6, prefix=5),
    ),
    "mean of tokens": (
        lambda: TokenNetwork((3, 24, 40), (4, 4), prefix=0, pooled=True),
        (3, 24, 40),
        "blocks.2",
        tokens(6, 10),
    ),
    "blocks that return tuples": (
        lambda: TokenNetwork((3, 24, 40), (4, 4), prefix=2, pooled=True, as_tuple=True),
        (3, 24, 40),
        "blocks.2",
        tokens(6, 10, prefix=2),
    ),
    "volumes": (
        lambda: TokenNetwork((1, 16, 24, 12), (4, 4, 4)),
        (1, 16, 24, 12),
        "blocks.2.norm1",
        tokens(4, 6, 3, prefix=1),
    ),
    "channels last": (ChannelsLast, (3, 32, 24), "act", LAST),
    "a backbone that ends in its pooling": (pooled_backbone, (3, 32, 24), "0.4", FIRST),
    "children of a network and a head": (children_and_head, (3, 96, 64), "0.7.1", FIRST),
    "an identity in place of the last layer": (identity_and_head, (3, 96, 64), "0.layer4.1", FIRST),
    "branches that a block joins": (lambda: Branching(True), (3, 32, 24), "branches", FIRST),
}


def plain_gradcam(model, x, layer, layout):
    """Grad-CAM of class 1, ``[n, *grid]``, by plain operations."""
    kept = []
    handle = model.get_submodule(layer).register_forward_hook(lambda _module, _args, output: kept.append(output))
    scores = model(x)
    handle.remove()
    output = kept[0][0] if isinstance(kept[0], tuple) else kept[0]
    (gradient,) = torch.autograd.grad(scores[:, 1].sum(), output)
    maps = []
    for values, slopes in zip(output.detach().numpy(), gradient.numpy(), strict=True):
        if layout.axes == TOKENS:
            values, slopes = (
                np.stack([one.reshape(layout.grid) for one in each[layout.prefix :].T]) for each in (values, slopes)
            )
        elif layout.axes == CHANNELS_LAST:
            values, slopes = (np.moveaxis(each, -1, 0) for each in (values, slopes))
        weights = [channel.mean() for channel in slopes]
        maps.append(np.maximum(sum(weight * channel for weight, channel in zip(weights, values, strict=True)), 0))
    return np.stack(maps)


@pytest.mark.parametrize("name", NETWORKS)
def test_layer_layout_and_map(name):
    build, shape, layer, layout = NETWORKS[name]
    torch.manual_seed(0)
    model, x = build().eval().double(), torch.randn(2, *shape, dtype=torch.float64)
    method = GradCAM(model)
    found = method.explainer.target_layers(x)[0]
    assert (found.name, found.layout) == (layer, layout)
    with method.forward_pass(x) as forward:
        (maps,) = forward.maps(torch.tensor([1, 1])).values()
    expected = plain_gradcam(model, x, layer, layout)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(maps.numpy(), expected, rtol=1e-9, atol=1e-12)


def test_branches_that_no_module_joins_are_said():
    with pytest.warns(UserWarning, match="layer 'branches.narrow' does not carry the whole score.*comes early"):
        GradCAM(Branching(False)).target_layers(torch.randn(1, 3, 32, 24))


def test_tokens_in_another_order_are_asked_for():
    torch.manual_seed(0)
    model, x = Reordered((3, 32, 32), (4, 4), prefix=0), torch.randn(1, 3, 32, 32)
    with pytest.raises(
        ValueError, match=r"layer 'norm' returns 64 tokens, and how they lie in an input of 32 x 32 can"
    ):
        GradCAM(model).target_layers(x)


def test_tokens_that_are_stated():
    torch.manual_seed(0)
    # A grid in no proportion to the input.
    model, x = TokenNetwork((3, 36, 24), (3, 12), prefix=1), torch.randn(1, 3, 36, 24)
    stated = GradCAM(model, tokens={"grid": [12, 2], "prefix": 1})
    assert stated.explainer.target_layers(x)[0].layout == tokens(12, 2, prefix=1)
    assert stated(x, 1)[1].shape == (1, 1, 36, 24)
    wrong = GradCAM(model, tokens={"grid": [4, 4], "prefix": 1})
    with pytest.raises(ValueError, match=r"returns 25 tokens.*set tokens: \{grid: \[h, w\], prefix"):
        wrong.target_layers(x)


class Windows(nn.Module):
    """Each half of a picture is a sample for the layer ``body``."""

    def __init__(self):
        super().__init__()
        self.first, self.body, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 4)

    def forward(self, x):
        halves = torch.cat(self.first(x).chunk(2, 3))
        left, right = self.body(halves).chunk(2)
        return self.head((left + right).relu().mean((2, 3)))


def test_a_layer_with_another_number_of_samples():
    x = torch.randn(1, 3, 16, 16)
    with pytest.raises(
        ValueError, match=r"layer 'body' returns \[4, 8, 16, 8\] for 2 samples: a map needs one row per"
    ):
        GradCAM(Windows(), "body").target_layers(x)
    assert list(GradCAM(Windows()).target_layers(x)) == ["first"]


def test_a_network_whose_head_is_zero():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    nn.init.zeros_(model[-1].weight)
    with pytest.raises(ValueError, match=r"the same scores for different inputs.*last layer is zero"):
        GradCAM(model).target_layers(torch.randn(1, 3, 8, 8))


class Segmenter(nn.Module):
    """The bottom of its U has a block that is wider inside; a side branch and the decoder are as small."""

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.bottom = Inverted(8)
        self.side = nn.Sequential(nn.Conv2d(8, 2, 1), nn.ReLU())
        self.decode_head = nn.ModuleDict({"project": nn.Conv2d(8, 8, 1)})
        self.up, self.last = nn.Upsample(scale_factor=2), nn.Conv2d(11, 2, 1)

    def forward(self, x):
        y = self.bottom(self.down(x))
        side = self.side(y)
        y = self.decode_head["project"](y) + side.mean(1, keepdim=True)
        return self.last(torch.cat([self.up(y), x], 1))


class Inverted(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.wide, self.act = nn.Conv2d(channels, 4 * channels, 3, padding=1), nn.ReLU()
        self.thin = nn.Conv2d(4 * channels, channels, 1)

    def forward(self, x):
        return x + self.thin(self.act(self.wide(x)))


def test_the_end_of_the_encoder_of_a_segmentation_network():
    torch.manual_seed(0)
    assert list(GradCAM(Segmenter()).target_layers(torch.randn(1, 3, 32, 32))) == ["bottom"]
