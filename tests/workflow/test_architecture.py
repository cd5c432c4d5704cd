"""The examples of docs/architecture.md are files that work: each is added to a copy of the package, and used."""

import json
import re

import pytest

from tests.helpers.package_copy import PackageCopy
from tests.helpers.workflow_project import ROOT

DOCUMENT = (ROOT / "docs" / "architecture.md").read_text()
BLOCKS = {
    title: re.search(r"```python\n(.*?)```", text, flags=re.DOTALL)[1]
    for title, text in re.findall(r"### … (?:a|an) ([^\n]+)\n(.*?)(?=\n### |\Z)", DOCUMENT, flags=re.DOTALL)
    if "```python" in text
}
PLACES = {
    "method": "saliency/methods/hirescam.py",
    "measure": "saliency/metrics/largest_share.py",
    "kind of finding": "saliency/audit/findings/rare.py",
    "reader": "saliency/readers/formats/table_images.py",
}
USED = """
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from saliency import HiResCAM
from saliency.audit.findings.registered import finding_kinds
from saliency.experiment.schema import config_schema
from saliency.metrics.registered import measures
from saliency.readers.registered import reader_of

torch.manual_seed(0)
network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
x = torch.rand(2, 1, 8, 8)
_, found = HiResCAM(network, "1")(x, [0, 1])
# With global average pooling, HiResCAM is Grad-CAM: the linear layer's weights, and 36 positions.
features = network[1](network[0](x))
cam = torch.einsum("nchw,nc->nhw", features, network[4].weight[[0, 1]] / 36).relu()
expected = nn.functional.interpolate(cam[:, None], (8, 8), mode="bilinear", align_corners=False)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "a.csv")
    np.savetxt(path, np.ones((2, 3)), delimiter=",")
    opened = reader_of(path, "2D").open(path)
schema = config_schema()["properties"]
print(json.dumps({
    "map": float((found - expected).abs().max()),
    "method": "hirescam" in schema["methods"]["items"]["enum"],
    "measure": measures()["largest_share"].title,
    "finding": finding_kinds()["rare"].title,
    "reader": list(opened.shape),
}))
"""


def test_there_is_an_example_of_each():
    assert set(BLOCKS) == set(PLACES)


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    copy = PackageCopy(tmp_path_factory.mktemp("package"))
    for title, path in PLACES.items():
        copy.add(path, BLOCKS[title])
    return copy


def test_examples_work_as_they_stand(extended):
    said = json.loads(extended.python("-c", USED).splitlines()[0])
    assert said.pop("map") < 1e-6
    assert said == {
        "method": True,
        "measure": "Largest share",
        "finding": "class with few samples",
        "reader": [1, 2, 3],
    }


def test_every_room_is_in_the_picture():
    rooms = {path.parent.relative_to(ROOT / "saliency") for path in (ROOT / "saliency").rglob("*.py")}
    missing = [str(room) for room in rooms if room.name and f"{room.name}/" not in DOCUMENT]
    assert missing == []
