import copy

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize, prune

from saliency import GuidedBackprop
from saliency.metrics.plain_weights import with_plain_weights
from saliency.metrics.randomisation import cascade, layers_from_the_top, randomisation_test, randomise
from tests.helpers.networks import torchvision_model


def _network(convolution=nn.Conv2d, norm=nn.BatchNorm2d, pool=nn.AdaptiveAvgPool2d):
    torch.manual_seed(0)
    layers = {
        "first": nn.Sequential(convolution(2, 6, 3, padding=1), norm(6), nn.ReLU()),
        "second": nn.Sequential(convolution(6, 8, 3, padding=1), norm(8), nn.ReLU()),
        "pool": pool(1),
        "flat": nn.Flatten(),
        "head": nn.Linear(8, 4),
    }
    model = nn.Sequential()
    for name, layer in layers.items():
        model.add_module(name, layer)
    return model.eval()


def _parameters(model):
    return {name: value.clone() for name, value in model.named_parameters()}


class HeadFirst(nn.Module):
    """Defines its layers in another order than it runs them, and one that it never runs."""

    def __init__(self):
        super().__init__()
        self.head, self.unused, self.stem = nn.Linear(4, 2), nn.Linear(1, 1), nn.Conv2d(1, 4, 3)

    def forward(self, x):
        return self.head(self.stem(x).mean((2, 3)))


def test_layers_are_in_the_order_in_which_they_run():
    assert layers_from_the_top(HeadFirst(), torch.rand(1, 1, 5, 5)) == ["head", "stem"]
    assert layers_from_the_top(_network(), torch.rand(1, 2, 8, 8)) == [
        "head",
        "second.1",
        "second.0",
        "first.1",
        "first.0",
    ]


def test_the_cascade_goes_down_and_stays():
    model = _network()
    for norm in (model.first[1], model.second[1]):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    before = _parameters(model)
    layers = ["head", "second", "first"]
    previous = before
    for depth, (name, randomised) in enumerate(cascade(model, layers, seed=0), start=1):
        assert name == layers[depth - 1]
        now = _parameters(randomised)
        changed = {key.partition(".")[0] for key in now if not torch.equal(now[key], before[key])}
        assert changed == set(layers[:depth])
        assert {key.partition(".")[0] for key in now if not torch.equal(now[key], previous[key])} == {name}
        assert all(not torch.equal(now[key], before[key]) for key in now if key.startswith(name))
        previous = now
    assert all(torch.equal(value, before[key]) for key, value in _parameters(model).items())


def test_running_statistics_are_no_parameters():
    norm = nn.BatchNorm3d(3)
    norm(torch.randn(2, 3, 4, 4, 4) * 5 + 1)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    statistics = norm.running_mean.clone(), norm.running_var.clone(), norm.num_batches_tracked.clone()
    randomise(norm)
    for found, expected in zip(
        (norm.running_mean, norm.running_var, norm.num_batches_tracked), statistics, strict=True
    ):
        assert torch.equal(found, expected)
    assert torch.equal(norm.weight.data, torch.ones(3))
    assert torch.equal(norm.bias.data, torch.zeros(3))


def test_parameters_of_unknown_modules_keep_their_distribution():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.randn(20000) * 3 + 7)

    module = Scale()
    before = module.scale.detach().clone()
    randomise(module)
    assert not torch.equal(module.scale, before)
    assert float(module.scale.detach().mean()) == pytest.approx(7, abs=0.1)
    assert float(module.scale.detach().std()) == pytest.approx(3, abs=0.1)
    assert abs(np.corrcoef(before, module.scale.detach())[0, 1]) < 0.05


def test_seeds_and_the_random_state_of_the_caller():
    def head(seed):
        return next(cascade(_network(), ["head"], seed))[1].head.weight

    state = torch.random.get_rng_state()
    model = _network()
    torch.random.set_rng_state(state)
    list(cascade(model, ["head", "first"], 0))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(head(1), head(1))
    assert not torch.equal(head(1), head(2))


