import copy

import pytest
import torch
from torch import nn

import saliency
from saliency import GradCAM, GuidedBackprop, GuidedGradCAM, NeuralNetwork
from saliency.methods.passes.forward_pass import predict
from tests.helpers.networks import (
    Pooled,
    SkipFromReluInput,
    Squeezed,
    TwoLogits,
    TwoProbabilities,
    efficientnet_lite0,
    torchvision_model,
)

METHODS = [GradCAM, GuidedBackprop, GuidedGradCAM]


def fingerprint(model):
    """Everything of a model that a method could disturb."""
    return {
        "state": {name: value.clone() for name, value in model.state_dict().items()},
        "training": [module.training for module in model.modules()],
        "requires_grad": [parameter.requires_grad for parameter in model.parameters()],
        "grad": [parameter.grad for parameter in model.parameters()],
        "hooks": [
            [list(getattr(module, kind)) for kind in vars(module) if kind.endswith("_hooks")]
            for module in model.modules()
        ],
    }


def assert_same(before, after):
    assert before["state"].keys() == after["state"].keys()
    assert all(torch.equal(value, after["state"][name]) for name, value in before["state"].items())
    for key in ("training", "requires_grad", "hooks"):
        assert before[key] == after[key]
    assert all(a is b for a, b in zip(before["grad"], after["grad"], strict=True))


class Failing(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout())
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        self.head(self.features(x).mean((2, 3)))
        raise RuntimeError("out of cheese")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("network", ["plain", "batch_norm_in_training", "failing"])
def test_model_is_untouched(method, network):
    model = {"plain": SkipFromReluInput, "batch_norm_in_training": lambda: torchvision_model("resnet18"),
             "failing": Failing}[network]()  # fmt: skip
    model.train()
    next(model.children()).eval()
    parameters = list(model.parameters())
    parameters[0].requires_grad_(False)
    parameters[1].grad = torch.ones_like(parameters[1])
    before = fingerprint(model)
    x = torch.randn(2, 3, 64, 64)
    given = x.clone()
    if network == "failing":
        with pytest.raises(RuntimeError, match="out of cheese"):
            method(model)(x)
    else:
        method(model)(x)
    assert_same(before, fingerprint(model))
    assert torch.equal(x, given)
    assert not x.requires_grad


# In float32 the rounding of a convolution depends on the batch size; where that moves a value across a ReLU6's bend the
# gradient jumps, in any implementation. EfficientNet-Lite0 does so on noise, hence float64 there.
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("network", "dtype"),
    [
        (lambda: torchvision_model("resnet18"), torch.float32),
        (efficientnet_lite0, torch.float64),
    ],
    ids=["resnet18", "efficientnet_lite0"],
)
def test_batch_equals_single_calls(method, network, dtype):
    explain = method(network().to(dtype))
    x = torch.randn(4, 3, 64, 64, dtype=dtype)
    output, maps = explain(x)
    for index in range(4):
        single_output, single = explain(x[index])
        assert single.shape == maps.shape[1:]
        for found, expected in [(single_output, output[index]), (single, maps[index])]:
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-6 * expected.abs().max().item())


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v2"])
def test_one_pass_is_bit_identical_to_separate_calls(name):
    model = torchvision_model(name)
    x = torch.randn(2, 3, 64, 64)
    classes = [torch.tensor([3, 4]), torch.tensor([30, 40])]
    with GuidedGradCAM(model).forward_pass(x) as forward:
        maps = [forward.maps(classes[0], keep_graph=True), forward.maps(classes[1])]
    assert torch.equal(forward.output, predict(model, x))
    for wanted, found in zip(classes, maps, strict=True):
        with GradCAM(model).forward_pass(x) as cam:
            assert torch.equal(found["gradcam"], cam.maps(wanted)["gradcam"])
        assert torch.equal(found["guided_backprop"], GuidedBackprop(model)(x, wanted)[1])
        assert torch.equal(found["guided_gradcam"], GuidedGradCAM(model)(x, wanted)[1])


