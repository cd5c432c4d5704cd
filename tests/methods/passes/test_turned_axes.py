"""Networks that were trained on volumes in another order and direction of axes, against nibabel and SimpleITK."""

import nibabel as nib
import numpy as np
import pytest
import torch
from nibabel.orientations import apply_orientation, axcodes2ornt, ornt_transform
from torch import nn

from saliency.experiment.config import network_shape
from saliency.methods.passes.explainer import Explainer
from saliency.methods.passes.score_reader import ScoreReader
from saliency.methods.passes.turned_axes import TurnedAxes
from saliency.methods.registered import method, methods
from saliency.methods.upsampling import upsample
from saliency.networks.outputs import checked_scores
from saliency.readers.volumes import load_volume
from saliency.steps.export import save_map
from tests.readers.test_volumes import ORIENTATIONS, code, in_orientation, noise, preprocessing, scanner, write

SHAPE = (8, 16, 12)
SOME = ["RAS", "SAR", "SPL", "LPS", "PIR"]


class Corner(nn.Module):
    """The score is what lies in the first 4 x 4 x 4 voxels of the network's axes; its map has blocks of 4."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Conv3d(1, 1, 4, 4, bias=False)
        nn.init.constant_(self.blocks.weight, 1 / 64)

    def forward(self, x):
        self.seen = x.detach().clone()
        found = self.blocks(x).relu()
        mask = torch.zeros_like(found)
        mask[:, :, 0, 0, 0] = 1
        score = (found * mask).flatten(1).sum(1)
        return torch.stack([score, -score], 1)


def by_nibabel(image, axes):
    """A file's values as the network should get them."""
    canonical = np.asarray(nib.as_closest_canonical(image).dataobj)
    return apply_orientation(canonical, ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(axes)))


@pytest.mark.parametrize("axes", [code(orientation) for orientation in ORIENTATIONS])
def test_what_the_network_gets_is_nibabels(axes):
    data = noise(3, 4, 5)
    values = torch.from_numpy(data)[None, None]
    turned = TurnedAxes(axes).turned(values)
    np.testing.assert_array_equal(turned[0, 0], by_nibabel(nib.Nifti1Image(data, np.eye(4)), axes))
    assert tuple(turned.shape[2:]) == TurnedAxes(axes).shape(data.shape)
    assert torch.equal(TurnedAxes(axes).back(turned), values)