@pytest.mark.parametrize(
    ("model", "shape"),
    [(_network(), (2, 16, 12)), (_network(nn.Conv3d, nn.BatchNorm3d, nn.AdaptiveAvgPool3d), (2, 8, 9, 10))],
)
def test_table(model, shape):
    x = torch.randn(3, *shape)
    before = copy.deepcopy(model.state_dict())
    table = randomisation_test(model, x, ["head", "second", "first"], target_layer="second", batch_size=2)
    assert len(table) == 4 * 3 * 3
    assert table.groupby("depth")["layer"].unique().map(list).tolist() == [[""], ["head"], ["second"], ["first"]]
    intact = table[(table["depth"] == 0) & ~table["zero_map"]]
    np.testing.assert_allclose(intact[["spearman", "spearman_absolute", "ssim"]], 1)
    assert (table.loc[table["depth"] == 3, "spearman"].dropna() < 0.99).all()
    measures = table[["spearman", "spearman_absolute", "ssim"]]
    assert (measures.abs() <= 1 + 1e-9).to_numpy()[measures.notna()].all()
    assert table.equals(randomisation_test(model, x, ["head", "second", "first"], target_layer="second", batch_size=2))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.training


def test_values_are_those_of_the_maps_of_both_models():
    model = _network()
    x = torch.randn(2, 2, 16, 16)
    classes = model(x).argmax(1)
    _, randomised = next(cascade(model, ["head"], seed=3))
    table = randomisation_test(model, x, ["head"], seed=3)
    table = table[(table["depth"] == 1) & (table["method"] == "guided_backprop")]
    first, second = (GuidedBackprop(network)(x, classes)[1].numpy() for network in (model, randomised))
    for number in range(2):
        signed = first[number].sum(axis=0).ravel(), second[number].sum(axis=0).ravel()
        absolute = [np.abs(maps[number]).sum(axis=0) for maps in (first, second)]
        similar = structural_similarity(*(maps / maps.max() for maps in absolute), data_range=1.0)
        row = table.iloc[number]
        assert row["spearman"] == pytest.approx(spearmanr(*signed).statistic, abs=1e-6)
        assert row["spearman_absolute"] == pytest.approx(spearmanr(*map(np.ravel, absolute)).statistic, abs=1e-6)
        assert row["ssim"] == pytest.approx(similar, abs=1e-5)
        assert not row["zero_map"]


def test_all_layers_of_a_residual_network():
    model = torchvision_model("resnet18", num_classes=5)
    names = layers_from_the_top(model, torch.rand(1, 3, 32, 32))
    assert (names[0], names[-1]) == ("fc", "conv1")
    assert set(names) == {name.rpartition(".")[0] for name, _ in model.named_parameters()}


@pytest.mark.parametrize("methods", [["guided_backprop"], ["gradcam"], ["guided_backprop", "gradcam"]])
def test_some_methods_have_the_values_that_they_have_among_all(methods):
    model, x = _network(), torch.randn(2, 2, 16, 16)
    every = randomisation_test(model, x, ["head", "second"])
    some = randomisation_test(model, x, ["head", "second"], methods=methods)
    assert some["method"].unique().tolist() == methods
    expected = every[every["method"].isin(methods)].reset_index(drop=True)
    assert some[["depth", "method", "row"]].equals(expected[["depth", "method", "row"]])
    np.testing.assert_allclose(some["spearman"], expected["spearman"], atol=1e-3)


def test_without_its_last_activation_the_model_is_the_one_before_it():
    model, x = _network(), torch.randn(2, 2, 16, 16)
    whole = nn.Sequential()
    for name, layer in [*model.named_children(), ("softmax", nn.Softmax(dim=1))]:
        whole.add_module(name, layer)
    before = randomisation_test(model, x, ["head"], "second")
    assert randomisation_test(whole, x, ["head"], "second", ignore_lastlayer=True).equals(before)
    assert not randomisation_test(whole, x, ["head"], "second").equals(before)


