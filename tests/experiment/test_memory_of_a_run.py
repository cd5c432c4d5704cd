"""A whole run on large volumes: no job uses more memory than it asks for."""

import nibabel
import numpy as np
import pytest

from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from tests.benchmarks.resources import FINISHED, by_rule, watched
from tests.helpers.workflow_project import Project

# Its own memory is small beside that of a volume.
NETWORK = '''
import torch
from torch import nn


class Network(nn.Module):
    """Looks at every fourth voxel."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(1, 4, 4, stride=4)
        self.second = nn.Conv3d(4, 4, 3)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(torch.relu(self.second(torch.relu(self.first(x)))).mean((2, 3, 4)))
'''
# 32 MB each.
SIDE, COUNT = 200, 2


@pytest.mark.slow
def test_no_job_on_large_volumes_uses_more_than_it_asks_for(tmp_path, monkeypatch):
    project = Project.create(
        tmp_path, samples=0, input={"mode": "3D", "crop": SIDE, "channels": 1},
        models={"coarse": {"factory": "coarse:Network"}}, execution="fused", export="plotted",
        audit={"transfer": None, "degradation": None}, report={},
    )  # fmt: skip
    (tmp_path / "coarse.py").write_text(NETWORK)
    rng, rows = np.random.default_rng(0), ["id,path,label"]
    for number in range(COUNT):
        volume = rng.integers(0, 1000, (SIDE,) * 3, dtype=np.int16)
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "data" / f"v{number}.nii")
        rows.append(f"v{number},v{number}.nii,{number}")
    project.manifest.write_text("\n".join(rows) + "\n")
    text, scripts, around = watched(project.command("--nocolor", "--cores", "1"), tmp_path)
    monkeypatch.chdir(tmp_path)
    config, problems = complete_config(project.config)
    assert problems == []
    used = by_rule([name for name in FINISHED.findall(text) if name != "all"], Plan(config), scripts, around)
    print(used.to_string())
    assert {"plot", "contact_sheets", "export", "sprites", "measure", "facts", "mean_maps"} <= set(used["rule"])
    assert not (used["used MB"] >= used["asked MB"]).any()
