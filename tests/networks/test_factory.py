"""What factories raise and return, in one line with the remedy; layers that take their sizes from the input."""

import re

import pytest
import torch
from torch import nn

from saliency.exceptions import DataError
from saliency.networks.factory import build_network
from saliency.networks.load import load_model, load_pretrained
from tests.helpers import odd_factories

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated", "ignore:Lazy modules", "ignore:.*quantized tensor")


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def build(name, shape=None, **kwargs):
    return build_network(f"tests.helpers.odd_factories:{name}", kwargs, shape)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "downloads",
            r"raised URLError: .* \(odd_factories.py, line \d+\): jobs may have no network: .*pretrained: false",
        ),
        ("downloads_below", r"raised OSError: We couldn't load the files, see .*jobs may have no network: "),
        (
            "fails",
            r"raised RuntimeError: first line second line x{270,280} … \(odd_factories.py, line \d+\): call it with",
        ),
        ("wrong_type", r"raised TypeError: .*: call it with these kwargs in Python"),
        ("leaves", r"raised SystemExit: 3 "),
        ("nothing", "returned a NoneType, not a torch.nn.Module: name a function that returns the network$"),
        ("with_transform", "returned a tuple, not .*: write a function that returns the network alone, and name that$"),
        (
            "state",
            "returned a OrderedDict, not .*: name a function that returns the network, and the checkpoint as weights",
        ),
        ("a_class", "returned the class Linear, not a torch.nn.Module: name the class itself as the factory"),
        ("without_values", r"a network without values \(0.weight is on the device meta\): let it build the network on"),
        (
            "quantised",
            r"returned a quantised network \(1 \(Linear\)\), .*: let it return the network in floating point",
        ),
        ("quantised_buffer", r"returned a quantised network \(table\)"),
        ("lazy", r"returned layers whose size comes from their first input \(0.weight\): give them their sizes"),
    ],
)
def test_what_factories_do_is_named_in_one_line(name, message):
    with pytest.raises(DataError) as caught:
        build(name)
    words = str(caught.value)
    assert words.startswith(f"factory 'tests.helpers.odd_factories:{name}' ")
    assert re.search(message, words), words
    assert "\n" not in words


@pytest.mark.parametrize("kwargs", [{"pretrain": False}, {"pretrained": True, "weights": None}])
def test_kwargs_that_a_factory_does_not_take(kwargs):
    with pytest.raises(DataError, match=r"does not take these kwargs: .*unexpected keyword argument"):
        build("downloads", **kwargs)
    with pytest.raises(DataError, match=r"does not take these kwargs: .*missing 1 required positional argument"):
        build_network("torch.nn:Linear", {"in_features": 3})


def test_a_module_that_cannot_be_imported_is_named(tmp_path):
    (tmp_path / "broken_factory.py").write_text("1 / 0\n")
    with pytest.raises(DataError, match=r"'broken_factory:net' cannot be imported: ZeroDivisionError: .* \(broken_fac"):
        build_network("broken_factory:net", {})
    with pytest.raises(DataError, match=r"'torch.nn:NoSuchLayer' cannot be found"):
        build_network("torch.nn:NoSuchLayer", {})


def test_lazy_layers_get_their_sizes_from_the_input():
    """Statistics of batch normalisation stay, and the values are those that torch gives with the same seed."""
    network = build("lazy", (3, 8, 8))
    assert [list(value.shape) for value in network.parameters()] == [[6, 3, 3, 3], [6], [6], [6], [4, 216], [4]]
    assert torch.equal(network[1].running_mean, torch.zeros(6))
    assert int(network[1].num_batches_tracked) == 0
    torch.manual_seed(0)
    plain = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(216, 4)
    )
    for name, value in plain.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name
    assert all(
        torch.equal(a, b) for a, b in zip(network.parameters(), build("lazy", (3, 8, 8)).parameters(), strict=True)
    )


def test_weights_are_loaded_into_lazy_layers():
    source = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(216, 4)
    )
    torch.save({"state_dict": nn.DataParallel(source).state_dict()}, "w.pt")
    network = load_model("tests.helpers.odd_factories:lazy", {}, "w.pt", shape=(3, 8, 8))
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(network(x), source.eval()(x))
    with pytest.raises(DataError, match=r"5.weight: checkpoint \[4, 216\], network \[4, 384\]"):
        load_model("tests.helpers.odd_factories:lazy", {}, "w.pt", shape=(3, 10, 10))


def test_lazy_layers_that_get_no_size():
    with pytest.raises(DataError, match=r"and auxiliary.weight gets none when it runs: give them their sizes"):
        build("LazyBranch", (3,))
    with pytest.raises(DataError, match=r"and does not run on \[1, 3\] \(RuntimeError: .*\): give them their sizes"):
        build("lazy", (3,))


def test_network_is_in_eval_mode_and_may_be_trained():
    assert not load_model("tests.helpers.odd_factories:lazy", {}, None, shape=(3, 8, 8)).training
    assert build("lazy", (3, 8, 8)).training
    torch.save(nn.Linear(3, 2).state_dict(), "w.pt")
    assert load_pretrained(odd_factories.downloads(pretrained=False), "w.pt") == []


def test_networks_that_could_be_quantised_are_none():
    network = build_network("torchvision.models.quantization:resnet18", {"weights": None, "quantize": False})
    assert any(type(module).__name__ == "FloatFunctional" for module in network.modules())
