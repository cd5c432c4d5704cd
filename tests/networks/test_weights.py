"""Weights that fill a network in part: what stays is named, in the log and in `model.json`."""

import hashlib
import json
import logging
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import nn

from saliency.exceptions import DataError
from saliency.experiment.config import Config
from saliency.experiment.validation import complete_config
from saliency.networks.describe import write_descriptions
from saliency.networks.load import configured_model, load_model, load_pretrained
from saliency.networks.weights import Choice, load_weights
from tests.helpers.checkpoint_networks import BackboneAndHead, Classifier
from tests.helpers.workflow_project import Project

PART = Choice(strict=False)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_what_does_not_fit_stays_and_is_named(caplog):
    source, network, before = Classifier(1, classes=7), Classifier(2), Classifier(2).state_dict()
    torch.save({"net": {**source.state_dict(), "aux.weight": torch.ones(1)}}, "w.pt")
    assert load_weights(network, "w.pt", choice=PART) == ["head.weight", "head.bias"]
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name] if name.startswith("head.") else source.state_dict()[name]), name
    assert [(record.levelno, record.message) for record in caplog.records if record.levelno > logging.INFO] == [
        (logging.WARNING, "weights 'w.pt': the network has no place for aux.weight"),
        (
            logging.WARNING,
            "weights 'w.pt' do not fill the network: 2 of 9 tensors stay as the factory made them, mostly random: "
            "head.weight, head.bias",
        ),
    ]


def test_a_backbone_fills_the_child_that_it_fits():
    torch.save(Classifier(1).state_dict(), "w.pt")
    with pytest.raises(DataError, match="do not fit"):
        load_weights(BackboneAndHead(), "w.pt")
    network = BackboneAndHead()
    assert load_weights(network, "w.pt", choice=PART) == ["last.weight", "last.bias"]
    assert torch.equal(network.backbone.conv.weight, Classifier(1).conv.weight)


def test_two_parts_that_fit_alike_are_asked_for(caplog):
    first, second = ({"conv.weight": Classifier(seed).conv.weight.detach()} for seed in (1, 2))
    torch.save({"model": first, "ema": second}, "w.pt")
    with pytest.raises(DataError, match="set weights_key to one of 'model', 'ema'"):
        load_weights(Classifier(), "w.pt", choice=PART)
    network = Classifier()
    kept = load_weights(network, "w.pt", choice=Choice(key="ema", strict=False))
    assert len(kept) == 7
    assert torch.equal(network.conv.weight, second["conv.weight"])
    twins = nn.ModuleDict({"left": Classifier(), "right": Classifier()})
    torch.save(Classifier(1).state_dict(), "w.pt")
    with pytest.raises(DataError, match=r"begin with 'left.', 'right.' fit alike: let the factory load the checkpoint"):
        load_weights(twins, "w.pt", choice=PART)


@pytest.mark.parametrize("state", [nn.Linear(3, 3).state_dict(), {"conv.weight": torch.ones(1)}])
def test_a_checkpoint_of_which_nothing_fits_is_refused(state):
    torch.save(state, "w.pt")
    with pytest.raises(DataError, match="do not fit"):
        load_weights(Classifier(), "w.pt", choice=PART)


def test_a_network_that_keeps_more_than_tensors_is_refused():
    class Extra(nn.Linear):
        def get_extra_state(self):
            return {"step": 3}

        def set_extra_state(self, state):
            pass

    torch.save(nn.Linear(3, 2).state_dict(), "w.pt")
    with pytest.raises(DataError, match="cannot be loaded into _extra_state, which is no tensor: let the factory"):
        load_weights(Extra(3, 2), "w.pt")


def test_pretrained_weights_of_a_choice():
    torch.save({"model": Classifier(1, classes=7).state_dict(), "ema": Classifier(2, classes=7).state_dict()}, "w.pt")
    with pytest.raises(DataError, match="set weights_key to one of 'model', 'ema'"):
        load_pretrained(Classifier(), "w.pt")
    network = Classifier()
    assert load_pretrained(network, "w.pt", choice=Choice(key="ema")) == ["head.weight", "head.bias"]
    assert torch.equal(network.conv.weight, Classifier(2).conv.weight)


def test_networks_that_rename_and_pass_over_are_no_reason_to_leave_tensors_random():
    """A network that itself overrides loading so that what is missing counts for nothing is not believed."""
    torch.save({"conv.weight": Classifier(1).conv.weight}, "w.pt")
    with pytest.raises(DataError, match="7 of its 9 tensors are missing"):
        load_model("tests.helpers.checkpoint_networks:Lenient", {}, "w.pt")


def completed(tmp_path, **model) -> Config:
    project = Project(tmp_path) if (tmp_path / "data").exists() else Project.create(tmp_path)
    model = {"factory": "tests.helpers.checkpoint_networks:Classifier", **model}
    project.write_config(models={"net": model})
    config, problems = complete_config(yaml.safe_load((tmp_path / "config.yaml").read_text()))
    assert problems == []
    return config


def described(config):
    write_descriptions(config, "net", {"model": "model.json"})
    return json.loads(Path("model.json").read_text())


def test_keys_of_a_config_reach_the_network_and_its_description(tmp_path):
    torch.save({"model": Classifier(1).state_dict(), "ema": Classifier(2, classes=7).state_dict()}, "w.pt")
    config = completed(tmp_path, weights="w.pt")
    assert torch.equal(configured_model(config, "net").head.weight, Classifier(1).head.weight)
    found = described(config)
    assert (found["weights_left"], found["classes"]) == ([], 4)
    config = completed(tmp_path, weights="w.pt", weights_key="ema", weights_strict=False)
    network = configured_model(config, "net")
    assert torch.equal(network.conv.weight, Classifier(2).conv.weight)
    assert torch.equal(network.head.weight, Classifier(0).head.weight)
    assert described(config)["weights_left"] == ["head.weight", "head.bias"]
    assert described(completed(tmp_path))["weights_left"] == []


def test_description_hashes_every_part(tmp_path):
    """Of one file it is the hash of that file, as always."""
    state = Classifier(1).state_dict()
    names = list(state)
    for number, chosen in enumerate([names[:3], names[3:]]):
        save_file({name: state[name] for name in chosen}, f"{number}.safetensors")
    index = {name: f"{int(name not in names[:3])}.safetensors" for name in names}
    Path("w.index.json").write_text(json.dumps({"weight_map": index}))
    found = described(completed(tmp_path, weights="w.index.json"))["weights_sha256"]
    files = [Path(name).read_bytes() for name in ("w.index.json", "0.safetensors", "1.safetensors")]
    assert found == hashlib.sha256(b"".join(files)).hexdigest()
    save_file(state, "w.safetensors")
    found = described(completed(tmp_path, weights="w.safetensors"))["weights_sha256"]
    assert found == hashlib.sha256(Path("w.safetensors").read_bytes()).hexdigest()
