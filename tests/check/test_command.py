"""`python -m saliency check`, and the first job of a run where something is expected."""

import json

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torch import nn

from saliency.__main__ import main
from saliency.check.model_check import inspect_model
from saliency.exceptions import DataError
from saliency.experiment.validation import complete_config

COUNT, SIDE = 40, 16


class ByColour(nn.Module):
    """Class 0 is red, class 1 green, class 2 blue: what counts is the mean of its channel."""

    def __init__(self, order=(0, 1, 2)):
        super().__init__()
        self.order, self.conv, self.act, self.head = list(order), nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Linear(3, 3)
        with torch.no_grad():
            for layer, scale in ((self.conv, 1), (self.head, 20)):
                layer.weight.copy_(torch.eye(3).reshape(layer.weight.shape) * scale)
                layer.bias.zero_()

    def forward(self, x):
        return self.head(self.act(self.conv(x[:, self.order])).mean((2, 3)))


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Writes the config of an experiment on pictures in three colours."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for number in range(COUNT):
        pixels = random.integers(0, 60, (SIDE, SIDE, 3), dtype=np.uint8)
        pixels[..., number % 3] += 60
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    rows = [f"s{number},{number}.png,{number % 3}" for number in range(COUNT)]
    (tmp_path / "samples.csv").write_text("\n".join(["id,path,label", *rows]) + "\n")

    def write(factory="ByColour", expect=None, **changes):
        content = {
            "experiment": "colours", "manifest": "samples.csv", "batch_size": 16, "shard_size": 20,
            "input": {"resize": None, "crop": SIDE, "mean": [0], "std": [1]},
            "models": {"net": {"factory": f"tests.check.test_command:{factory}", "expect": expect}},
        } | changes  # fmt: skip
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
        return content

    return write


def one_class():
    network = ByColour()
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.copy_(torch.tensor([1.0, 0, 0]))
    return network


def backwards():
    return ByColour((2, 1, 0))


def test_what_is_told_of_a_model_that_is_right(config, capsys, tmp_path):
    config(expect={"accuracy": 0.9})
    assert main(["check", "config.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  network: tests.check.test_command:ByColour, 24 parameters, no weights in the config" in lines
    assert "  input and scores: 3 x 16 x 16, 3 classes (logits)" in lines
    assert "  target layer: act (channels first), map of 16 x 16" in lines
    assert "  accuracy is 100 % of 40 labelled samples (95 % interval 91 % to 100 %), expected is 90 %" in lines
    assert any(line.startswith("  run: 40 samples, 1 targets: about ") for line in lines)
    with Image.open(tmp_path / "results" / "colours" / "check" / "net.png") as figure:
        assert min(figure.size) > 100


def test_a_model_whose_channels_are_mixed_up(config, capsys):
    config("backwards")
    assert main(["check", "config.yaml"]) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "accuracy is" in line]
    # Class 1 keeps its channel.
    assert line.startswith("  accuracy is 32 % of 40 labelled samples")
    assert "surer of the labels with the channels in reverse order (BGR) (accuracy 100 %): set input.order: bgr" in line


def test_labels_outside_the_classes(config, capsys, tmp_path):
    config()
    table = (tmp_path / "samples.csv").read_text()
    (tmp_path / "samples.csv").write_text(table.replace("s3,3.png,0", "s3,3.png,7"))
    assert main(["check", "config.yaml"]) == 0
    printed = capsys.readouterr().out
    assert "accuracy is 100 % of 39 labelled samples" in printed
    assert "warning: there is a label 7, but the network has 3 classes: 0 … 2" in printed


def test_an_expectation_that_cannot_be_judged(config, capsys, tmp_path):
    """A run would stop at its start, and so the check does not pass."""
    config(expect={"accuracy": 0.9})
    (tmp_path / "samples.csv").write_text("id,path\na,0.png\n")
    assert main(["check", "config.yaml"]) == 1
    assert "accuracy: not known, needs samples with one class each as their label" in capsys.readouterr().out


def test_networks_are_built_once(config, monkeypatch):
    built, start = [], ByColour.__init__
    monkeypatch.setattr(ByColour, "__init__", lambda self, *given: built.append(1) or start(self, *given))
    config(expect={"accuracy": 0.9})
    assert main(["check", "config.yaml"]) == 0
    # Once more to see whether its weights are random.
    assert len(built) == 2


def test_a_run_begins_with_what_is_expected(config, tmp_path):
    for factory, stops in (("backwards", True), ("ByColour", False)):
        completed, problems = complete_config(config(factory, expect={"accuracy": 0.9}))
        assert problems == []
        if stops:
            with pytest.raises(DataError, match=r"^models.net: accuracy is 32 % of 40 .* expected is 90 %; .*\(BGR\)"):
                inspect_model(completed, "net", {"model": "model.json"})
        else:
            inspect_model(completed, "net", {"model": "model.json"})
            assert json.loads((tmp_path / "model.json").read_text())["classes"] == 3


def test_what_cannot_be_checked(config, capsys, tmp_path):
    assert main(["check", "nothing.yaml"]) == 2
    assert "nothing.yaml: cannot be read (FileNotFoundError" in capsys.readouterr().err
    config(models={"net": {"factory": "tests.check.test_command:Missing"}}, batch_size=0)
    assert main(["check", "config.yaml"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert any(line.startswith("config.yaml: batch_size") for line in errors)
    completed, _ = complete_config(config(expect={"accuracy": 0.9}))
    (tmp_path / "samples.csv").write_text("id,path\na,0.png\n")
    with pytest.raises(DataError, match=r"expect.accuracy needs samples with one class"):
        inspect_model(completed, "net", {"model": "model.json"})


@pytest.mark.parametrize(("factory", "warned"), [("ByColour", False), ("backwards", True), ("one_class", True)])
def test_a_run_without_an_expectation_warns_of_chance(config, caplog, factory, warned):
    completed, _ = complete_config(config(factory))
    inspect_model(completed, "net", {"model": "model.json"})
    # In reverse order, green alone is right: a third of the samples, as if it were always said.
    assert ("of 40 labelled samples are right, no more than by chance (3 classes)" in caplog.text) == warned
