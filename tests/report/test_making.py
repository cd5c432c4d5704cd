"""What the page says of how it was made."""

import yaml

from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.report.making import making
from tests.helpers.workflow_project import Project

CITED = {"software": "nip-saliency 1.2", "digest": "0" * 64}


def test_networks_weights_and_preparation_are_named(tmp_path, monkeypatch):
    project = Project.create(tmp_path, samples=2, audit={"seed": 7}, report={})
    tiny = project.config["models"]["tiny"]
    (tmp_path / "learned.pt").write_bytes(b"")
    project.write_config(
        audit={"seed": 7},
        report={},
        models={
            "first": tiny | {"weights": "learned.pt", "input": {"crop": 28}},
            "second": tiny | {"kwargs": {"channels": 3}, "allow_random": True},
        },
    )
    monkeypatch.chdir(tmp_path)
    config, problems = complete_config(project.config, check=False)
    assert problems == []
    said = dict(making(Plan(config), CITED))
    assert said["Software"] == "nip-saliency 1.2"
    assert said["SHA-256 of the results"] == "0" * 64
    assert said["Network first"] == "tiny_network:Network, weights: learned.pt"
    assert said["Network second"] == "tiny_network:Network{channels: 3}, weights: those of the factory"
    for model, crop in (("first", 28), ("second", 30)):
        seen = yaml.safe_load(said[f"Samples as {model} sees them"])
        assert (seen["resize"], seen["crop"]) == (32, crop)
    assert "null" not in said["Samples as first sees them"]
    assert said["Seed of the audit"] == "7"
