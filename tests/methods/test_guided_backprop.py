import warnings

import captum.attr
import pytest
import torch
from torch import nn
from torch.nn import functional
from zennit.attribution import Gradient
from zennit.composites import GuidedBackprop as ZennitGuidedBackprop

from saliency import GuidedBackprop
from tests.helpers.networks import (
    VGG16,
    BasicModelConvNetOneConv,
    SkipFromReluInput,
    efficientnet_lite0,
    guided_oracle,
    torchvision_model,
)

MODELS = {
    **{
        name: (lambda name=name: torchvision_model(name))
        for name in ("resnet18", "resnet50", "vgg16", "mobilenet_v2", "densenet121")
    },
    "efficientnet_lite0": efficientnet_lite0,
    "skip_from_relu_input": SkipFromReluInput,
}


@pytest.mark.parametrize("name", [VGG16 if name == "vgg16" else name for name in MODELS])
def test_equals_autograd_function(monkeypatch, name):
    model = MODELS[name]().double()
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    classes = torch.tensor([1, 4])
    output, gbp = GuidedBackprop(model)(x, classes)
    expected = guided_oracle(monkeypatch, model, x, classes)
    # Batch normalisation and first convolutions go backward by other operations: the last bits differ.
    assert (gbp - expected).abs().max() < 1e-12 * expected.abs().max()
    assert gbp.abs().max() > 0
    assert torch.equal(output, model(x))


@pytest.mark.parametrize("name", ["densenet121", "skip_from_relu_input"])
def test_captum_is_no_oracle_for_functional_relu_and_skip_branches(monkeypatch, name):
    model = MODELS[name]()
    if name == "skip_from_relu_input":
        model = SkipFromReluInput(relu=nn.ReLU())
    x, classes = torch.randn(2, 3, 64, 64), torch.tensor([1, 4])
    with warnings.catch_warnings(action="ignore"):
        found = captum.attr.GuidedBackprop(model).attribute(x.clone().requires_grad_(), classes)
    expected = guided_oracle(monkeypatch, model, x, classes)
    assert (found - expected).abs().max() / expected.abs().max() > 0.01
    assert (GuidedBackprop(model)(x, classes)[1] - expected).abs().max() / expected.abs().max() < 1e-5


@pytest.mark.parametrize("name", [VGG16, "resnet18"])
def test_equals_zennit(name):
    model = torchvision_model(name)
    x = torch.randn(2, 3, 64, 64)
    target = functional.one_hot(torch.tensor([7, 3]), 1000).float()
    with Gradient(model, composite=ZennitGuidedBackprop()) as attributor:
        _, expected = attributor(x.clone(), target)
    _, gbp = GuidedBackprop(model)(x, [7, 3])
    torch.testing.assert_close(gbp, expected, rtol=1e-5, atol=1e-7)


def test_hand_computed():
    x = torch.arange(16.0).view(1, 1, 4, 4)
    _, gbp = GuidedBackprop(BasicModelConvNetOneConv())(x, 0)
    expected = torch.tensor([[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1.0]])
    assert torch.equal(gbp[0, 0], expected)


SPELLINGS = {
    "module": nn.ReLU(),
    "module_inplace": nn.ReLU(inplace=True),
    "functional": functional.relu,
    "functional_inplace": lambda x: functional.relu(x, inplace=True),
    "functional_underscore": functional.relu_,
    "torch": torch.relu,
    "torch_underscore": torch.relu_,
    "method": lambda x: x.relu(),
    "method_inplace": lambda x: x.relu_(),
    "keyword": lambda x: functional.relu(input=x),
    "aten": lambda x: torch.ops.aten.relu.default(x),
    "clamp": lambda x: x.clamp(min=0),
    "clamp_positional": lambda x: torch.clamp(x, 0),
    "clamp_tensor": lambda x: x.clamp(min=torch.zeros(())),
    "clamp_far_above": lambda x: x.clamp(0, 1e6),
    "clamp_underscore": lambda x: x.clamp_(min=0),
    "clamp_min": lambda x: torch.clamp_min(x, 0.0),
    "clamp_min_underscore": lambda x: x.clamp_min_(0),
    "clip": lambda x: x.clip(0),
    "clip_underscore": lambda x: x.clip_(min=0),
    "maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "maximum_of_zero": lambda x: torch.maximum(torch.zeros_like(x), x),
    "max": lambda x: torch.max(x, x.new_zeros(1)),
    "fmax": lambda x: x.fmax(torch.zeros(())),
    "threshold": lambda x: functional.threshold(x, 0, 0),
    "threshold_module": nn.Threshold(0, 0),
    "threshold_inplace": nn.Threshold(0.0, 0.0, inplace=True),
    "threshold_underscore": lambda x: torch.threshold_(x, 0, 0),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "where_tensor": lambda x: torch.where(x.gt(0), x, torch.zeros_like(x)),
    "where_reversed": lambda x: torch.where(x <= 0, torch.zeros(()), x),
    "where_negated": lambda x: torch.where(~(x > 0), 0, x),
    "where_method": lambda x: x.where(x >= 0, torch.zeros(())),
    "where_detached": lambda x: torch.where(x.detach() > 0, x, 0),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0),
    "masked_fill_underscore": lambda x: x.masked_fill_(x < 0, 0.0),
    "product": lambda x: x * (x > 0),
    "product_reversed": lambda x: (x > 0) * x,
    "product_float": lambda x: x * (x > 0).float(),
    "product_type": lambda x: (x >= 0).to(x.dtype).mul(x),
    "product_underscore": lambda x: x.mul_(x > 0),
}


