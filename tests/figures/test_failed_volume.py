"""A volume that cannot be read among those that are drawn: its figure says so, and the others are drawn."""

import nibabel as nib
import numpy as np
import pandas as pd
from PIL import Image

from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.figures.files import draw_contact_sheets, draw_samples
from tests.helpers.shards import files_of_shards, fused_store

NETWORK = """
from torch import nn


def network():
    return nn.Sequential(
        nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool3d(2), nn.Flatten(), nn.Linear(32, 2)
    )
"""


def test_figures_of_a_run_with_a_failed_volume(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "failed_volume_network.py").write_text(NETWORK)
    for name in ("a", "c"):
        values = np.random.default_rng(0).uniform(1, 9, (8, 8, 8)).astype(np.float32)
        nib.save(nib.Nifti1Image(values, np.eye(4)), f"{name}.nii")
    (tmp_path / "b.nii").write_text("no volume")
    (tmp_path / "m.csv").write_text("id,path\na,a.nii\nb,b.nii\nc,c.nii\n")
    config, problems = complete_config(
        {
            "experiment": "e",
            "manifest": "m.csv",
            "input": {"mode": "3D", "crop": 8},
            "models": {"net": {"factory": "failed_volume_network:network", "target_layer": "1"}},
            "on_error": "skip",
            "shard_size": 2,
            "batch_size": 2,
        }
    )
    assert problems == []
    descriptions = fused_store(config, "net", tmp_path / "store", tmp_path)
    table = pd.DataFrame({"id": ["a", "b", "c"], "status": ["ok", "the file cannot be decoded", "ok"]})
    table["label"], table["predicted_class"], table["predicted_name"], table["correct"] = "", [0, "", 1], "", ""
    table["probability"] = [0.5, "", 0.5]
    table.to_csv("predictions.csv", index=False)
    files = files_of_shards(Plan(config), tmp_path / "store", "predicted")
    drawn = {kind: [tmp_path / kind / f"{name}.png" for name in "abc"] for kind in ("samples", "montages")}
    draw_samples(config, "net", "predicted", files, descriptions, tmp_path / "predictions.csv", **drawn)
    sheet = {"first": tmp_path / "sheet.png"}
    draw_contact_sheets(config, "net", "predicted", files, descriptions, tmp_path / "predictions.csv", sheet)
    for path in (*drawn["samples"], *drawn["montages"], sheet["first"]):
        with Image.open(path) as image:
            assert min(image.size) > 100
