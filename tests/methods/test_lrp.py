"""Layer-wise relevance propagation, beside zennit called directly, and by hand."""

import copy
import gc

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm
from torchvision.models.resnet import BasicBlock

from saliency.experiment import method_problems as planned
from saliency.methods import lrp
from saliency.methods.passes.explainer import Explainer
from saliency.methods.passes.score_reader import ScoreReader
from saliency.methods.registered import method
from tests.helpers.networks import SkipFromReluInput, torchvision_model

pytest.importorskip("zennit", reason="the extra 'lrp' brings it")
from zennit.attribution import Gradient
from zennit.composites import COMPOSITES
from zennit.layer import Sum
from zennit.torchvision import ResNetCanonizer, VGGCanonizer

LOW, HIGH = [-2.1, -2.0, -1.8], [2.2, 2.4, 2.6]


def settings_of(composite):
    return {"composite": composite} | ({"low": LOW, "high": HIGH} if composite == lrp.BOX else {})


def maps(model, x, classes, ignore_lastlayer=False, reader=None, region=None, **settings):
    reader = reader or ScoreReader()
    explainer = Explainer(model, [method("lrp")], mode=f"{x.ndim - 2}D", settings={"lrp": settings}, reader=reader)
    with explainer.forward_pass(x, ignore_lastlayer, region) as forward:
        return forward.maps(torch.tensor(classes), keep_graph=True)["lrp"]


