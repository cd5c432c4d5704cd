"""Finer-CAM beside pytorch-grad-cam."""

import pytest
import torch
from pytorch_grad_cam import FinerCAM
from torch import nn

from saliency.methods.passes.explainer import Explainer
from saliency.methods.passes.score_reader import ScoreReader
from saliency.methods.registered import method
from tests.methods.test_feature_maps import found_maps, on_four_networks, relative_error, small_network


def finer(model, x, explained, layer, **settings):
    explainer = Explainer(model, [method("finercam")], layer, None, f"{x.ndim - 2}D", {"finercam": settings})
    with explainer.forward_pass(x) as forward:
        return forward.maps(torch.tensor(explained))["finercam"]


def peer_maps(model, x, classes, layer, alpha, number):
    """The raw maps, sample by sample, as the peer explains one class in all of a batch."""
    found = []
    for row, index in enumerate(classes):
        peer = FinerCAM(model, [model.get_submodule(layer)])
        peer(x[row : row + 1], None, False, alpha, list(range(1, number + 1)), index)
        kept = peer.base_cam.activations_and_grads
        features, gradient = kept.activations[-1].detach(), kept.gradients[0].detach()
        kept.release()
        weights = gradient.mean(dim=tuple(range(2, gradient.ndim)), keepdim=True)
        found.append((weights * features).sum(dim=1).relu())
    return torch.cat(found)


@on_four_networks
@pytest.mark.parametrize(("alpha", "number"), [(1.0, 3), (0.6, 2)])
def test_equals_pytorch_grad_cam(build, layer, shape, alpha, number):
    # In double precision: much of what classes have in common cancels out.
    model, x = build().double(), torch.randn(shape, dtype=torch.float64)
    # Next to the predicted class, others are probable, too: `test_pytorch_grad_cam_loses_classes…` says what else is.
    classes = model(x).argmax(1).tolist()
    expected = peer_maps(model, x, classes, layer, alpha, number)
    assert expected.any()
    assert relative_error(finer(model, x, classes, layer, alpha=alpha, classes=number), expected) < 1e-5


def test_pytorch_grad_cam_loses_classes_with_small_probabilities():
    """It adds 1e-9 to the sum of probabilities, which outweighs it where the model is sure; ours has no such number."""
    model, x = small_network(2), torch.randn(1, 3, 20, 24)
    with torch.no_grad():
        model[3].bias[1] += 50
    peer = peer_maps(model, x, [1], "0", 1.0, 3)
    found = finer(model, x, [1], "0")
    # By hand: the derivative of the score less the mean of the others, weighed by softmax over the three nearest.
    features = model[0](x).detach().requires_grad_()
    scores = model[3](features.mean((2, 3)))
    others = [index for index in (scores[0] - scores[0, 1]).abs().argsort().tolist() if index != 1][:3]
    difference = scores[0, 1] - (scores[0, others].softmax(0) * scores[0, others]).sum()
    (gradient,) = torch.autograd.grad(difference, features)
    expected = (gradient.mean((2, 3), keepdim=True) * features).sum(1).relu()
    assert relative_error(found, expected) < 1e-5
    assert relative_error(peer, expected) > 0.1


def test_without_comparison_it_is_gradcam():
    model, x, classes = small_network(3), torch.randn(2, 3, 12, 14, 16), [1, 3]
    expected = found_maps(model, x, classes, "0", ["gradcam"])["gradcam"]
    torch.testing.assert_close(finer(model, x, classes, "0", alpha=0), expected)


def test_what_classes_share_drops_out():
    """Channel 0 speaks for classes 0 and 1 alike, channel 1 for class 0 only."""
    head = nn.Linear(2, 2, bias=False)
    head.weight.data = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    model = nn.Sequential(nn.Conv2d(2, 2, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    model[0].weight.data = torch.eye(2).reshape(2, 2, 1, 1)
    x = torch.zeros(1, 2, 2, 2)
    x[0, 0, 0, 0] = x[0, 1, 1, 1] = 8.0
    assert found_maps(model, x, [0], "0", ["gradcam"])["gradcam"][0].tolist() == [[2, 0], [0, 2]]
    assert finer(model, x, [0], "0")[0].tolist() == [[0, 0], [0, 2]]


def test_several_classes_can_be_read_from_one_pass():
    model, x = small_network(2), torch.randn(2, 3, 20, 24)
    explainer = Explainer(model, [method("finercam"), method("gradcam")], "0", mode="2D")
    with explainer.forward_pass(x) as forward:
        for number, index in enumerate((1, 2)):
            found = forward.maps(torch.tensor([index, index]), keep_graph=not number)
            torch.testing.assert_close(found["finercam"], finer(model, x, [index, index], "0"))


def test_one_score_has_nothing_to_compare_with():
    explainer = Explainer(
        small_network(2, 1), [method("finercam")], "0", mode="2D", reader=ScoreReader(outputs="regression")
    )
    with (
        explainer.forward_pass(torch.randn(2, 3, 20, 24)) as forward,
        pytest.raises(ValueError, match="compares a class with others, and this model has one score: use gradcam"),
    ):
        forward.maps(torch.tensor([0, 0]))
