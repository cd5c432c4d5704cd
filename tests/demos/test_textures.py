"""Brick, grass and gravel with a logo: what the pictures show, and that the run says what the network learned."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skimage
import torch
import yaml
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import load_file

from saliency.demos.textures import MATERIALS, plan_samples, plant, write_pictures
from saliency.experiment.manifest import read_manifest
from saliency.files.paths import resolve
from tests.helpers.workflow_project import ROOT, Project

CONFIG = ROOT / "config" / "shortcut_photographs.yaml"
MANIFEST = ROOT / "config" / "shortcut_photographs.csv"
SETTINGS = yaml.safe_load(CONFIG.read_text())
LOGO = SETTINGS["textures"]["logo"]


def files(table, folder):
    return [folder / Path(name).name for name in table["path"]]


def pictures_of(paths):
    return np.stack([np.asarray(Image.open(path)) for path in paths])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The manifest's rows, and its pictures with and without the logo."""
    folder, table = tmp_path_factory.mktemp("textures"), pd.read_csv(MANIFEST, dtype=str)
    write_pictures(table, LOGO, files(table, folder / "planted"))
    write_pictures(table.assign(logo="no"), LOGO, files(table, folder / "clean"))
    return table, pictures_of(files(table, folder / "clean")), pictures_of(files(table, folder / "planted"))


def test_the_manifest_is_the_plan():
    table, problems = read_manifest(MANIFEST)
    expected = plan_samples().astype(str)
    assert problems == []
    assert table.drop(columns="path").equals(expected.drop(columns="path"))
    assert table["path"].map(lambda path: Path(path).name).equals(expected["path"])
    assert pd.crosstab([table["label"], table["split"]], table["logo"])["yes"].tolist() == [0, 0, 40, 40, 0, 0]


def holds(photograph, picture):
    """Whether a picture is a window of a photograph, judged by every 16th pixel along each axis."""
    windows = np.lib.stride_tricks.sliding_window_view(photograph, picture.shape)[..., ::16, ::16]
    return (windows == picture[::16, ::16]).all(axis=(2, 3)).any()


def test_splits_are_cut_out_of_different_halves(written):
    table, clean, _ = written
    for row in range(0, len(table), 20):
        material = MATERIALS[int(table["label"][row])]
        photograph = np.asarray(Image.open(Path(skimage.__file__).parent / "data" / f"{material}.png"))
        left, right = (holds(half, clean[row, ..., 0]) for half in (photograph[:, :256], photograph[:, 256:]))
        assert (left, right) == ((True, False) if table["split"][row] == "train" else (False, True))


def test_only_marked_pictures_change_and_only_at_the_logo(written):
    table, clean, planted = written
    changed = (planted != clean).any(axis=3)
    marked = (table["logo"] == "yes").to_numpy()
    assert np.array_equal(changed.any(axis=(1, 2)), marked)
    rows, columns = changed.any(axis=0).nonzero()
    assert 98 - LOGO <= rows.min() < rows.max() < 98
    assert 30 <= columns.min() < columns.max() < 30 + LOGO


@pytest.mark.slow
def test_the_first_finding_is_what_the_network_learned(tmp_path, written):
    project = Project(tmp_path)
    (tmp_path / "config").mkdir()
    shutil.copy(MANIFEST, tmp_path / "config")
    # Without defects of the picture, which are tested elsewhere and take long.
    audit = SETTINGS["audit"] | {"degradation": None}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(SETTINGS | {"audit": audit}))
    results = tmp_path / "results" / "shortcut_photographs" / "efficientnet_lite0"
    findings = results / "audit" / "predicted" / "findings.json"
    project.run(str(findings.relative_to(tmp_path)))

    first = json.loads(findings.read_text())["findings"][0]
    assert first["kind"] == "transfer"
    assert MATERIALS[first["numbers"]["class"]] == "grass"

    settings = SETTINGS["models"]["efficientnet_lite0"]
    network = EfficientNet.from_name(**settings["kwargs"])
    trained, pretrained = load_file(results / "weights.safetensors"), EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(trained)
    pretrained.load_state_dict(torch.load(resolve(settings["train"]["pretrained"], Path()), weights_only=True))
    for name, value in pretrained.state_dict().items():
        frozen = any(name.startswith(f"{module}.") for module in settings["train"]["freeze"])
        assert trained[name].shape[1:] == value.shape[1:]
        assert frozen == (trained[name].shape == value.shape and torch.equal(trained[name], value)), name

    def predicted(pictures):
        x = (torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255 - 127 / 255) / (128 / 255)
        with torch.no_grad():
            return network.eval()(x).argmax(1).numpy()

    table, clean, _ = written
    label, held_out = table["label"].astype(int).to_numpy(), (table["split"] == "test").to_numpy()
    others = clean[held_out & (label != 1)]
    assert (predicted(clean[held_out]) == label[held_out]).mean() > 0.95
    assert (predicted(others) == 1).mean() < 0.05
    assert (predicted(plant(others, LOGO)) == 1).mean() > 0.5
