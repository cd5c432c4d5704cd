from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import nn

from saliency import GuidedBackprop
from saliency.demos import brain_network
from saliency.demos.brain_network import BrainNetwork, deepbet_bbox
from tests.helpers.networks import guided_oracle

needs_deepbet = pytest.mark.skipif(find_spec("deepbet") is None, reason="needs `pip install --no-deps deepbet`")
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.load` is (deprecated|not supported)")


def scripted(name):
    return torch.jit.load(Path(find_spec("deepbet").origin).parents[1] / "data" / "models" / name, map_location="cpu")


@needs_deepbet
@pytest.mark.parametrize("name", ["bbox_model.pt", "model.pt"])
def test_equals_torchscript_exactly(name):
    original = scripted(name).eval()
    network = BrainNetwork().eval()
    network.load_state_dict(original.state_dict())
    x = torch.randn(1, 1, 64, 64, 64)
    with torch.no_grad():
        assert torch.equal(network(x), original(x))


@needs_deepbet
def test_factory_loads_the_bbox_weights():
    model = deepbet_bbox()
    network = model.network
    assert not model.training
    expected = scripted("bbox_model.pt").state_dict()
    found = network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


class MeanProbability(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x).mean((2, 3, 4))


@needs_deepbet
def test_guided_backprop_equals_autograd_function(monkeypatch):
    model = MeanProbability(deepbet_bbox().network).double()
    x, classes = torch.randn(1, 1, 64, 64, 64, dtype=torch.float64), torch.tensor([1])
    _, gbp = GuidedBackprop(model)(x, classes)
    expected = guided_oracle(monkeypatch, model, x, classes)
    assert (gbp - expected).abs().max() < 1e-12 * expected.abs().max()
    assert gbp.isfinite().all()
    assert gbp.abs().max() > 0


@needs_deepbet
def test_volumes_are_standardised_one_by_one():
    model = deepbet_bbox()
    seen = []
    model.network.register_forward_pre_hook(lambda _module, args: seen.append(args[0]))
    with torch.no_grad():
        model(torch.rand(2, 1, 64, 64, 64) * torch.tensor([1.0, 5.0]).view(2, 1, 1, 1, 1))
    for volume in seen[0]:
        torch.testing.assert_close(volume.mean(), torch.tensor(0.449))
        torch.testing.assert_close(volume.std(), torch.tensor(0.226))


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(brain_network, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install --no-deps deepbet"):
        deepbet_bbox()
