"""Masks: read where the network sees the sample, and as the region over which dense scores are summed."""

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from saliency import GradCAM, GuidedBackprop
from saliency.exceptions import DataError, InputError, Status
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.networks.describe import write_descriptions
from saliency.networks.load import load_model
from saliency.readers.images import Preprocessing
from saliency.readers.volumes import VolumePreprocessing
from saliency.steps.fused import fused
from tests.helpers.shards import run_steps, stored_shard

NETWORK = '''
from torch import nn
from torch.nn import functional


class Segmenter(nn.Module):
    """One score per pixel or voxel for three classes."""

    def __init__(self, ndim, channels):
        super().__init__()
        conv = {2: nn.Conv2d, 3: nn.Conv3d}[ndim]
        self.first = conv(channels, 6, 3, padding=1)
        self.head = conv(6, 3, 1)

    def forward(self, x):
        return self.head(functional.relu(self.first(x)))
'''


def image(folder, name, values, mode=None):
    Image.fromarray(values, mode).save(folder / name)
    return folder / name


def volume(folder, name, values, affine=None):
    nib.save(nib.Nifti1Image(values, np.eye(4) if affine is None else affine), folder / name)
    return folder / name


@pytest.mark.parametrize(("values", "expected"), [(None, [1, 2]), ([2], [2]), ([0, 1], [0, 1])])
def test_image_mask_is_cropped_like_its_photograph(tmp_path, values, expected):
    labels = np.random.default_rng(0).integers(0, 3, (9, 12), dtype=np.uint8)
    files = {"path": image(tmp_path, "p.png", labels * 100), "mask": image(tmp_path, "m.png", labels)}
    read = Preprocessing(1, None, [5, 6], "bilinear", values)
    np.testing.assert_array_equal(read.read_mask(files), np.isin(labels[2:7, 3:9], expected))
    # The photograph holds the labels times 100, so both have to agree in every pixel.
    np.testing.assert_array_equal(np.round(read.read(files)[0][0] * 255 / 100), labels[2:7, 3:9])


def test_palette_mask_keeps_its_numbers_and_resizing_makes_no_new_ones(tmp_path):
    labels = np.kron(np.array([[0, 7], [3, 7]], dtype=np.uint8), np.ones((4, 4), dtype=np.uint8))
    mask = Image.fromarray(labels)
    mask.putpalette([number for index in range(256) for number in (255 - index, index, 0)])
    mask.save(tmp_path / "m.png")
    files = {"path": image(tmp_path, "p.png", labels), "mask": tmp_path / "m.png"}
    found = Preprocessing(1, [16, 16], None, "bicubic", [7]).read_mask(files)
    np.testing.assert_array_equal(found, np.kron(labels == 7, np.ones((2, 2), dtype=bool)))


def test_volume_mask_lies_on_the_networks_grid(tmp_path):
    labels = np.random.default_rng(0).integers(0, 3, (6, 7, 5), dtype=np.uint8)
    flipped, affine = labels[::-1], np.diag([-1.0, 1, 1, 1])
    files = {
        "path": volume(tmp_path, "v.nii", flipped.astype(np.float32), affine),
        "mask": volume(tmp_path, "m.nii", flipped, affine),
    }
    read = VolumePreprocessing(1, None, [6, 5, 8], "linear", "none", "all", [0, 100], [1])
    np.testing.assert_array_equal(read.read_mask(files), np.pad(labels[:, 1:6] == 1, [(0, 0), (0, 0), (2, 1)]))
    np.testing.assert_array_equal(read.read_mask(files), read.read(files)[0][0] == 1)


@pytest.mark.parametrize(
    ("mask", "status", "message"),
    [
        (np.zeros((9, 11), np.uint8), Status.WRONG_SHAPE, "mask has 9 x 11 pixels, but the image 9 x 12"),
        (
            np.zeros((9, 12, 3), np.uint8),
            Status.UNSUPPORTED,
            "mask is RGB: save it as an image with one number per pixel",
        ),
        (None, Status.MISSING, "there is no such file"),
    ],
)
def test_image_mask_that_cannot_be_used(tmp_path, mask, status, message):
    files = {"path": image(tmp_path, "p.png", np.zeros((9, 12), np.uint8)), "mask": tmp_path / "none.png"}
    if mask is not None:
        files["mask"] = image(tmp_path, "m.png", mask)
    with pytest.raises(InputError, match=message) as caught:
        Preprocessing(1, None, 5, "bilinear").read_mask(files)
    assert caught.value.status == status