def test_spl_is_simpleitks_array_of_an_lps_file(tmp_path):
    simpleitk = pytest.importorskip("SimpleITK")
    lps = next(orientation for orientation in ORIENTATIONS if code(orientation) == "LPS")
    path = write(tmp_path / "v.nii", *in_orientation(noise(*SHAPE), scanner(1, 1, 2), lps))
    values, _ = preprocessing(SHAPE).read({"path": path})
    expected = simpleitk.GetArrayFromImage(simpleitk.ReadImage(str(path)))
    np.testing.assert_allclose(TurnedAxes("SPL").turned(torch.from_numpy(values)[None])[0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("axes", SOME)
@pytest.mark.parametrize("stored", [0, 21, 38])
def test_maps_lie_on_the_voxels_of_the_file_that_the_network_looked_at(tmp_path, stored, axes):
    path = write(tmp_path / "v.nii", *in_orientation(1 + np.abs(noise(*SHAPE)), scanner(1, 1, 2), ORIENTATIONS[stored]))
    source = load_volume(path)
    # Each voxel of the file, by its number, in the axes of the network: the block is its first corner.
    numbers = np.arange(np.prod(source.shape)).reshape(source.shape)
    inside = np.isin(numbers, by_nibabel(nib.Nifti1Image(numbers.astype(np.int32), source.affine), axes)[:4, :4, :4])

    network, names = Corner(), ["gradcam", "guided_backprop"]
    explainer = Explainer(
        network, [method(name) for name in names], "blocks", mode="3D", reader=ScoreReader(axes=TurnedAxes(axes))
    )
    prepared = preprocessing(SHAPE)
    values, _ = prepared.read({"path": path})
    x = torch.from_numpy(values)[None]
    with explainer.forward_pass(x) as forward:
        maps = forward.maps(torch.tensor([0]))
    np.testing.assert_allclose(network.seen[0, 0], by_nibabel(source, axes), rtol=1e-6)
    assert maps["gradcam"].shape[1:] == tuple(length // 4 for length in SHAPE)
    for name, values in (
        ("gradcam", upsample(maps["gradcam"], SHAPE)[0]),
        ("guided_backprop", maps["guided_backprop"][0]),
    ):
        save_map(values.numpy(), prepared.grid(source), source, tmp_path / f"{name}.nii")
    guided, cam = (nib.load(tmp_path / f"{name}.nii").get_fdata() for name in ("guided_backprop", "gradcam"))
    np.testing.assert_array_equal(guided != 0, inside)
    # Without the others' gradient, the mean is positive: blocks count by their values, which the next test looks at.
    assert cam.shape == source.shape


@pytest.mark.parametrize("axes", SOME)
def test_feature_maps_and_scores_of_voxels_are_turned_back(axes):
    x = torch.from_numpy(np.abs(noise(*SHAPE)))[None, None].float()
    dense = nn.Sequential(nn.Conv3d(1, 2, 1), nn.Identity()).eval()
    with torch.no_grad():
        dense[0].weight.copy_(torch.tensor([1.0, 2.0]).view(2, 1, 1, 1, 1))
        dense[0].bias.zero_()
    reader = ScoreReader(axes=TurnedAxes(axes))
    expected = torch.cat([x, 2 * x], 1)
    torch.testing.assert_close(reader.read(dense, x).detach(), expected)
    torch.testing.assert_close(checked_scores("models.net", dense, x, reader), expected)
    mask = torch.zeros(1, *SHAPE, dtype=torch.bool)
    mask[0, 5:, 2:4, 7] = True
    with Explainer(dense, [method("gradcam")], "0", mode="3D", reader=reader).forward_pass(x, region=mask) as forward:
        cam = forward.maps(torch.tensor([0]))["gradcam"]
    torch.testing.assert_close(forward.scores, torch.stack([x[0, 0][mask[0]].sum(), 2 * x[0, 0][mask[0]].sum()])[None])
    # Its only weight is positive, so that the map is the volume itself but for a factor.
    torch.testing.assert_close(cam / cam.max(), x[:, 0] / x.max())


def test_the_networks_shape_is_in_its_own_axes():
    settings = {"mode": "3D", "channels": 1, "crop": [8, 16, 12], "resize": None, "orientation": "SPL"}
    assert network_shape({"input": settings, "models": {"net": {"input": {}}}}, "net") == (1, 12, 16, 8)


# What they draw at random depends on the order of axes. Of attention, `tests/methods/test_attention.py` has the same.
AT_RANDOM = {"smoothgrad", "smoothgrad_squared", "vargrad", "rise"}


@pytest.mark.parametrize("axes", ["SPL", "PIR"])
def test_every_method_gives_the_turned_map_of_the_turned_volume(axes):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv3d(1, 3, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(3, 2)
    ).double()
    # Windows of occlusion lie alike from both ends.
    x, axes = torch.rand(2, 1, 11, 20, 11, dtype=torch.float64), TurnedAxes(axes)
    chosen = [kind for name, kind in methods().items() if name not in AT_RANDOM and "attention" not in name]
    found = []
    for reader, values in ((ScoreReader(axes=axes), x), (ScoreReader(), axes.turned(x))):
        with Explainer(network, chosen, "1", mode="3D", reader=reader).forward_pass(values) as forward:
            found.append(forward.maps(torch.tensor([0, 1])))
    assert found[0].keys() == found[1].keys()
    for name, turned in found[1].items():
        expected = axes.back(turned if turned.ndim == 5 else turned.unsqueeze(1))
        torch.testing.assert_close(found[0][name].reshape(expected.shape), expected, msg=name)