class Spelled(nn.Module):
    """A convolution, a rectifier in some spelling (its return value dropped if asked), a linear layer."""

    def __init__(self, rectifier, drop_return=False, through_view=False):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 6, 3)
        self.rectifier, self.drop_return, self.through_view = rectifier, drop_return, through_view
        self.head = nn.Linear(6 * 36, 4)

    def forward(self, x):
        x = self.conv(x)
        if self.through_view:
            self.rectifier(x[:, :3])
            self.rectifier(x[:, 3:])
        elif self.drop_return:
            self.rectifier(x)
        else:
            x = self.rectifier(x)
        return self.head(x.flatten(1))


def spelled_oracle(x, slope=0.0, upper=float("inf")):
    model = Spelled(lambda x: None, drop_return=True)
    x = x.clone().requires_grad_()
    from tests.helpers.networks import GuidedFunction

    features = GuidedFunction.apply(model.conv(x), slope, upper)
    return torch.autograd.grad(model.head(features.flatten(1))[:, 2].sum(), x)[0]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_relu(spelling):
    x = torch.randn(2, 3, 8, 8)
    _, gbp = GuidedBackprop(Spelled(SPELLINGS[spelling]))(x, 2)
    assert torch.equal(gbp, spelled_oracle(x))


def assign(x):
    x[x < 0] = 0


def multiply(x):
    x *= x > 0


WRITTEN = {
    **{name: rectifier for name, rectifier in SPELLINGS.items() if name.endswith(("inplace", "underscore"))},
    **{"assign": assign, "multiply": multiply},
}


@pytest.mark.parametrize("spelling", WRITTEN)
@pytest.mark.parametrize("through_view", [False, True])
def test_inplace_call_whose_return_value_is_dropped(spelling, through_view):
    x = torch.randn(2, 3, 8, 8)
    model = Spelled(WRITTEN[spelling], drop_return=True, through_view=through_view)
    _, gbp = GuidedBackprop(model)(x, 2)
    assert torch.equal(gbp, spelled_oracle(x))


@pytest.mark.parametrize(
    "rectifier",
    [nn.ReLU6(), nn.ReLU6(inplace=True), functional.relu6, lambda x: functional.hardtanh_(x, 0.0, 6.0)],
)
def test_relu6(rectifier):
    x = 5 * torch.randn(2, 3, 8, 8)
    _, gbp = GuidedBackprop(Spelled(rectifier))(x, 2)
    assert torch.equal(gbp, spelled_oracle(x, upper=6.0))


@pytest.mark.parametrize("rectifier", [nn.LeakyReLU(0.1), nn.LeakyReLU(0.1, inplace=True)])
def test_leaky_relu(rectifier):
    x = torch.randn(2, 3, 8, 8)
    _, gbp = GuidedBackprop(Spelled(rectifier))(x, 2)
    assert torch.equal(gbp, spelled_oracle(x, slope=0.1))


