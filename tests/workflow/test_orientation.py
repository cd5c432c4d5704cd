"""A run, from config to page, of a network that was trained in other axes: all is as in the axes of the scanner."""

import json

import nibabel as nib
import numpy as np
import pytest
import torch

from saliency import open_maps
from saliency.methods.upsampling import upsample_array
from saliency.store.verify import verify
from tests.helpers.workflow_project import Project, jobs
from tests.readers.test_volumes import ORIENTATIONS, in_orientation, scanner

pytestmark = pytest.mark.slow

# The same network twice. In SPL, a kernel runs along z, then against y, then against x.
NETWORKS = """
import torch
from torch import nn


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv3d(1, 6, 3, stride=2)
        self.second = nn.Conv3d(6, 6, 3)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return self.head(x.mean((2, 3, 4)))


class InSPL(Network):
    def __init__(self):
        super().__init__()
        for layer in (self.first, self.second):
            layer.weight.data = layer.weight.data.flip(2, 3).permute(0, 1, 4, 3, 2).contiguous()
"""
# Odd, so that strides begin at both ends alike.
CROP = (13, 15, 11)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Both runs, by name of the network."""
    project = Project(tmp_path_factory.mktemp("orientation") / "Network")
    (project.folder / "data").mkdir(parents=True)
    (project.folder / "own_networks.py").write_text(NETWORKS)
    generator, rows = np.random.default_rng(0), ["id,path,label"]
    for number, stored in enumerate((0, 21, 38, 30)):
        volume = generator.gamma(2, 100, (20, 18, 16)).astype(np.float32)
        values, affine = in_orientation(volume, scanner(1, 1.2, 2), ORIENTATIONS[stored])
        nib.save(nib.Nifti1Image(values, affine), project.folder / "data" / f"v{number}.nii.gz")
        rows.append(f"v{number},v{number}.nii.gz,{number % 3}")
    project.manifest.write_text("\n".join(rows) + "\n")
    found = {"Network": project, "InSPL": project.copy(project.folder.parent / "InSPL")}
    for name, orientation in {"Network": {}, "InSPL": {"orientation": "SPL"}}.items():
        found[name].write_config(
            input={"mode": "3D", "crop": list(CROP), **orientation},
            models={"tiny": {"factory": f"own_networks:{name}", "target_layer": "second"}},
            execution="fused",
            export="all",
            **({"audit": {"transfer": None, "degradation": None}, "report": {}} if orientation else {}),
        )
        found[name].run()
    return found


def test_maps_and_tables_are_those_of_the_same_network_in_scanner_axes(run):
    plain, turned = (open_maps(project.store) for project in run.values())
    assert plain.arrays == turned.arrays
    for name in ("inputs", "affine", "predicted/class"):
        np.testing.assert_array_equal(turned[name][...], plain[name][...])
    for name in ("logits", "predicted/gradcam", "predicted/guided_backprop", "predicted/guided_gradcam"):
        expected = plain[name][...]
        np.testing.assert_allclose(turned[name][...], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    # The grid of a map is in the axes of the scanner, and that of the network in its own.
    assert plain["predicted/gradcam"].shape[1:] == (4, 5, 3)
    described = [json.loads((project.results / "tiny" / "target_layer.json").read_text()) for project in run.values()]
    assert described[0]["feature_shape"] == described[1]["feature_shape"] == [4, 5, 3]
    # Without the turn, it would have said something else.
    networks: dict = {}
    exec(NETWORKS, networks)
    seen = torch.from_numpy(plain["inputs"][...])
    with torch.no_grad():
        said = {name: networks[name]()(seen).numpy() for name in run}
    np.testing.assert_allclose(said["Network"], plain["logits"][...], rtol=1e-4)
    assert not np.allclose(said["InSPL"], plain["logits"][...], rtol=1e-2)


@pytest.mark.parametrize("name", ["v0", "v1", "v2", "v3"])
def test_exported_maps_lie_on_the_files_own_grid(run, name):
    project = run["InSPL"]
    source = nib.load(project.folder / "data" / f"{name}.nii.gz")
    maps = open_maps(project.store)
    cam = maps["predicted/gradcam"][maps.row(name)]
    exported = nib.load(project.results / "tiny" / "nifti" / "predicted" / name / "gradcam.nii.gz")
    assert exported.shape == source.shape
    np.testing.assert_allclose(exported.affine, source.affine, atol=1e-4)
    # In scanner axes, the crop is in the middle of the volume; around it is nothing.
    canonical = nib.as_closest_canonical(exported).get_fdata()
    begin = [(size - crop) // 2 for size, crop in zip((20, 18, 16), CROP, strict=True)]
    inside = tuple(slice(start, start + crop) for start, crop in zip(begin, CROP, strict=True))
    np.testing.assert_allclose(canonical[inside], upsample_array(cam[None], CROP)[0], atol=1e-5 * cam.max())
    canonical[inside] = 0
    assert not canonical.any()


def test_the_page_is_made_and_nothing_is_left_to_do(run):
    project = run["InSPL"]
    assert (project.results / "report" / "index.html").is_file()
    assert verify(project.results)[1] == []
    assert not jobs(project.run("--dry-run"))
