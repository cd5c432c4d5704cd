"""Parameters are told apart by every bit, and a network with others than were described is refused."""

import json

import pytest
import torch

from saliency.exceptions import DataError
from saliency.networks.parameters import check_parameters, network_id, parameters_sha256


class Mixed(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3).T)
        self.register_buffer("count", torch.tensor(3))
        self.register_buffer("table", torch.tensor([1 + 2j]), persistent=False)
        self.register_buffer("low", torch.tensor([1.0], dtype=torch.bfloat16))
        self.register_buffer("none", torch.zeros(0, 2))


def changes():
    yield "weight", lambda network: network.weight.data.T[1, 2].mul_(1 + 2**-23)
    yield "count", lambda network: network.count.add_(1)
    yield "table", lambda network: network.table.conj_physical_()
    yield "low", lambda network: network.low.mul_(2)
    yield "type", lambda network: setattr(network, "low", network.low.half())
    yield "shape", lambda network: setattr(network, "none", torch.zeros(2, 0))
    yield "name", lambda network: network.register_buffer("other", torch.tensor(0.0))


@pytest.mark.parametrize(("what", "change"), list(changes()), ids=lambda value: value if isinstance(value, str) else "")
def test_any_change_is_seen(what, change):
    before, network = parameters_sha256(Mixed()), Mixed()
    assert parameters_sha256(network) == before
    with torch.no_grad():
        change(network)
    assert parameters_sha256(network) != before


def test_other_weights_than_those_described_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network, other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    config = {"experiment": "e"}
    assert check_parameters(config, "net", network) == parameters_sha256(network)
    path = tmp_path / "results/e/net/model.json"
    path.parent.mkdir(parents=True)
    # Of a version that did not say it.
    path.write_text(json.dumps({"classes": 2}))
    check_parameters(config, "net", other)
    path.write_text(json.dumps({"parameters_sha256": parameters_sha256(network)}))
    check_parameters(config, "net", network)
    with pytest.raises(DataError, match=r"models\.net: its factory returns other weights .* downloaded anew"):
        check_parameters(config, "net", other)


def test_a_network_is_known_by_its_code_and_its_parameters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = torch.nn.Linear(2, 2)
    source = tmp_path / "own_network_of_test.py"

    def known(text, network, code=None):
        source.write_text(text)
        models = {"net": {"factory": "own_network_of_test:Network", "code": code}}
        return network_id({"experiment": "e", "models": models}, "net", network)

    before = known("", network)
    assert known("", network) == before
    assert len({before, known("# edited", network), known("", torch.nn.Linear(2, 2)), known("", network, "1")}) == 4
    assert known("# edited", network, "1") == known("", network, "1")
