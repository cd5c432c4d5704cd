"""Target layers that run several times, or unseen."""

import pytest
import torch
from torch import nn

from saliency import GradCAM, GuidedGradCAM

METHODS = [GradCAM, GuidedGradCAM]


class Shared(nn.Module):
    """One body over several inputs; ``forward`` says which."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body, self.join = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()), nn.Conv2d(4, 4, 3)
        self.head = nn.Linear(4, 3)


class Siamese(Shared):
    def forward(self, x):
        left, right = self.body(x), self.body(x.flip(-1))
        return self.head(self.join(left - right).mean((2, 3)))


class Recurrent(Shared):
    """The last run sees what the earlier ones made, and nothing else reaches the score."""

    def forward(self, x):
        x = self.body(x)
        for _ in range(3):
            x = self.join(x).relu()
        return self.head(x.mean((2, 3)))


class RecurrentWithSkip(Shared):
    def forward(self, x):
        first = self.join(self.body(x))
        return self.head(first.mean((2, 3)) + self.join(first.relu()).mean((2, 3)))


class Discarded(Shared):
    """Of the two runs, one is thrown away."""

    def forward(self, x):
        self.body(x.flip(-1))
        return self.head(self.join(self.body(x)).mean((2, 3)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("network", "layer"), [(Siamese, "body"), (RecurrentWithSkip, "join")])
def test_branches_that_share_a_layer_are_refused(method, network, layer):
    with pytest.raises(ValueError, match=rf"target layer '{layer}' runs 2 times .* pass a target_layer that runs once"):
        method(network(), layer)(torch.randn(2, 3, 16, 16), 1)


@pytest.mark.parametrize("method", METHODS)
def test_layer_behind_the_branches(method):
    x, model = torch.randn(2, 3, 16, 16), Siamese()
    _, maps = method(model, "join")(x, 1)
    features = model.join(model.body(x) - model.body(x.flip(-1))).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model.head(features.mean((2, 3)))[:, 1].sum(), features)
    expected = (gradient.mean((2, 3), keepdim=True) * features).sum(1).relu()
    with method(model, "join").forward_pass(x) as forward:
        found = forward.maps(torch.tensor([1, 1]))["gradcam"]
    torch.testing.assert_close(found, expected.detach())
    assert maps.abs().max() > 0


@pytest.mark.parametrize("method", METHODS)
def test_last_of_runs_that_follow_each_other(method):
    x, model = torch.randn(2, 3, 16, 16), Recurrent()
    features = model.body(x)
    for _ in range(2):
        features = model.join(features).relu()
    features = model.join(features).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model.head(features.relu().mean((2, 3)))[:, 1].sum(), features)
    expected = (gradient.mean((2, 3), keepdim=True) * features).sum(1).relu()
    with method(model, "join").forward_pass(x) as forward:
        torch.testing.assert_close(forward.maps(torch.tensor([1, 1]))["gradcam"], expected.detach())


@pytest.mark.parametrize("method", METHODS)
def test_run_whose_result_is_thrown_away_does_not_count(method):
    x, alone = torch.randn(2, 3, 16, 16), Shared()
    model = Discarded()
    alone.forward = lambda x: alone.head(alone.join(alone.body(x)).mean((2, 3)))
    assert torch.equal(method(model, "body")(x, 1)[1], method(alone, "body")(x, 1)[1])


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_layer_inside_torchscript():
    model = Shared()
    model.body = torch.jit.trace(model.body.eval(), torch.rand(1, 3, 16, 16))
    model.forward = lambda x: model.head(model.join(model.body(x)).mean((2, 3)))
    with pytest.raises(ValueError, match=r"target layer 'body.0' is TorchScript, which runs it unseen"):
        GradCAM(model, "body.0", mode="2D")(torch.randn(2, 3, 16, 16), 1)
    assert GradCAM(model, "body", mode="2D")(torch.randn(2, 3, 16, 16), 1)[1].abs().max() > 0