@pytest.mark.parametrize("method", METHODS)
def test_contexts_and_frozen_parameters_do_not_matter(method):
    model, x = SkipFromReluInput(), torch.randn(2, 3, 8, 8)
    expected = method(model)(x, 1)
    frozen = copy.deepcopy(model).requires_grad_(False)
    with torch.no_grad():
        results = [method(model)(x, 1), method(frozen)(x, 1)]
    with torch.inference_mode():
        results.append(method(model)(x.clone(), 1))
    results.append(method(model)(x.clone().requires_grad_(), 1))
    for output, maps in results:
        assert torch.equal(output, expected[0])
        assert torch.equal(maps, expected[1])
        assert not maps.requires_grad


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("method", METHODS)
def test_cuda(method):
    model, x = SkipFromReluInput().double(), torch.randn(2, 3, 8, 8, dtype=torch.float64)
    expected = method(model)(x, 1)[1]
    torch.testing.assert_close(method(model.cuda())(x.cuda(), 1)[1].cpu(), expected)


@pytest.mark.parametrize("method", METHODS)
def test_model_may_write_into_its_input(method):
    class Normalising(SkipFromReluInput):
        def forward(self, x):
            x -= 0.5
            return super().forward(x.relu_())

    x = torch.rand(2, 3, 8, 8)
    given = x.clone()
    method(Normalising())(x, 0)
    assert torch.equal(x, given)
    if method is not GuidedBackprop:
        assert torch.equal(GradCAM(Normalising())(x, 0)[1], GradCAM(SkipFromReluInput())((x - 0.5).relu(), 0)[1])


@pytest.mark.parametrize("spatial", [(50, 50), (24, 26, 28)])
def test_the_documents_example(spatial):
    network = NeuralNetwork([1, *spatial])
    mode = f"{len(spatial)}D"
    x = torch.rand(4, 1, *spatial)
    for name in ("GradCAM", "GuidedBackprop", "GuidedGradCAM"):
        output, maps = saliency.saliency(network, method=name, mode=mode)(x, [0, 0, 0, 0])
        assert output.shape == (4, 1)
        assert maps.shape == (4, 1, *spatial)
        assert torch.equal(output, network(x))


def test_ignore_lastlayer_explains_the_score_before_the_sigmoid():
    network, x = NeuralNetwork([1, 50, 50]), torch.rand(4, 1, 50, 50)
    headless = copy.deepcopy(network)
    headless.Linear_block[3] = nn.Identity()
    for method in METHODS:
        output, maps = method(network)(x, ignore_lastlayer=True)
        expected_output, expected = method(headless)(x)
        assert torch.equal(output, expected_output)
        assert torch.equal(maps, expected)


LAST = {
    "module": nn.Softmax(1),
    "functional": lambda x: nn.functional.softmax(x, 1),
    "torch": lambda x: torch.softmax(x, 1),
    "method": lambda x: x.softmax(dim=1),
    "log_softmax": lambda x: x.log_softmax(1),
    "sigmoid": torch.sigmoid,
    "sigmoid_inplace": lambda x: x.sigmoid_(),
    "sigmoid_reshaped": lambda x: torch.sigmoid(x).view(-1, 5),
    "tanh": nn.Tanh(),
}


class Ending(SkipFromReluInput):
    def __init__(self, last):
        super().__init__()
        self.last = last

    def forward(self, x):
        return self.last(super().forward(torch.sigmoid(x)))


@pytest.mark.parametrize("last", LAST)
def test_ignore_lastlayer_in_every_spelling(last):
    x = torch.randn(2, 3, 8, 8)
    output, maps = GuidedBackprop(Ending(LAST[last]))(x, 1, ignore_lastlayer=True)
    expected_output, expected = GuidedBackprop(Ending(lambda x: x))(x, 1)
    assert torch.equal(output, expected_output)
    assert torch.equal(maps, expected)
    assert torch.equal(predict(Ending(LAST[last]), x, ignore_lastlayer=True), expected_output)


@pytest.mark.parametrize("last", [lambda x: x, lambda x: torch.sigmoid(x) + 1])
def test_ignore_lastlayer_without_an_activation_is_an_error(last):
    with pytest.raises(ValueError, match="last layer is not a softmax, sigmoid or tanh"):
        GradCAM(Ending(last))(torch.randn(2, 3, 8, 8), ignore_lastlayer=True)