def refusal(model, x=None, **settings):
    with pytest.raises(ValueError, match=r"^lrp ") as caught:
        maps(model.eval(), torch.randn(1, 3, 16, 16) if x is None else x, [0], **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def normed(model):
    """With statistics as after training, so that merging them counts."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            for values, low, high in (
                *((module.weight, 0.5, 1.5), (module.bias, -0.2, 0.2)),
                *((module.running_mean, -0.3, 0.3), (module.running_var, 0.5, 2)),
            ):
                values.data.uniform_(low, high, generator=generator)
    return model.eval()


def plain(ndim, bias=True):
    convolution, norm, pool, mean = [
        (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d),
        (nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d, nn.AdaptiveAvgPool3d),
    ][ndim - 2]
    torch.manual_seed(0)
    body = [convolution(3, 8, 3, stride=2, padding=1, bias=bias), *([norm(8)] if bias else []), nn.ReLU(), pool(2)]
    body += [convolution(8, 12, 3, padding=1, bias=bias), nn.ReLU(inplace=True), mean(1), nn.Flatten()]
    return normed(nn.Sequential(*body, nn.Dropout(), nn.Linear(12, 5, bias=bias)))


BUILT = {
    "vgg11_bn": (lambda: normed(torchvision_model("vgg11_bn", num_classes=7)), (2, 3, 32, 32), VGGCanonizer),
    "resnet18": (lambda: normed(torchvision_model("resnet18")), (2, 3, 48, 48), ResNetCanonizer),
    "plain": (lambda: plain(2), (2, 3, 20, 24), VGGCanonizer),
    "3D": (lambda: plain(3), (2, 3, 14, 16, 12), VGGCanonizer),
}


def of_classes(classes):
    """What zennit begins with: the score of one class, and nothing of the others."""
    return lambda scores: scores * functional.one_hot(torch.tensor(classes), scores.shape[1])


@pytest.mark.parametrize("composite", lrp.COMPOSITES)
@pytest.mark.parametrize("name", [pytest.param("vgg11_bn", marks=pytest.mark.slow), "resnet18", "plain", "3D"])
def test_equals_zennit(name, composite):
    build, shape, canonizer = BUILT[name]
    model, x, classes = build(), torch.randn(shape), [1, 3]
    bounds = [torch.tensor(values).reshape(1, 3, *[1] * (x.ndim - 2)).expand(1, *x.shape[1:]) for values in (LOW, HIGH)]
    known = dict(zip(("low", "high"), bounds, strict=True)) if composite == lrp.BOX else {}
    peer = COMPOSITES[composite](canonizers=[canonizer()], **known)
    with Gradient(model=copy.deepcopy(model), composite=peer) as attributor:
        _, expected = attributor(x.clone(), of_classes(classes))
    found = maps(model, x, classes, **settings_of(composite))
    assert found.shape == x.shape
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


def test_two_layers_by_hand():
    model = nn.Sequential(nn.Conv2d(1, 2, (1, 2), bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[2.0, -1.0], [1.0, 3.0]]).reshape(2, 1, 1, 2))
        model[3].weight.copy_(torch.tensor([[1.0, -1.0], [2.0, 1.0]]))
    x = torch.tensor([[[[3.0, 2.0]]], [[[1.0, 4.0]]]])
    # Hidden: relu(6 - 2), relu(3 + 6) = 4, 9 and relu(2 - 4), relu(1 + 12) = 0, 13. Class 1: 2 * 4 + 9 and 13. Each
    # hidden unit has its summand, and gives it to the inputs by positive parts: 8 * (6, 0) / 6 + 9 * (3, 6) / 9.
    found = maps(model, x, [1, 1], epsilon=1e-9)
    torch.testing.assert_close(found.flatten(1), torch.tensor([[11.0, 6.0], [1.0, 12.0]]), rtol=1e-5, atol=0)
    # Class 0: 4 - 9 and -13.
    found = maps(model, x, [0, 0], epsilon=1e-9)
    torch.testing.assert_close(found.flatten(1), torch.tensor([[1.0, -6.0], [-1.0, -12.0]]), rtol=1e-5, atol=0)
    # With alpha 2 and beta 1, the negative part of the first unit counts once, and its positive part twice.
    found = maps(model, x, [1, 1], composite="epsilon_alpha2_beta1", epsilon=1e-9)
    torch.testing.assert_close(found[0].flatten(), torch.tensor([16.0 + 6, -8.0 + 12]), rtol=1e-5, atol=0)


@pytest.mark.parametrize("composite", lrp.COMPOSITES[:2])
@pytest.mark.parametrize("ndim", [2, 3])
def test_without_biases_relevance_adds_up_to_the_score(ndim, composite):
    model = plain(ndim, bias=False).double()
    for seed in range(5):
        torch.manual_seed(seed)
        x = torch.randn(3, 3, 12, *[16] * (ndim - 1), dtype=torch.float64)
        classes = torch.randint(5, (3,)).tolist()
        found = maps(model, x, classes, composite=composite, epsilon=1e-12)
        scores = model(x)[range(3), classes].detach()
        torch.testing.assert_close(found.flatten(1).sum(1), scores, rtol=1e-3, atol=1e-4 * float(scores.abs().max()))


def test_one_logit_is_two_classes_and_ends_can_be_left_out():
    model = plain(2, bias=False).double()
    model[-1] = nn.Linear(12, 1, bias=False).double()
    x = torch.randn(2, 3, 12, 16, dtype=torch.float64)
    for index, sign in ((1, 1), (0, -1)):
        found = maps(model, x, [index, index], epsilon=1e-12)
        torch.testing.assert_close(found.flatten(1).sum(1), sign * model(x)[:, 0].detach(), rtol=1e-3, atol=0)
    x = torch.randn(2, 3, 12, 16)
    for last in (nn.Softmax(1), nn.Sigmoid(), nn.Tanh()):
        ended = nn.Sequential(*plain(2), last)
        assert torch.equal(maps(ended, x, [1, 3], ignore_lastlayer=True), maps(plain(2), x, [1, 3]))
        assert "explain the scores before it, if it is the last (ignore_lastlayer)" in refusal(ended, x[:1])


def test_parts_of_a_dense_score_count_where_the_region_is():
    torch.manual_seed(0)
    dense = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.ReLU(), nn.Conv2d(8, 4, 1, bias=False)).double()
    x, region = torch.randn(2, 3, 8, 8, dtype=torch.float64), torch.rand(2, 8, 8) > 0.5
    found = maps(dense, x, [1, 2], region=region)
    one_pixel = torch.zeros(2, 8, 8, dtype=torch.bool)
    parts = []
    for row, column in region.any(0).nonzero().tolist():
        here = one_pixel.clone()
        here[:, row, column] = region[:, row, column]
        parts.append(maps(dense, x, [1, 2], region=here))
    torch.testing.assert_close(found, torch.stack(parts).sum(0))


@pytest.mark.parametrize("composite", lrp.COMPOSITES)
@pytest.mark.parametrize("ndim", [2, 3])
def test_batch_is_its_samples_and_the_model_stays(ndim, composite):
    model = plain(ndim).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modules = {name: dict(vars(module)) for name, module in model.named_modules()}
    x = torch.randn(3, 3, 12, *[16] * (ndim - 1))
    given = x.clone()
    found = maps(model, x, [0, 4, 2], **settings_of(composite))
    for row, index in enumerate([0, 4, 2]):
        single = maps(model, x[row : row + 1], [index], **settings_of(composite))
        assert (found[row] - single[0]).abs().max() < 1e-5 * single.abs().max()
    assert torch.equal(x, given)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    for name, module in model.named_modules():
        assert vars(module).keys() == modules[name].keys(), name
        assert not module._forward_hooks, name
        assert not module._forward_pre_hooks, name
        assert module.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_precisions():
    model, x = plain(2), torch.randn(2, 3, 12, 16)
    found = maps(model, x, [0, 4])
    double = maps(copy.deepcopy(model).double(), x.double(), [0, 4])
    assert double.dtype == torch.float64
    assert (found - double).abs().max() < 1e-5 * double.abs().max()
    with torch.autocast("cpu", torch.bfloat16):
        reduced = maps(model, x, [0, 4])
    assert torch.equal(reduced, found)
    half = maps(copy.deepcopy(model).half(), x.half(), [0, 4])
    assert half.dtype == torch.float32
    assert (half - found).abs().max() < 2e-2 * found.abs().max()


def test_functional_relu_and_maximum_pooling_are_as_their_modules():
    class Functional(nn.Module):
        def __init__(self, layers):
            super().__init__()
            self.first, self.norm, self.second, self.pool, self.head = layers

        def forward(self, x):
            x = functional.max_pool2d(torch.relu(self.norm(self.first(x))), 2)
            x = self.pool(self.second(x).clamp_(min=0) if self.training else functional.relu_(self.second(x)))
            return self.head(torch.flatten(x, 1))

    model, x = plain(2), torch.randn(2, 3, 12, 16)
    other = Functional([model[place] for place in (0, 1, 4, 6, 9)]).eval()
    for composite in lrp.COMPOSITES:
        settings = settings_of(composite)
        assert torch.equal(maps(other, x, [1, 3], **settings), maps(model, x, [1, 3], **settings))


class Residual(SkipFromReluInput):
    """Its addition is no module, or one with a rule."""

    def __init__(self, add=None):
        super().__init__()
        self.add, self.pool = add, nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        before = self.first(x)
        parts = before, self.second(self.relu(before))
        found = parts[0] + parts[1] if self.add is None else self.add(torch.stack(parts, dim=-1))
        return self.head(self.pool(found).flatten(1))


class Reused(nn.Module):
    def __init__(self):
        super().__init__()
        self.same = nn.Conv2d(3, 3, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.same(self.relu(self.same(x)))).flatten(1)[:, :4]


class Swapped(nn.Module):
    """Modules that do not run in the order in which they stand."""

    def __init__(self):
        super().__init__()
        self.late, self.early = nn.Conv2d(4, 4, 3), nn.Conv2d(3, 4, 3)
        self.norm, self.flatten = self.between(), nn.Flatten()

    def between(self):
        return nn.Identity()

    def forward(self, x):
        return self.flatten(torch.relu(self.late(torch.relu(self.early(x)))))[:, :4]


class NormFirst(Swapped):
    """Its normalisation stands behind `early`, and runs behind `late`."""

    def between(self):
        return nn.BatchNorm2d(4)

    def forward(self, x):
        return self.flatten(self.norm(self.late(torch.relu(self.early(x)))))[:, :4]


class OwnConvolution(nn.Conv2d):
    def forward(self, x):
        return super().forward(x) * 2


def ending(*layers):
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 4))


def test_residual_additions_need_a_rule():
    assert refusal(Residual()) == (
        "lrp has no rule for the step Add in the network (Residual): write it as zennit.layer.Sum of "
        "torch.stack([x, y], dim=-1)"
    )
    model, x = Residual(Sum()).eval(), torch.randn(2, 3, 16, 16)
    with Gradient(model=copy.deepcopy(model), composite=COMPOSITES["epsilon_plus"]()) as attributor:
        _, expected = attributor(x.clone(), of_classes([1, 3]))
    assert (maps(model, x, [1, 3]) - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (SkipFromReluInput(), "the step Mean in the network (SkipFromReluInput): pool with a module such as"),
        (
            normed(ending(nn.BatchNorm2d(3), nn.Conv2d(3, 8, 16))),
            "'0', a BatchNorm2d that does not follow a convolution",
        ),
        (ending(nn.Conv2d(3, 8, 16), nn.GroupNorm(2, 8)), "the step NativeGroupNorm in '1' (GroupNorm)"),
        (ending(nn.Conv2d(3, 8, 16), nn.LayerNorm([8, 1, 1])), "the step NativeLayerNorm in '1' (LayerNorm)"),
        (ending(nn.Conv2d(3, 2, 15), nn.InstanceNorm2d(2)), "in '1' (InstanceNorm2d)"),
        (ending(nn.Conv2d(3, 8, 16), nn.BatchNorm2d(8, affine=False)), "'1', a BatchNorm2d without weight or fixed"),
        (ending(OwnConvolution(3, 8, 16)), "'0', a OwnConvolution of its own code (tests.methods."),
        (ending(weight_norm(nn.Conv2d(3, 8, 16))), "'0', a ParametrizedConv2d whose weight is computed"),
        (ending(nn.utils.spectral_norm(nn.Conv2d(3, 8, 16))), "'0', a Conv2d whose weight is computed"),
        (ending(nn.Conv2d(3, 8, 16), nn.Softplus()), "'1', a Softplus: choose another method"),
        (ending(nn.Conv2d(3, 8, 16), nn.Sigmoid()), "the step Sigmoid in '1' (Sigmoid)"),
        (Reused(), "'same', which runs 2 times: use a module for each time"),
        (nn.Sequential(nn.Conv2d(3, 8, 16), nn.Upsample(scale_factor=2), nn.Flatten()), "the step Upsample"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_has_no_rule_is_named(model, message):
    assert message in refusal(model)


def test_transformers_and_networks_of_others_are_refused():
    assert "a MultiheadAttention: choose another method" in refusal(
        torchvision_model("vit_b_16", image_size=32, num_classes=4), torch.randn(1, 3, 32, 32)
    )
    said = refusal(torchvision_model("densenet121"), torch.randn(1, 3, 64, 64))
    assert "merges batch normalisation into the layer that stands before it among the network's modules" in said
    assert "SqueezeExcitation" in refusal(torchvision_model("efficientnet_b0"), torch.randn(1, 3, 64, 64))


def test_layers_in_another_order_than_they_run():
    x = torch.randn(1, 3, 16, 16)
    assert maps(Swapped().eval(), x, [1]).shape == x.shape
    for composite in (lrp.BOX, "epsilon_plus_flat"):
        said = refusal(Swapped(), x, **settings_of(composite))
        assert said.startswith("lrp takes 'late' for the first layer, and 'early' runs before it: name a composite")
    assert "runs them in another order" in refusal(normed(NormFirst()), x)
    # Scores that hide what merging changes.
    hidden = nn.Sequential(normed(NormFirst()), nn.Linear(4, 4))
    hidden[1].bias.data += 1e6
    assert "runs them in another order" in refusal(hidden, x)


class Doubled(BasicBlock):
    def forward(self, x):
        return 2 * super().forward(x)


def test_blocks_that_zennit_takes_for_others():
    model = normed(nn.Sequential(Doubled(3, 3), nn.Flatten(), nn.Linear(768, 4)))
    assert refusal(model).startswith("lrp computes other scores than the network, of which it takes a module for")


def test_memory_is_free_at_once():
    model, x = plain(2), torch.randn(2, 3, 12, 16)

    def tensors():
        return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())

    maps(model, x, [0, 1])
    gc.collect()
    gc.disable()
    try:
        before = tensors()
        for _ in range(3):
            maps(model, x, [0, 1])
        assert tensors() == before
    finally:
        gc.enable()


def test_networks_that_cannot_be_copied():
    model = plain(2)
    model.kept = model[0].weight * 2
    assert refusal(model).startswith(
        "lrp works on a copy of the network, and copy.deepcopy(network) raises RuntimeError"
    )


def test_what_is_wrong_with_settings_or_missing_is_said_before_a_run(monkeypatch):
    asked = {"methods": ["lrp"], "method_settings": {"lrp": {"composite": lrp.BOX, "low": -2}}}
    message = "composite: epsilon_gamma_box needs low and high, the smallest and largest value of the input"
    assert planned.method_problems(asked) == [f"method_settings.lrp: {message}"]
    assert planned.method_problems(asked | {"method_settings": {"lrp": settings_of(lrp.BOX)}}) == []
    monkeypatch.setattr(planned, "find_package", lambda name: None)
    said = "methods: lrp needs the Python package 'zennit', which is not installed: pip install 'nip-saliency[lrp]'"
    assert planned.method_problems({"methods": ["lrp"]}) == [said]
    with pytest.raises(ValueError, match=r"^high has 2 values for 3 channels$"):
        maps(plain(2), torch.randn(1, 3, 12, 16), [0], composite=lrp.BOX, low=0, high=[1, 2])
