"""From a folder to a manifest and a config: what is taken for what, against torchvision and values written by hand."""

import sys
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from torchvision.datasets import ImageFolder

from saliency.__main__ import main
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config

NETWORK = """
from torch import nn


def network(num_classes=1000):
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), *head)


def volumes():
    return nn.Sequential(nn.Conv3d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 2))
"""


@pytest.fixture
def start(tmp_path, monkeypatch, capsys):
    """Runs `init` in an empty working directory; gives what it printed."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend(tmp_path / "here")
    Path("init_networks.py").write_text(NETWORK)

    def run(*arguments, status=0):
        assert main(["init", *map(str, arguments)]) == status
        printed = capsys.readouterr()
        return (printed.err if status else printed.out).splitlines()

    return run


def pictures(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 8), (len(name), 0, 0)).save(name)


def volume(name, shape=(10, 12, 9), sizes=(1.0, 1.0, 1.0), lowest=0.0):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    values = np.linspace(lowest, 100, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    nib.save(nib.Nifti1Image(values, np.diag([*sizes, 1.0])), name)


def manifest(name="config/data.csv"):
    return pd.read_csv(name, dtype=str, keep_default_na=False).to_dict("list")


def config(name="config/data.yaml"):
    return yaml.safe_load(Path(name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("names", [["cat", "Dog", "O'Brien's zèbre"], ["10", "2", "1"], ["0", "1", "2"], ["none", "7"]])
def test_classes_are_those_of_torchvision(start, names):
    pictures(*(f"data/{name}/{number}.png" for name in names for number in range(2)))
    start("data")
    folder, settings = ImageFolder("data"), config()
    settings["models"]["network"]["factory"] = "init_networks:network"
    completed, problems = complete_config(settings)
    assert problems == []
    plan = Plan(completed)
    assert [int(label) for label in plan.columns["label"]] == folder.targets
    named = [name.removeprefix("class ") for name in completed["models"]["network"]["class_names"]]
    assert named == folder.classes
    assert [(plan.manifest.parent / path).resolve() for path in plan.columns["path"]] == [
        Path(path).resolve() for path, _ in folder.samples
    ]


def test_checkpoint_decides_on_the_number_of_classes(start):
    import init_networks

    pictures("data/a/1.png", "data/a/2.png", "data/b/1.png", "data/b/2.png")
    torch.save({"state_dict": init_networks.network(2).state_dict()}, "w.pt")
    said = start("data", "--model", "init_networks:network", "--weights", "w.pt")
    assert config()["models"] == {
        "network": {
            "factory": "init_networks:network",
            "weights": "w.pt",
            "kwargs": {"num_classes": 2},
            "class_names": ["a", "b"],
        }
    }
    assert complete_config(config())[1] == []
    assert said[-1].startswith("next: snakemake --cores all --snakefile ")
    assert said[-1].endswith("--configfile config/data.yaml")
    assert manifest()["id"] == ["a/1", "a/2", "b/1", "b/2"]


def test_labels_are_left_out_where_the_network_has_other_classes(start):
    pictures("data/a/1.png", "data/a/2.png", "data/b/1.png", "data/b/2.png")
    said = start("data", "--model", "init_networks:network")
    assert manifest()["label_given"] == ["a", "a", "b", "b"]
    assert config()["models"] == {"network": {"factory": "init_networks:network", "weights": None}}
    assert any(
        line.startswith("column label is left out, and kept as label_given: the network has 1000") for line in said
    )


def test_checkpoint_that_fits_nothing_is_said_with_the_next_command(start):
    pictures("data/1.png", "data/2.png")
    torch.save({"other.weight": torch.ones(3)}, "w.pt")
    said = start("data", "--model", "init_networks:network", "--weights", "w.pt")
    assert "weights 'w.pt'" in said[-2]
    assert said[-1].startswith("next: mend the above in config/data.yaml, then: ")


@pytest.mark.parametrize(
    ("files", "columns"),
    [
        (["b.png", "a.jpg", ".hidden.png", "notes.txt"], {"id": ["a", "b"]}),
        (["a.png", "a.jpg"], {"id": ["a.jpg", "a.png"]}),
        # Splits by whatever name, with classes inside.
        (
            ["Training/x/1.png", "Training/y/2.png", "valid/x/3.png", "valid/y/4.png", "test/x/5.png", "test/y/6.png"],
            {"split": ["train", "train", "test", "test", "val", "val"], "label": ["x", "y"] * 3},
        ),
        (["train/1.png", "test/2.png"], {"id": ["2", "1"], "split": ["test", "train"]}),
        # One folder is no class; folders of single files are subjects. Pictures of classes may be numbered alike.
        (["images/1.png", "images/2.png"], {"id": ["1", "2"]}),
        (["p1/x.png", "p2/y.png", "p3/z.png"], {"folder": ["p1", "p2", "p3"]}),
        (["c1/1.png", "c1/2.png", "c2/1.png", "c2/2.png"], {"label": ["c1", "c1", "c2", "c2"]}),
        (
            ["set/images/train/1.png", "set/images/val/2.png", "set/images/val/3.png"],
            {"split": ["train", "val", "val"]},
        ),
        (
            ["train/x/1.png", "train/y/2.png", "train/x/3.png", "train/y/4.png"],
            {"split": ["train"] * 4, "label": ["x", "x", "y", "y"]},
        ),
        # A class can lie in several folders.
        (["cat/a/1.png", "cat/b/2.png", "dog/3.png", "dog/4.png"], {"label": ["cat", "cat", "dog", "dog"]}),
        (["images/1.png", "images/2.png", "labels/1.png"], {"id": ["1", "2"], "mask": ["../data/labels/1.png", ""]}),
    ],
)
def test_places_of_files_say_what_they_are(start, files, columns):
    pictures(*(f"data/{name}" for name in files if not name.endswith(".txt")))
    start("data")
    found = manifest()
    assert {name: found[name] for name in columns} == columns
    assert set(found) == {"id", "path", *columns}
    assert len(config()["models"]["network"].get("class_names", [])) == len(set(columns.get("label", [])))


def test_bids_names_give_subject_and_session(start):
    names = [f"sub-{subject}/anat/sub-{subject}_ses-{session}_run-1_T1w.nii.gz" for subject in "AB" for session in "12"]
    for name in names:
        volume(f"data/{name}")
    start("data")
    found = manifest()
    assert found["subject"] == ["A", "A", "B", "B"]
    assert found["session"] == ["1", "2", "1", "2"]
    assert found["suffix"] == ["T1w"] * 4
    assert found["id"][0] == "sub-A_ses-1_run-1_T1w"


def test_volumes_of_the_same_names_are_of_subjects(start):
    for name in ("p1/t1.nii", "p1/flair.nii", "p2/t1.nii", "p2/flair.nii"):
        volume(f"data/{name}")
    start("data")
    assert (manifest()["folder"], manifest()["id"][0]) == (["p1", "p1", "p2", "p2"], "p1/flair")


def test_input_of_volumes_is_what_their_headers_say(start):
    volume("data/a.nii.gz", (10, 12, 9))
    volume("data/b.nii.gz", (17, 8, 200))
    start("data", "--model", "init_networks:volumes")
    settings = config()
    assert settings["input"] == {"mode": "3D", "voxel_size": None, "crop": [24, 16, 192]}
    assert complete_config(settings)[1] == []


def test_volumes_of_several_voxel_sizes_are_resampled(start):
    volume("data/a.nii", (10, 10, 10), (1, 1, 2), lowest=-1000)
    volume("data/b.nii", (10, 10, 20), (2, 1, 1))
    volume("data/c.nii", (10, 10, 10), (2, 1, 2))
    start("data")
    # 10 voxels of 2 mm stay 10 voxels of the median, 2 mm; 20 of 1 mm become 10.
    expected = {"mode": "3D", "voxel_size": [2.0, 1.0, 2.0], "crop": [16, 16, 16], "intensity_over": "all"}
    assert config()["input"] == expected


def test_dicom_folders_are_samples(start):
    for name in ("p1/1.dcm", "p1/2.dcm", "p2/IM1", "p2/IM2", "single.dcm"):
        path = Path("data", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(128) + b"DICM")
    start("data")
    assert manifest()["path"] == ["../data/p1", "../data/p2", "../data/single.dcm"]


def test_dicom_files_of_several_series_are_samples_themselves(start, monkeypatch):
    class FakePydicom:
        @staticmethod
        def dcmread(path, stop_before_pixels):
            assert stop_before_pixels
            return SimpleNamespace(SeriesInstanceUID=path.read_bytes())

    monkeypatch.setitem(sys.modules, "pydicom", FakePydicom)
    for name, series in {"x/1.dcm": b"1", "x/2.dcm": b"2", "y/1.dcm": b"3", "y/2.dcm": b"3"}.items():
        Path("data", name).parent.mkdir(parents=True, exist_ok=True)
        Path("data", name).write_bytes(series)
    start("data")
    assert manifest()["path"] == ["../data/x/1.dcm", "../data/x/2.dcm", "../data/y"]


def test_columns_of_a_table_are_mapped(start):
    pictures("data/images/x.png", "data/images/y.png")
    Path("data/list.csv").write_text("Image_Name;Diagnosis;entropy;site\nx.png;sick;1;Bern\ny.png;well;2;Genf\n")
    said = start("data/list.csv", "--config", "config/mine.yaml")
    assert manifest("config/mine.csv") == {
        "id": ["x", "y"],
        "path": ["../data/images/x.png", "../data/images/y.png"],
        "label": ["sick", "well"],
        "entropy_given": ["1", "2"],
        "site": ["Bern", "Genf"],
    }
    assert config("config/mine.yaml")["models"]["network"]["class_names"] == ["sick", "well"]
    assert said[:4] == [
        "2 rows",
        f"column path: 'Image_Name', in {Path('data/images').absolute()}",
        "column id: the files' names in 'Image_Name'",
        "column label: 'Diagnosis'",
    ]


def test_nothing_is_overwritten_and_the_same_is_written_again(start):
    pictures("data/a.png", "data/b.png")
    start("data")
    first = [Path(f"config/data.{ending}").read_bytes() for ending in ("yaml", "csv")]
    (said,) = start("data", status=2)
    assert said == (
        "config/data.yaml and config/data.csv: there already: remove it, or give another name with --config"
    )
    assert [Path(f"config/data.{ending}").read_bytes() for ending in ("yaml", "csv")] == first
    Path("config/data.yaml").unlink()
    start("data", status=2)
    Path("config/data.csv").unlink()
    start("data")
    assert [Path(f"config/data.{ending}").read_bytes() for ending in ("yaml", "csv")] == first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone"], "gone: there is no such folder or table"),
        (["."], "holds no picture, volume or DICOM file"),
        ([".", "--weights", "w.pt"], "--weights: needs --model"),
        ([".", "--model", "a:b", "--weights", "w.pt"], "--weights: there is no file 'w.pt'"),
        ([".", "--preset", "auto"], "--preset auto: needs --model"),
        ([".", "--config", "mine"], "mine: is no name of a config: let it end in .yaml"),
    ],
)
def test_what_nothing_can_be_made_of_is_refused_in_a_line(start, arguments, said):
    (line,) = start(*arguments, status=2)
    assert said in line
    assert not Path("config").exists()


def test_a_preset_is_written_and_said(start):
    pictures("data/a.png", "data/b.png")
    said = start("data", "--preset", "torchvision:ResNet50_Weights.IMAGENET1K_V2")
    assert config()["input"] == {"mode": "2D", "preset": "torchvision:ResNet50_Weights.IMAGENET1K_V2"}
    # As torchvision documents these weights.
    (line,) = [line for line in said if line.startswith("input: ")]
    assert "resize 232, crop 224, interpolation bilinear" in line


def test_a_preset_that_cannot_be_is_refused_before_anything_is_written(start):
    pictures("data/a.png", "data/b.png")
    volume("scans/a.nii.gz")
    (line,) = start("data", "--model", "torchvision.models:resnet18", "--preset", "auto", status=2)
    assert line.endswith("kwargs give no weights: set preset to torchvision:ResNet18_Weights.IMAGENET1K_V1")
    (line,) = start("data", "--preset", "torchvision", status=2)
    assert "is no preset: write" in line
    (line,) = start("scans", "--preset", "torchvision:ResNet50_Weights.IMAGENET1K_V2", status=2)
    assert line == "--preset: is for pictures, and these are volumes: leave it out"
    assert not Path("config").exists()


@pytest.mark.slow
def test_auto_is_written_where_it_is_known(start):
    pytest.importorskip("timm")
    pictures("data/x/a.png", "data/x/b.png", "data/y/c.png", "data/y/d.png")
    said = start("data", "--model", "timm.models:vgg11", "--preset", "auto")
    assert config()["input"] == {"mode": "2D", "preset": "auto"}
    (line,) = [line for line in said if line.startswith("input: ")]
    assert line.startswith("input: timm:vgg11.tv_in1k, that is ")
    assert "channels 3, resize 256, crop 224" in line
    completed, problems = complete_config(config())
    assert problems == []
    assert completed["input"]["interpolation"] == "bilinear"
