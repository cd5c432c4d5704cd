import pytest
import torch
from torch import nn

from saliency import GuidedBackprop
from saliency.exceptions import DataError
from saliency.networks.load import load_model, load_pretrained
from tests.workflow.test_untrusted import RunsACommand


def network(classes=4, width=8):
    first, second = nn.Conv2d(3, width, 3), nn.Conv2d(width, 6, 1)
    return nn.Sequential(first, nn.BatchNorm2d(width), second, nn.Flatten(), nn.Linear(6, classes))


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_head_of_another_number_of_classes_starts_anew():
    source, model = network(1000), network(4)
    head = model[4].weight.detach().clone()
    torch.save(source.state_dict(), "w.pt")
    assert load_pretrained(model, "w.pt") == ["4.weight", "4.bias"]
    assert torch.equal(model[4].weight, head)
    for name, value in source.state_dict().items():
        assert name.startswith("4.") or torch.equal(model.state_dict()[name], value)


def test_head_of_the_same_number_of_classes_is_loaded():
    source, model = network(), network()
    torch.save({"state_dict": source.state_dict()}, "w.pt")
    assert load_pretrained(model, "w.pt") == []
    assert torch.equal(model[4].weight, source[4].weight)


@pytest.mark.parametrize("source", [network(width=9), network()[:4], nn.Sequential(nn.Linear(3, 3))])
def test_other_networks_do_not_fit(source):
    torch.save(source.state_dict(), "w.pt")
    with pytest.raises(DataError, match=r"weights 'w.pt' do not fit the network: .*"):
        load_pretrained(network(), "w.pt")


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    torch.save({"state_dict": network().state_dict(), "callbacks": RunsACommand()}, "w.pt")
    with pytest.raises(DataError, match="hold more than tensors"):
        load_pretrained(network(), "w.pt")
    assert not (tmp_path / "marker").exists()


WRAPPED = """
import torch
from torch import nn


def plain():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))


def parallel():
    return nn.DataParallel(plain())


def compiled():
    return torch.compile(plain())


def inferring():
    with torch.inference_mode():
        return plain()
"""


@pytest.mark.parametrize("name", ["parallel", "compiled", "inferring"])
def test_networks_that_a_factory_wraps(tmp_path, name):
    (tmp_path / "wrapped_networks.py").write_text(WRAPPED)
    found = load_model(f"wrapped_networks:{name}", {}, None)
    expected = load_model("wrapped_networks:plain", {}, None)
    assert list(dict(found.named_modules())) == ["", "0", "1", "2", "3"]
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(GuidedBackprop(found)(x, 1)[1], GuidedBackprop(expected)(x, 1)[1])