def _convolutions(wrap):
    torch.manual_seed(0)
    layers = [wrap(nn.Conv2d(3, 16, 3)), nn.ReLU(), wrap(nn.Conv2d(16, 16, 3)), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), wrap(nn.Linear(16, 8)))


class Twice(nn.Module):
    def forward(self, weight):
        return 2 * weight


def _doubled(layer):
    parametrize.register_parametrization(layer, "weight", Twice())
    return layer


class OwnNorm(nn.Conv2d):
    """Computes its weight from a parameter of another name, and initialises what it does not use."""

    def __init__(self, *args):
        super().__init__(*args)
        direction = self.weight.detach()
        del self.weight
        self.weight, self.direction = torch.zeros_like(direction), nn.Parameter(direction)

    def forward(self, x):
        return functional.conv2d(x, self.direction / self.direction.norm(), self.bias)


COMPUTED = {
    "old weight_norm": lambda: _convolutions(nn.utils.weight_norm),
    "weight_norm": lambda: _convolutions(nn.utils.parametrizations.weight_norm),
    "old spectral_norm": lambda: _convolutions(nn.utils.spectral_norm),
    "spectral_norm": lambda: _convolutions(nn.utils.parametrizations.spectral_norm),
    "pruned": lambda: _convolutions(lambda layer: prune.l1_unstructured(layer, "weight", 0.5)),
    "pruned twice": lambda: _convolutions(
        lambda layer: prune.random_unstructured(prune.l1_unstructured(layer, "weight", 0.3), "weight", 0.3)
    ),
    "own parametrisation": lambda: _convolutions(_doubled),
    "own layer": lambda: nn.Sequential(OwnNorm(3, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
@pytest.mark.parametrize("name", COMPUTED)
def test_weights_that_are_computed_are_randomised(name):
    model = COMPUTED[name]().eval()
    x = torch.randn(64, 3, 12, 12)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    plain = with_plain_weights(model)
    layers = layers_from_the_top(plain, x[:1])
    *_, (_, randomised) = cascade(plain, layers, seed=1)
    assert layers == (["0"] if name == "own layer" else ["6", "2", "0"])
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in state.items())
    with torch.no_grad():
        before, after = model(x), randomised(x)
        torch.testing.assert_close(plain(x), before)
    # What all samples share, such as biases, says nothing of the weights.
    before, after = (output - output.mean(0) for output in (before, after))
    assert abs(np.corrcoef(before.flatten(), after.flatten())[0, 1]) < 0.5
    one, other = (network[0].direction if name == "own layer" else network[0].weight for network in (plain, randomised))
    assert abs(np.corrcoef(one.detach().flatten(), other.detach().flatten())[0, 1]) < 0.2


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
def test_maps_change_where_weights_are_computed():
    model = COMPUTED["old weight_norm"]().eval()
    table = randomisation_test(model, torch.randn(2, 3, 12, 12), target_layer="2", methods=["guided_backprop"])
    last = table[table["depth"] == table["depth"].max()]
    assert (last["spearman_absolute"] < 0.9).all()
    assert table["layer"].unique().tolist() == ["", "6", "2", "0"]


def test_models_without_computed_weights_are_not_copied():
    model = _network()
    assert with_plain_weights(model) is model


def test_the_model_itself_still_computes_its_weights():
    model = COMPUTED["weight_norm"]()
    with_plain_weights(model)
    names = [name for name, _ in model.named_parameters()]
    assert "0.parametrizations.weight.original0" in names
    with torch.no_grad():
        weight = model[0].weight.clone()
        model[0].parametrizations.weight.original0.mul_(2)
        torch.testing.assert_close(model[0].weight, 2 * weight)
