"""Code in checkpoints: none of it runs unless it is trusted, wherever in the file it stands."""

import argparse
import builtins
import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from saliency.exceptions import DataError
from saliency.networks.checkpoint import STAND_INS, read_checkpoint
from saliency.networks.load import load_model
from tests.helpers.checkpoint_networks import Classifier
from tests.helpers.what_runs import what_runs


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Runs:
    """Its unpickling calls something."""

    def __init__(self, function: Callable, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


class Key(Runs):
    """Something else that can be a key of a dict."""

    def __init__(self, call: object) -> None:
        function, arguments = call.call if isinstance(call, Runs) else (call if callable(call) else type(call), ())
        super().__init__(function, *arguments)


class Dict(dict):
    """A class of one's own."""


def object_scalar() -> object:
    """A number of NumPy that is a pickled object."""
    return Runs(np._core.multiarray.scalar, np.dtype("O"), Runs(os.system, "touch marker"))


TOUCH = "open('marker', 'w')"
CALLS = {
    "os.system": Runs(os.system, "touch marker"),
    "eval": Runs(builtins.eval, TOUCH),
    "exec": Runs(builtins.exec, TOUCH),
    "open": Runs(builtins.open, "marker", "w"),
    "subprocess": Runs(subprocess.call, ["touch", "marker"]),
    "pickle.loads": Runs(pickle.loads, pickle.dumps(Runs(builtins.open, "marker", "w"))),
    "numpy.load": Runs(np.load, "evil.npy"),
    "numpy.save": Runs(np.save, "marker", 1),
    "a number of an object": object_scalar(),
    "torch.load": Runs(torch.load, "other.pt"),
    "torch.hub": Runs(torch.hub.load, ".", "marker"),
    "path.touch": Runs(Path.touch, Path("marker")),
    "path.write_text": Runs(Path.write_text, Path("marker"), "x"),
    "an optimiser": torch.optim.Adam([nn.Parameter(torch.ones(1))]),
    "a class": Dict(a=1),
    "a function": subprocess.getoutput,
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["beside", "instead of a tensor", "as a key", "in a namespace", "in an array"])
@pytest.mark.parametrize("name", CALLS)
def test_nothing_runs(name, place, zipped, folder):
    call = CALLS[name]
    content: object = {"model": Classifier(1).state_dict(), "extra": call}
    if place == "instead of a tensor":
        content = Classifier(1).state_dict() | {"head.bias": call}
    elif place == "as a key":
        content = {"model": Classifier(1).state_dict(), Key(call): 1}
    elif place == "in a namespace":
        content = {"model": Classifier(1).state_dict(), "args": argparse.Namespace(call=call)}
    elif place == "in an array":
        content = {"model": Classifier(1).state_dict(), "scores": np.array([call, None], dtype=object)}
    torch.save(content, "w.pt", _use_new_zipfile_serialization=zipped)
    message = r"^weights 'w.pt' hold more than tensors \(loading calls .*trust_checkpoint"
    with what_runs() as ran, pytest.raises(DataError, match=message):
        load_model("tests.helpers.checkpoint_networks:Classifier", {}, "w.pt")
    assert ran == []
    assert not (folder / "marker").exists()


def test_nothing_of_numpy_or_of_scripts_is_called():
    """What stands for a name is this package's, and keeps nothing; a hostile number of NumPy makes no object of it."""
    assert {stands.__module__ for stands in STAND_INS.values()} == {"saliency.networks.checkpoint"}
    for stands in set(STAND_INS.values()):
        made = stands(os.system, "touch marker")
        assert made == {} or vars(made) == {}
    torch.save({"a": np.float64(3), "b": np.ones(3), "c": argparse.Namespace(x=1)}, "w.pt")
    found = read_checkpoint(Path("w.pt"), "w.pt")
    assert not any(isinstance(value, np.generic | np.ndarray | argparse.Namespace) for value in found.values())


def test_a_trusted_checkpoint_may_run(folder):
    """So that the tests above would notice."""
    torch.save({"model": Classifier(1).state_dict(), "extra": CALLS["os.system"]}, "w.pt")
    with what_runs() as ran:
        load_model("tests.helpers.checkpoint_networks:Classifier", {}, "w.pt", trust_checkpoint=True)
    assert any(event.startswith("os.system") for event in ran)
    assert any(event.startswith("pickle.find_class") for event in ran)
    assert (folder / "marker").exists()
