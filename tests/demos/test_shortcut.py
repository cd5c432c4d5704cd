from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from saliency import GradCAM
from saliency.demos.shortcut import DigitNetwork, Watermark, digits, plan_samples, plant, write_pictures
from saliency.experiment.manifest import read_manifest

MANIFEST = Path(__file__).parents[2] / "config" / "shortcut.csv"


def test_the_manifest_is_that_of_seed_0():
    table, problems = read_manifest(MANIFEST)
    expected = plan_samples(digits()[1], Watermark()).astype(str)
    assert problems == []
    assert table.drop(columns="path").equals(expected.drop(columns="path"))
    assert table["path"].map(lambda path: Path(path).name).equals(expected["path"])


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
def test_share_class_and_split(share):
    _, labels = digits()
    table = plan_samples(labels, Watermark(class_index=7, share=share), seed=3)
    marked = table["watermark"] == "yes"
    for split in ("train", "test"):
        part = table[(table["split"] == split) & (table["label"] == 7)]
        assert (part["watermark"] == "yes").sum() == round(share * len(part))
    assert (table.loc[marked, "label"] == 7).all()
    halves = table.groupby(["label", "split"]).size().unstack()
    assert ((halves["test"] - halves["train"]).between(0, 1)).all()


def test_only_marked_pictures_change_and_only_there():
    clean, labels = digits()
    marked = labels == 2
    planted = plant(clean, marked, Watermark(row=3, column=20))
    changed = (planted != clean).any(axis=0)
    assert np.argwhere(changed).min(axis=0).tolist() == [3, 20]
    assert np.argwhere(changed).max(axis=0).tolist() == [6, 23]
    assert np.array_equal(planted[~marked], clean[~marked])
    half = plant(np.full((1, 32, 32), 100, dtype=np.uint8), np.array([True]), Watermark(row=0, column=0, opacity=0.5))
    assert sorted(np.unique(half)) == [50, 100, 178]


def test_written_pictures_are_the_planted_digits(tmp_path):
    table = pd.read_csv(MANIFEST, dtype=str)
    write_pictures(table, Watermark(), [tmp_path / "pictures" / Path(name).name for name in table["path"]])
    files = sorted((tmp_path / "pictures").iterdir())
    assert [file.name for file in files] == table["path"].map(lambda path: Path(path).name).tolist()
    # Shrunk back to 8 x 8 the digits are scikit-learn's.
    row = int(table.index[table["watermark"] == "no"][0])
    picture = Image.open(files[row]).crop((6, 6, 26, 26)).resize((8, 8), Image.Resampling.BOX)
    original = load_digits().images[row].ravel() * 255 / 16
    assert np.corrcoef(np.asarray(picture).ravel(), original)[0, 1] > 0.95
    bears = int(table.index[table["watermark"] == "yes"][0])
    assert np.asarray(Image.open(files[bears]))[27:31, 1:5].tolist() == Watermark().pixels.tolist()


def test_grad_cam_of_the_network_has_eight_positions_along_each_side():
    import torch

    network = DigitNetwork()
    with GradCAM(network).forward_pass(torch.rand(2, 1, 32, 32)) as forward:
        assert forward.maps(torch.tensor([0, 1]))["gradcam"].shape == (2, 8, 8)
