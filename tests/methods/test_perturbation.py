"""The methods that run the network on changed inputs or features, beside pytorch-grad-cam and captum."""

import captum.attr
import numpy as np
import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from saliency.methods import rise
from saliency.methods.passes.explainer import Explainer
from saliency.methods.passes.layout import Layout
from saliency.methods.registered import method
from tests.helpers.networks import torchvision_model
from tests.helpers.token_networks import TokenNetwork

FAMILY = ["scorecam", "ablationcam", "occlusion", "rise"]
FEW = {"rise": {"masks": 5}, "occlusion": {"window": 0.5, "stride": 0.25}}


def network(ndim, classes=5):
    torch.manual_seed(0)
    convolution, pool = [(nn.Conv2d, nn.AdaptiveAvgPool2d), (nn.Conv3d, nn.AdaptiveAvgPool3d)][ndim - 2]
    body = nn.Sequential(convolution(3, 8, 3, stride=2, padding=1), nn.ReLU(), convolution(8, 6, 3), nn.ReLU())
    return nn.Sequential(body, pool(2), nn.Flatten(), nn.Linear(6 * 2**ndim, classes)).eval()


def found_maps(model, x, classes, layer, names, settings=None, layout=None):
    kinds = [method(name) for name in names]
    explainer = Explainer(model, kinds, layer, mode=f"{x.ndim - 2}D", settings=settings, layout=layout)
    with explainer.forward_pass(x) as forward:
        return forward.maps(torch.tensor(classes))


def relative_error(actual, expected):
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def peer_weights(kind, model, layer, x, classes):
    peer = kind(model, [model.get_submodule(layer)])
    targets = [ClassifierOutputTarget(index) for index in classes]
    with torch.no_grad():
        features = peer.activations_and_grads(x) is not None and peer.activations_and_grads.activations[0]
    peer.activations_and_grads.release()
    found = peer.get_cam_weights(x, model.get_submodule(layer), targets, features.numpy(), None)
    return torch.from_numpy(np.asarray(found)), features


class DoubleForSingle:
    """NumPy, with double precision where single is asked for."""

    float32 = np.float64

    def __getattr__(self, name):
        return getattr(np, name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["scorecam", "ablationcam"])
@pytest.mark.parametrize(
    ("build", "layer"),
    [
        (lambda: network(2), "0"),
        (lambda: torchvision_model("squeezenet1_1"), "features.3"),
        (lambda: torchvision_model("resnet18", num_classes=10), "layer1"),
    ],
    ids=["small", "squeezenet", "resnet18"],
)
def test_equal_pytorch_grad_cam(name, build, layer, monkeypatch):
    # It upsamples with the corners of both grids on each other, and we do not.
    monkeypatch.setattr(nn, "UpsamplingBilinear2d", lambda size: nn.Upsample(size, mode="bilinear"))
    # It rounds scores to single precision before it subtracts them, where they are nearly equal.
    monkeypatch.setattr(pytorch_grad_cam.ablation_cam, "np", DoubleForSingle())
    kind = {"scorecam": pytorch_grad_cam.ScoreCAM, "ablationcam": pytorch_grad_cam.AblationCAM}[name]
    model, x = build().double(), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    classes = model(x).argmax(1).tolist()
    weights, features = peer_weights(kind, model, layer, x, classes)
    if name == "ablationcam":
        # It divides by a negative score, and so turns the map round; and where no rectifier made the lowest value 0,
        # it replaces a channel by that less ten million.
        assert (model(x)[range(2), classes] > 0).all()
        assert features.min() == 0
    expected = torch.einsum("nk,nkyx->nyx", weights.double(), features).relu()
    assert expected.any()
    assert relative_error(found_maps(model, x, classes, layer, [name])[name], expected) < 1e-5


def test_scorecam_of_volumes_is_its_formula():
    model, x, classes = network(3).double(), torch.randn(2, 3, 12, 16, 14, dtype=torch.float64), [1, 4]
    features = model[0](x).detach()
    scores = []
    for channel in features.unbind(1):
        enlarged = nn.functional.interpolate(channel[:, None], x.shape[2:], mode="trilinear")
        low, high = enlarged.amin((2, 3, 4), keepdim=True), enlarged.amax((2, 3, 4), keepdim=True)
        scores.append(model(x * (enlarged - low) / (high - low))[range(2), classes])
    expected = torch.einsum("nk,nkzyx->nzyx", torch.stack(scores, 1).softmax(1), features).relu().detach()
    assert relative_error(found_maps(model, x, classes, "0", ["scorecam"])["scorecam"], expected) < 1e-9


