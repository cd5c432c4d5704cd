"""Samples of a torch dataset of the user's: the same maps as from files, and nothing is done that nobody asked for."""

import importlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from saliency.exceptions import DataError, InputError
from saliency.experiment.config import input_config
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.readers.formats.torch_datasets import DatasetImages
from saliency.readers.samples import preprocessing_of, read_sample

MODULE = """
import io
import time

import torch
from torch.utils.data import Dataset


class Ramps(Dataset):
    shape = (3, 6, 8)

    def __len__(self):
        return 4

    def __getitem__(self, index):
        if index == 3:
            raise KeyError("size")
        return torch.arange(torch.Size(self.shape).numel()).reshape(self.shape) * 0.5 - index, index % 2


class Cubes(Ramps):
    shape = (2, 4, 5, 6)


class Texts(Ramps):
    def __getitem__(self, index):
        return "text"


def broken():
    raise OSError("no such folder")


class OneHandle(Dataset):
    # Rows of a file through one handle, which two threads would move under each other's feet.
    made = 0

    def __init__(self):
        time.sleep(0.01)
        OneHandle.made += 1
        self.file = io.BytesIO(bytes(range(240)))

    def __getitem__(self, index):
        self.file.seek(2 * 3 * index)
        time.sleep(0.001)
        return torch.tensor(list(self.file.read(2 * 3))).reshape(1, 2, 3)


ramps = Ramps()
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Three samples, of a module that has another name in each test, since imports stay."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    name = f"rows_{tmp_path.name}"
    Path(f"{name}.py").write_text(MODULE)
    Path("m.csv").write_text("id,label\na,0\nb,1\nc,0\n")
    settings = {"dataset": f"{name}:Ramps", "crop": [6, 8]}
    models = {"net": {"factory": "torch.nn:Linear"}}
    return {"experiment": "e", "manifest": "m.csv", "input": settings, "models": models}


def ramp(shape, index):
    return (torch.arange(torch.Size(shape).numel()).reshape(shape) * 0.5 - index).numpy()


def read(config):
    completed, problems = complete_config(config)
    assert problems == []
    plan = Plan(completed)
    preprocessing = preprocessing_of(input_config(completed, "net"))
    return [read_sample(preprocessing, files) for files in plan.files(plan.samples, "net")]


@pytest.mark.parametrize("name", ["Ramps", "ramps"])
def test_rows_reach_the_network_as_they_are(config, name):
    config["input"]["dataset"] = config["input"]["dataset"].replace("Ramps", name)
    for index, sample in enumerate(read(config)):
        np.testing.assert_array_equal(sample["inputs"], ramp((3, 6, 8), index))
    settings = complete_config(config)[0]["input"]
    assert (settings["mean"], settings["std"]) == ([0], [1])


def test_rows_of_volumes_reach_the_network_as_they_are(config):
    dataset = config["input"]["dataset"].replace("Ramps", "Cubes")
    config["input"] = {"mode": "3D", "dataset": dataset, "channels": 2, "crop": [4, 5, 6]}
    for index, sample in enumerate(read(config)):
        np.testing.assert_array_equal(sample["inputs"], ramp((2, 4, 5, 6), index))


def test_column_index_says_which_row(config):
    Path("m.csv").write_text("id,index\na,2\nb,0\n")
    for sample, index in zip(read(config), (2, 0), strict=True):
        np.testing.assert_array_equal(sample["inputs"], ramp((3, 6, 8), index))


def test_keys_that_are_set_count(config):
    config["input"] |= {"crop": [2, 4], "mean": [5]}
    np.testing.assert_array_equal(read(config)[1]["inputs"], ramp((3, 6, 8), 1)[:, 2:4, 2:6])
    assert complete_config(config)[0]["input"]["mean"] == [5]


def test_bad_row_costs_itself_alone(config):
    Path("m.csv").write_text("id\na\nb\nc\nd\n")
    with pytest.raises(InputError, match=r":Ramps raised KeyError: 'size' .* for row 3: mend it or remove"):
        read(config)
    config["input"]["dataset"] = config["input"]["dataset"].replace("Ramps", "Texts")
    with pytest.raises(InputError, match=r"returned <U4 values of shape \(\) for row 0: return a tensor \(c, h, w\)"):
        read(config)
    config["input"]["dataset"] = config["input"]["dataset"].replace("Texts", "broken")
    with pytest.raises(DataError, match=r"raised OSError: no such folder .*when it was called: mend it"):
        read(config)


def test_source_and_row_are_in_the_digest(config):
    def digest():
        return Digests(Plan(complete_config(config)[0])).of("prepare", "net", 0)

    before = digest()
    assert digest() == before
    Path("m.csv").write_text("id,index,label\na,1,0\nb,0,1\nc,2,0\n")
    assert digest() != before
    Path("m.csv").write_text("id,label\na,0\nb,1\nc,0\n")
    module = Path(f"{config['input']['dataset'].partition(':')[0]}.py")
    module.write_text(MODULE.replace("* 0.5", "* 0.25"))
    assert digest() != before


@pytest.mark.parametrize(
    ("changes", "manifest", "words"),
    [
        (
            {"dataset": "no_such_module:Rows"},
            "",
            "config: input.dataset: there is no module of Python",
        ),
        (
            {"crop": None, "resize": [6, 8]},
            "",
            "config: input.dataset: needs crop, which says the shape of its",
        ),
        ({}, "id,path\na,m.csv\n", "m.csv: column 'path' and input.dataset both say where samples are: remove one"),
        ({}, "id,index\na,first\n", "m.csv: column index: 'first' is no row of input.dataset: count from 0"),
    ],
)
def test_what_contradicts_a_dataset_is_refused(config, changes, manifest, words):
    config["input"] |= changes
    if manifest:
        Path("m.csv").write_text(manifest)
    (problem,) = complete_config(config)[1]
    assert problem.startswith(words)
    assert "\n" not in problem


def test_models_share_their_dataset(config):
    config["models"]["net"]["input"] = {"dataset": config["input"]["dataset"]}
    (problem,) = complete_config(config)[1]
    assert problem == "config: models.net.input.dataset: cannot differ between models: set it in input"


def test_a_dataset_need_not_know_of_threads(config):
    module = config["input"]["dataset"].partition(":")[0]
    rows = np.arange(40 * 6, dtype=np.uint8).reshape(40, 1, 2, 3)
    reader = DatasetImages()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda row: reader.open(Path(f"{module}:OneHandle.dataset#{row}")), range(40)))
    np.testing.assert_array_equal(found, rows)
    assert importlib.import_module(module).OneHandle.made == 1
