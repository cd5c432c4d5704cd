import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from saliency import GradCAM, GuidedBackprop, GuidedGradCAM
from saliency.methods.passes.forward_pass import predict
from tests.helpers.networks import torchvision_model

METHODS = [GradCAM, GuidedBackprop, GuidedGradCAM]


class Plain(nn.Module):
    """Two blocks with a first convolution of a stride, for which the backward pass is another one."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, 2, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        return self.head(self.second(self.first(x)).mean((2, 3)))


class Checkpointed(Plain):
    def __init__(self, **kwargs):
        super().__init__()
        self.kwargs = kwargs

    def forward(self, x):
        x = checkpoint(self.first, x, **self.kwargs)
        return self.head(checkpoint(self.second, x, **self.kwargs).mean((2, 3)))


class CheckpointedInSequence(Plain):
    def forward(self, x):
        x = checkpoint_sequential([self.first, self.second], 2, x, use_reentrant=False)
        return self.head(x.mean((2, 3)))


class CompiledFunction(Plain):
    def forward(self, x):
        block = torch.compile(lambda x: functional.relu(self.first[1](self.first[0](x))))
        return self.head(self.second(block(x)).mean((2, 3)))


def compiled_inside():
    model = Plain()
    model.first = torch.compile(model.first)
    return model


def compiled_in_place():
    model = Plain()
    model.first.compile()
    model.compile()
    return model


ALIKE = {
    "checkpoint, re-entrant": lambda: Checkpointed(use_reentrant=True),
    "checkpoint": lambda: Checkpointed(use_reentrant=False),
    "checkpoint_sequential": CheckpointedInSequence,
    "torch.compile": lambda: torch.compile(Plain()),
    "torch.compile of a child": compiled_inside,
    "Module.compile": compiled_in_place,
    "torch.compile of a function": CompiledFunction,
    "DataParallel": lambda: nn.DataParallel(Plain()),
    "DataParallel of torch.compile": lambda: nn.DataParallel(torch.compile(Plain())),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ALIKE)
def test_same_maps_as_the_network_alone(name, method):
    x = torch.randn(2, 3, 16, 16)
    model = ALIKE[name]()
    kwargs = {} if method is GuidedBackprop else {"target_layer": "second"}
    output, maps = method(model, **kwargs)(x, 1)
    expected_output, expected = method(Plain(), **kwargs)(x, 1)
    assert torch.equal(maps, expected)
    assert torch.equal(output, expected_output)
    assert torch.equal(predict(model, x), expected_output)


def test_checkpointing_works_again_afterwards():
    x = torch.randn(2, 3, 16, 16)
    model = Checkpointed(use_reentrant=True)
    GuidedBackprop(model)(x, 1)
    names = []
    checkpoint(lambda x: names.append(torch.is_grad_enabled()) or x * 2, x.requires_grad_(), use_reentrant=True)
    assert names == [False]  # the function runs without a graph, and again in the backward pass


@pytest.mark.parametrize("method", METHODS)
def test_torchvision_densenet_that_saves_memory(method):
    x = torch.randn(1, 3, 32, 32)
    expected = method(torchvision_model("densenet121"))(x, 1)[1]
    assert torch.equal(method(torchvision_model("densenet121", memory_efficient=True))(x, 1)[1], expected)


class Cut(Plain):
    """Rectifies halves of a feature map in place; ``cut`` says how they are cut out."""

    def __init__(self, cut):
        super().__init__()
        self.second = nn.Identity()
        self.cut = cut

    def forward(self, x):
        x = self.first[:2](x)
        upper, lower = self.cut(x)
        functional.relu_(upper)
        nn.ReLU(inplace=True)(lower)
        return self.head(self.second(x).mean((2, 3)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "cut",
    [
        lambda x: x.chunk(2, 1),
        lambda x: torch.split(x, 4, dim=1),
        lambda x: x.unbind(0),
        lambda x: x,
    ],
    ids=["chunk", "split", "unbind", "iterate"],
)
def test_pieces_that_are_written_into(method, cut):
    x = torch.randn(2, 3, 16, 16)
    kwargs = {} if method is GuidedBackprop else {"target_layer": "first.0"}
    whole = Plain()
    whole.second = nn.Identity()
    assert torch.equal(method(Cut(cut), **kwargs)(x, 1)[1], method(whole, **kwargs)(x, 1)[1])


def test_slices_that_are_written_into():
    def slices(x):
        return x[:, :4], x[:, 4:]

    x, whole = torch.randn(2, 3, 16, 16), Plain()
    whole.second = nn.Identity()
    assert torch.equal(GuidedBackprop(Cut(slices))(x, 1)[1], GuidedBackprop(whole)(x, 1)[1])
    # Here torch itself cannot take the gradient.
    with pytest.raises(ValueError, match="writes into values that its gradient needs"):
        GradCAM(Cut(slices), "first.0")(x, 1)


class OfAge(Plain):
    def forward(self, image, age, *, sex, centre=0):
        return super().forward(image) * age


class Untyped(Plain):
    def forward(self, x):
        raise TypeError("unhashable type: 'list'")


class InInferenceMode(Plain):
    def forward(self, x):
        with torch.inference_mode():
            x = self.first(x)
        return self.head(self.second(x).mean((2, 3)))


@pytest.mark.parametrize(
    "run", [predict, lambda model, x: GradCAM(model)(x), lambda model, x: GuidedBackprop(model)(x)]
)
def test_what_the_network_cannot_take_is_said_in_one_line(run):
    x = torch.randn(2, 3, 16, 16)
    with pytest.raises(ValueError, match=r"^the network's forward needs age, sex besides the image: write a factory"):
        run(OfAge(), x)
    with pytest.raises(
        ValueError, match=r"^x is float64, but the network's parameters are float32: pass x.to\(torch.f"
    ):
        run(Plain(), x.double())
    with pytest.raises(ValueError, match=r"^the network's forward raised TypeError: unhashable type: 'list' \("):
        run(Untyped(), x)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AssertionError("not a multiple\nof 8"), r"AssertionError: not a multiple of 8"),
        (KeyError("size"), r"KeyError: 'size'"),
        (TypeError("a list is no number"), r"TypeError: a list is no number"),
    ],
)
def test_what_a_network_raises_is_told_in_one_line(error, words):
    class Raising(Plain):
        def forward(self, x):
            raise error

    begin = rf"^the network's forward raised {words} \(test_network_call.py, line \d+\): call it with"
    with pytest.raises(ValueError, match=begin) as raised:
        predict(Raising(), torch.zeros(1, 3, 5, 5))
    assert "\n" not in str(raised.value)


def test_inference_mode_inside_the_forward():
    x = torch.randn(2, 3, 16, 16)
    assert torch.equal(GradCAM(InInferenceMode(), "second")(x, 1)[1], GradCAM(Plain(), "second")(x, 1)[1])
    for method in (GradCAM(InInferenceMode(), "first"), GuidedBackprop(InInferenceMode())):
        with pytest.raises(ValueError, match=r"'first' without gradients \(torch.no_grad, inference_mode\)"):
            method(x, 1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_networks_of_half_precision(dtype):
    model, x = Plain(), torch.randn(2, 3, 16, 16)
    for method in METHODS:
        expected = method(model)(x, 1)[1]
        found = method(Plain().to(dtype))(x.to(dtype), 1)[1]
        assert (found.float() - expected).abs().max() < 0.05 * expected.abs().max()