class Custom(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.relu()

    @staticmethod
    def backward(ctx, grad):
        return grad * (ctx.saved_tensors[0] > 0)


UNGUIDED = {
    "clamp": lambda x: x.clamp(min=-0.5),
    "clamp of values above": lambda x: x.clamp(max=0.5),
    "maximum": lambda x: torch.maximum(x, 0.5 * x),
    "minimum": lambda x: x - torch.minimum(x, torch.zeros(())),
    "Threshold": nn.Threshold(0.1, 0),
    "where": lambda x: torch.where(x > 0, x, 0.1 * x),
    "where of another": lambda x: torch.where(x.roll(1) > 0, x, 0.0),
    "where after a change": lambda x: torch.where((y := x * 1) > 0, y.sub_(1), 0.0),
    "masked_fill": lambda x: x.masked_fill(x.abs() < 0.5, 0),
    "a product with a mask": lambda x: x * (x > 0.1),
    "abs": lambda x: (x + x.abs()) / 2,
    "Custom": Custom.apply,
}


@pytest.mark.parametrize("spelling", UNGUIDED)
def test_what_may_be_a_rectifier_and_is_not_guided_is_named(spelling):
    model = Spelled(UNGUIDED[spelling])
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    with pytest.warns(UserWarning, match=spelling.partition(" of ")[0].partition(" after ")[0]):
        _, gbp = GuidedBackprop(model)(x, 2)
    torch.testing.assert_close(gbp, torch.autograd.grad(model(x)[:, 2].sum(), x)[0])


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_scripted_function_is_named():
    scripted = torch.jit.script(functional.relu)
    x, named = torch.randn(2, 3, 8, 8), set()
    for _ in range(3):  # torch compiles it in the course of the first calls
        with pytest.warns(UserWarning, match="no ReLU .it has") as caught:
            GuidedBackprop(Spelled(scripted))(x, 2)
        named |= {name for name in ("relu", "a TorchScript function") if name in str(caught[0].message)}
    assert named


@pytest.mark.parametrize(
    "linear",
    [
        lambda x: x.masked_fill(torch.arange(6).view(6, 1, 1) < 2, 0),
        lambda x: torch.where(torch.arange(6).view(6, 1, 1) < 2, x, 0),
        lambda x: x * (torch.arange(6).view(6, 1, 1) < 2),
        lambda x: x * (torch.ones_like(x) > 0),
        lambda x: functional.normalize(x),
        lambda x: x.clamp(min=1e-6),
        lambda x: x * torch.ones(6, 1, 1).clamp(min=0.5),
    ],
)
def test_masks_of_nothing_that_the_network_computes_are_linear(linear):
    # filterwarnings = error: a warning would fail here.
    GuidedBackprop(Spelled(lambda x: linear(x.relu())))(torch.randn(1, 3, 8, 8), 2)


def test_hardtanh_with_a_negative_bound_is_no_rectifier():
    model = Spelled(nn.Hardtanh())
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    with pytest.warns(UserWarning, match="no ReLU"):
        _, gbp = GuidedBackprop(model)(x, 2)
    assert torch.equal(gbp, torch.autograd.grad(model(x)[:, 2].sum(), x)[0])


def test_other_activations_are_named_once():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    method = GuidedBackprop(model)
    with pytest.warns(UserWarning, match="GELU is no ReLU and passes the plain gradient"):
        method(torch.randn(1, 3, 8, 8))
    method(torch.randn(1, 3, 8, 8))  # filterwarnings = error: a second warning would fail here


def test_no_relu_gives_the_plain_gradient_and_says_so():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Flatten(), nn.Linear(144, 2)).eval()
    x = torch.randn(1, 3, 8, 8, requires_grad=True)
    with pytest.warns(UserWarning, match=r"no ReLU \(it has SiLU\).*plain gradient"):
        _, gbp = GuidedBackprop(model)(x, 1)
    assert torch.equal(gbp, torch.autograd.grad(model(x)[:, 1].sum(), x)[0])


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_torchscript_is_refused():
    scripted = torch.jit.trace(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), torch.rand(1, 1, 8, 8))
    model = nn.Sequential(scripted, nn.Conv2d(2, 2, 3), nn.Flatten())
    with pytest.raises(ValueError, match="module '0' is TorchScript"):
        GuidedBackprop(model, mode="2D")(torch.rand(1, 1, 8, 8), 0)


def test_gradient_checkpointing_stays_guided():
    class Checkpointed(Spelled):
        def forward(self, x):
            from torch.utils.checkpoint import checkpoint

            return self.head(checkpoint(lambda x: functional.relu(self.conv(x)), x, use_reentrant=False).flatten(1))

    x = torch.randn(2, 3, 8, 8)
    _, gbp = GuidedBackprop(Checkpointed(None))(x, 2)
    assert torch.equal(gbp, spelled_oracle(x))