@pytest.mark.parametrize("squeezed", [False, True])
@pytest.mark.parametrize(
    ("last", "outputs", "oracle"),
    [
        (None, "logits", TwoLogits),
        ("sigmoid", "probabilities", TwoProbabilities),
        ("sigmoid", "logits", TwoProbabilities),  # It is seen that they come from a sigmoid.
    ],
)
def test_one_score_is_two_classes(squeezed, last, outputs, oracle):
    """Class 1 is s, class 0 is -s: as of the network that returns both."""
    one, two = (Squeezed if squeezed else Pooled)(1, last), oracle(1, last)
    two.load_state_dict(one.state_dict())
    x = torch.randn(6, 3, 12, 12)
    with torch.no_grad():
        one.head.bias -= one.head(one.body(x).mean((2, 3))).median()
        two.head.bias.copy_(one.head.bias)
    assert two(x).argmax(1).unique().tolist() == [0, 1]
    for method in METHODS:
        for target in (None, 0, 1, [0, 1, 1, 0, 0, 1]):
            output, maps = method(one, outputs=outputs)(x, target)
            assert torch.equal(output[:, 0], two(x)[:, 1])
            torch.testing.assert_close(maps, method(two)(x, target)[1], rtol=1e-5, atol=1e-8)
        with pytest.raises(ValueError, match=r"\[2\] is outside the model's classes 0 … 1"):
            method(one)(x, 2)
    with GradCAM(one, outputs=outputs).forward_pass(x) as forward:
        assert torch.equal(forward.scores, two(x))


@pytest.mark.parametrize(
    ("wrap", "output"),
    [
        (lambda y: (y, None), None),
        (lambda y: {"logits": y, "aux": y + 1}, None),
        (lambda y: (y.detach().repeat(1, 3), y), 1),
    ],
)
def test_output_in_a_container(wrap, output):
    class Wrapped(SkipFromReluInput):
        def forward(self, x):
            return wrap(super().forward(x))

    x = torch.randn(2, 3, 8, 8)
    for method in METHODS:
        expected_output, expected = method(SkipFromReluInput())(x, 1)
        found_output, found = method(Wrapped(), output=output)(x, 1)
        assert torch.equal(found, expected)
        assert torch.equal(found_output, expected_output)


@pytest.mark.parametrize("ignore_lastlayer", [False, True])
def test_one_position_is_a_classification(ignore_lastlayer):
    """[n, classes, 1, 1] is what it is after nn.Flatten: scores, predicted classes and maps."""
    body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 5, 1), nn.AdaptiveAvgPool2d(1))
    convolutional, flat = (
        nn.Sequential(*body, nn.LogSoftmax(1)),
        nn.Sequential(*body, nn.LogSoftmax(1), nn.Flatten()),
    )
    x = torch.randn(4, 3, 8, 8)
    for method in METHODS:
        for target in (None, [3, 0, 1, 2]):
            output, maps = method(convolutional)(x, target, ignore_lastlayer)
            expected_output, expected = method(flat)(x, target, ignore_lastlayer)
            assert output.shape == (4, 5)
            assert torch.equal(output, expected_output)
            assert torch.equal(maps, expected)
            assert maps.abs().sum() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target_class": 5}, r"\[5\] is outside the model's classes 0 … 4"),
        ({"target_class": [0, -1]}, r"\[-1\] is outside"),
        ({"target_class": [0, 1, 2]}, r"shape \[3\] for 2 samples: pass one index, or one per sample"),
        ({"target_class": 0.5}, "pass class indices"),
        ({"target_class": True}, "pass class indices"),
        ({"x": torch.zeros(2, 2, 3, 8, 8)}, r"for mode '2D' pass \[n, c, h, w\] or \[c, h, w\]"),
        ({"x": torch.zeros(2, 3, 8, 8, dtype=torch.uint8)}, "uint8: pass floating point"),
    ],
)
def test_bad_calls_say_what_to_pass(arguments, message):
    with pytest.raises(ValueError, match=message):
        GradCAM(SkipFromReluInput())(**{"x": torch.randn(2, 3, 8, 8)} | arguments)


def test_empty_and_missing_target_class_are_the_predicted_class():
    model, x = SkipFromReluInput(), torch.randn(3, 3, 8, 8)
    predicted = model(x).argmax(1)
    for target in (None, [], predicted.tolist(), predicted):
        assert torch.equal(GuidedBackprop(model)(x, target)[1], GuidedBackprop(model)(x)[1])


def test_saliency_refuses_what_it_cannot_build():
    with pytest.raises(ValueError, match=r"method is 'gradcam': pass one of 'GuidedBackprop', .*'GradCAM'"):
        saliency.saliency(SkipFromReluInput(), method="gradcam")
    with pytest.raises(ValueError, match="Guided Backprop has none"):
        saliency.saliency(SkipFromReluInput(), method="GuidedBackprop", target_layer="first")
