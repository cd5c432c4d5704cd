"""Real photographs, where they are available: one for every third class of ImageNet."""

import os
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.helpers.workflow_project import ROOT, Project

DATA = Path(os.environ.get("SALIENCY_TEST_DATA", ROOT.parent / "shared" / "data")) / "imagenet"


@pytest.mark.slow
@pytest.mark.skipif(
    not (DATA / "labels.csv").is_file(), reason="no ImageNet sample; SALIENCY_TEST_DATA names its folder"
)
def test_efficientnet_lite0_gets_298_of_334_right(tmp_path):
    """298 were counted with Pillow and the network alone, outside this project."""
    project = Project(tmp_path)
    labels = pd.read_csv(DATA / "labels.csv")
    manifest = pd.DataFrame(
        {"id": labels["wnid"], "path": [DATA / name for name in labels["file"]], "label": labels["label"]}
    )
    manifest.to_csv(tmp_path / "manifest.csv", index=False)
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config |= {"manifest": "manifest.csv", "shard_size": 128, "execution": "fused", "targets": ["predicted"]}
    config["models"]["efficientnet_lite0"]["class_names"] = str(ROOT / "config" / "imagenet_classes.txt")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config | {"experiment": "test"}))
    predictions = "results/test/efficientnet_lite0/predictions.csv"
    project.run(predictions)
    table = pd.read_csv(tmp_path / predictions)
    assert len(table) == 334
    assert 294 <= table["correct"].sum() <= 302