class RegionSum(nn.Module):
    """The reduction written down by hand."""

    def __init__(self, network, region):
        super().__init__()
        self.network, self.region = network, region

    def forward(self, x):
        return torch.einsum("nkv,nv->nk", self.network(x).flatten(2), self.region.flatten(1))


def build(folder, monkeypatch, ndim, **changes):
    """A job of three samples, the last of which has an empty mask; and its masks."""
    monkeypatch.chdir(folder)
    (folder / "segmentation_network.py").write_text(NETWORK)
    generator = np.random.default_rng(1)
    write, suffix, shape = {2: (image, "png", (8, 10)), 3: (volume, "nii", (8, 6, 5))}[ndim]
    masks = generator.integers(0, 3, (3, *shape), dtype=np.uint8)
    masks[2] = 0
    rows = ["id,path,mask"]
    for number in range(3):
        values = generator.integers(1, 200, shape).astype(np.uint8)
        write(folder, f"s{number}.{suffix}", values)
        write(folder, f"m{number}.{suffix}", masks[number])
        rows.append(f"s{number},s{number}.{suffix},m{number}.{suffix}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    specific = {2: {"resize": None, "mean": [0], "std": [1]}, 3: {"mode": "3D", "intensity": "minmax"}}[ndim]
    config, problems = complete_config(
        {
            "experiment": "test",
            "manifest": "manifest.csv",
            "input": {"channels": 1, "crop": list(shape), "mask_values": [2], **specific},
            "models": {
                "net": {
                    "factory": "segmentation_network:Segmenter",
                    "kwargs": {"ndim": ndim, "channels": 1},
                    "target_layer": "first",
                }
            },
            "targets": [1, "predicted"],
            "region": "mask",
            "on_error": "skip",
            **changes,
        },
    )
    assert problems == []
    write_descriptions(config, "net", {"model": "model.json", "target_layer": "target_layer.json"})
    return stored_shard(config, "net", 0, folder, ["model.json", "target_layer.json"]), masks == 2


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("execution", ["steps", "fused"])
def test_scores_are_summed_over_the_masks(tmp_path, monkeypatch, ndim, execution):
    job, masks = build(tmp_path, monkeypatch, ndim)
    if execution == "fused":
        fused(job)
    else:
        run_steps(job)
    assert job.read("status").tolist() == [0, 0, Status.EMPTY]
    assert (job.read("region")[:2] == masks[:2]).all()
    assert (job.read("region")[2] == -1).all()
    settings = job.config["models"]["net"]
    network = load_model(settings["factory"], settings["kwargs"], None)
    x, region = torch.from_numpy(job.read("inputs")[:2]), torch.from_numpy(masks[:2]).float()
    summed = RegionSum(network, region)
    logits = summed(x).detach()
    np.testing.assert_allclose(job.read("logits")[:2], logits, rtol=1e-5)
    assert job.read("predicted/class").tolist() == [*logits.argmax(1).tolist(), -1]
    for target, classes in (("class-1", torch.tensor([1, 1])), ("predicted", logits.argmax(1))):
        cam = GradCAM(summed, target_layer="network.first")(x, classes)[1][:, 0]
        np.testing.assert_allclose(job.read(f"{target}/gradcam")[:2], cam, rtol=1e-4, atol=1e-6)
        guided = GuidedBackprop(summed)(x, classes)[1]
        np.testing.assert_allclose(job.read(f"{target}/guided_backprop")[:2], guided, rtol=1e-4, atol=1e-6)
        assert np.isnan(job.read(f"{target}/guided_backprop")[2]).all()
    assert float(functional.relu(guided).sum()) > 0


def test_classifier_has_no_regions(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="region: mask needs one score per pixel or voxel of the input"):
        build(
            tmp_path,
            monkeypatch,
            2,
            models={
                "net": {"factory": "saliency.demos.conv_classifier:ConvClassifier",
                        "kwargs": {"ndim": 2, "channels": 1, "classes": 3}}
            },
        )  # fmt: skip


def test_mask_values_and_region_decide_what_is_made_again(tmp_path, monkeypatch):
    used, _ = build(tmp_path, monkeypatch, 2)
    before = Digests(used.plan).of("prepare", "net", 0)
    used.plan.config["input"]["mask_values"] = [1]
    assert Digests(Plan(used.config)).of("prepare", "net", 0) != before
    unused = used.config | {"region": "predicted"}
    one = Digests(Plan(unused)).of("prepare", "net", 0)
    unused["input"]["mask_values"] = [0]
    assert Digests(Plan(unused)).of("prepare", "net", 0) == one