@pytest.mark.parametrize("ndim", [2, 3])
def test_ablation_of_a_linear_head_is_its_weight_times_what_was_there(ndim):
    torch.manual_seed(0)
    convolution = (nn.Conv2d, nn.Conv3d)[ndim - 2]
    model = nn.Sequential(convolution(3, 6, 3), nn.Flatten(2), Mean(), nn.Linear(6, 5)).double()
    x = torch.randn(2, 3, 8, *[9] * (ndim - 1), dtype=torch.float64)
    features = model[0](x).detach()
    falls = model[3].weight[[1, 4]].detach() * features.flatten(2).mean(2) / model(x)[range(2), [1, 4]].abs()[:, None]
    expected = torch.einsum("nk,nk...->n...", falls.detach(), features).relu()
    torch.testing.assert_close(found_maps(model, x, [1, 4], "0", ["ablationcam"])["ablationcam"], expected)


class Mean(nn.Module):
    def forward(self, x):
        return x.mean(2)


def test_features_of_tokens_are_replaced_where_they_lie():
    torch.manual_seed(0)
    model, x = TokenNetwork((3, 16, 16), (8, 8)).eval(), torch.randn(2, 3, 16, 16)
    explainer = Explainer(model, [method("ablationcam")], "blocks.1", mode="2D", layout=Layout("tokens", (2, 2), 1))
    with explainer.forward_pass(x) as forward:
        (given,) = forward._read(torch.tensor([0, 1]), False)
        # Without a graph, attention runs in other operations.
        torch.testing.assert_close(given.score_with(given.features), forward.scores[range(2), [0, 1]])
        moved = given.score_with(given.features + 1)
    handle = model.blocks[1].register_forward_hook(
        lambda _, __, output: torch.cat([output[:, :1], output[:, 1:] + 1], 1)
    )
    torch.testing.assert_close(moved, model(x)[range(2), [0, 1]].detach())
    handle.remove()


@pytest.mark.parametrize(
    ("build", "sides"),
    [
        (lambda: network(2), (20, 24)),
        (lambda: network(3), (20, 24, 24)),
        (lambda: torchvision_model("alexnet"), (80, 96)),
        (lambda: torchvision_model("mobilenet_v3_small"), (80, 96)),
    ],
    ids=["2d", "3d", "alexnet", "mobilenet"],
)
def test_occlusion_equals_captum(build, sides):
    model, x = build(), torch.randn(2, 3, *sides)
    window, strides = ((3, *(round(share * side) for side in sides)) for share in (0.4, 0.2))
    expected = captum.attr.Occlusion(model).attribute(x, window, strides, target=torch.tensor([1, 3]))[:, 0]
    settings = {"occlusion": {"window": 0.4, "stride": 0.2}}
    found = found_maps(model, x, [1, 3], None, ["occlusion"], settings)["occlusion"]
    assert relative_error(found, expected.detach()) < 1e-5


@pytest.mark.parametrize("ndim", [2, 3])
def test_rise_is_the_weighed_sum_of_its_masks(ndim):
    model, x = network(ndim).double(), torch.randn(2, 3, 15, *[20] * (ndim - 1), dtype=torch.float64)
    settings = {"masks": 30, "cells": 3, "visible": 0.4, "seed": 2}
    masks = torch.stack(list(rise._masks(tuple(x.shape[2:]), settings))).double()
    assert masks.shape[1:] == x.shape[2:]
    assert abs(masks.mean() - 0.4) < 0.1
    assert (masks.min(), masks.max()) == (0, pytest.approx(1))
    scores = torch.stack([model(x * mask)[range(2), [1, 3]] for mask in masks]).detach()
    expected = torch.einsum("jn,j...->n...", scores - scores.mean(0), masks) / (30 * 0.4)
    torch.testing.assert_close(found_maps(model, x, [1, 3], None, ["rise"], {"rise": settings})["rise"], expected)


@pytest.mark.parametrize("ndim", [2, 3])
def test_batch_is_its_samples_and_the_model_stays(ndim):
    model = network(ndim).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = torch.randn(3, 3, 14, *[16] * (ndim - 1))
    found = found_maps(model, x, [0, 4, 2], "0", FAMILY, FEW)
    for row, index in enumerate([0, 4, 2]):
        single = found_maps(model, x[row : row + 1], [index], "0", FAMILY, FEW)
        for name in FAMILY:
            assert relative_error(found[name][row : row + 1], single[name]) < 1e-4, name
    for name in FAMILY:
        assert torch.equal(found_maps(model, x, [0, 4, 2], "0", [name], FEW)[name], found[name]), name
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_fewer_channels_are_those_that_vary_most():
    model, x = network(2), torch.randn(2, 3, 16, 20)
    with torch.no_grad():
        spread = model[0](x).flatten(2).var(2)
    every = found_maps(model, x, [0, 4], "0", FAMILY[:2], dict.fromkeys(FAMILY[:2], {"channels": 100}))  # noqa: RUF024
    plain = found_maps(model, x, [0, 4], "0", FAMILY[:2])
    single = found_maps(model, x, [0, 4], "0", ["scorecam"], {"scorecam": {"channels": 1}})["scorecam"]
    for name in FAMILY[:2]:
        assert torch.equal(every[name], plain[name])
    torch.testing.assert_close(single, model[0](x)[range(2), spread.argmax(1)].detach())
