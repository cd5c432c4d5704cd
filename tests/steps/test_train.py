"""Training: Adam's first step by hand, reproducibility, patches, and "train, then audit" as one run of Snakemake."""

import re

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import nn

from saliency import open_maps
from saliency.demos.conv_classifier import ConvClassifier
from saliency.demos.patches import cut_patches, patch_corner
from saliency.exceptions import DataError
from saliency.experiment.validation import complete_config
from saliency.steps.train import train
from tests.helpers.workflow_project import Project

SETTINGS = {"epochs": 1, "batch_size": 4, "learning_rate": 0.01, "seed": 0}


def linear():
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 3))


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(8, 1, 2, 3, generator=generator), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])


def test_first_step_of_adam_by_hand(data):
    x, y = data[0][:4], data[1][:4]
    network = linear()
    weight, bias = network[1].weight.detach().clone(), network[1].bias.detach().clone()
    probabilities = torch.softmax(x.flatten(1) @ weight.T + bias, dim=1)
    gradient = (probabilities - torch.eye(3)[y]).T @ x.flatten(1) / 4
    history = train(network, x, y, ["train"] * 4, **SETTINGS)
    # The first step of Adam is the learning rate in the direction of the gradient's sign.
    torch.testing.assert_close(network[1].weight.detach(), weight - 0.01 * gradient / (gradient.abs() + 1e-8))
    assert history["loss"][0] == pytest.approx(float(-probabilities[range(4), y].log().mean()), rel=1e-5)


def test_other_splits_are_reported_and_not_learned_from(data):
    x, y = data
    splits = ["train"] * 4 + ["test"] * 4
    one, other = linear(), linear()
    history = train(one, x, y, splits, **SETTINGS)
    train(other, torch.cat([x[:4], -x[4:]]), y, splits, **SETTINGS)
    assert torch.equal(one[1].weight, other[1].weight)
    expected = (one(x[4:]).argmax(1) == y[4:]).float().mean()
    assert history["accuracy_test"][0] == pytest.approx(float(expected))


def test_equal_seeds_give_equal_weights(data):
    def weights(seed):
        torch.manual_seed(5)
        network = ConvClassifier(2, channels=1, classes=3)
        train(network, *data, ["train"] * 8, **SETTINGS | {"epochs": 2, "seed": seed})
        assert not network.training
        return network.classifier.weight

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_frozen_modules_and_their_statistics_stay(data):
    torch.manual_seed(5)
    network = ConvClassifier(2, channels=1, classes=3)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    train(network, *data, ["train"] * 8, **SETTINGS, freeze=["features.0", "features.1"])
    stayed = {name for name, value in network.state_dict().items() if torch.equal(value, before[name])}
    assert stayed == {name for name in before if name.startswith(("features.0.", "features.1."))}


def test_a_frozen_network_is_trained_as_its_head_alone(data):
    x, y = data
    torch.manual_seed(5)
    network = ConvClassifier(2, channels=1, classes=3).eval()
    head = nn.Sequential(nn.Linear(32, 3))
    head[0].load_state_dict(network.classifier.state_dict())
    with torch.no_grad():
        features = network.features(x).flatten(2).mean(2)
    one = train(network, x, y, ["train"] * 8, **SETTINGS | {"epochs": 3}, freeze=["features"])
    other = train(head, features, y, ["train"] * 8, **SETTINGS | {"epochs": 3})
    np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-5)
    torch.testing.assert_close(network.classifier.weight, head[0].weight)


def test_label_or_loss_that_cannot_be_learned(data):
    x, y = data
    with pytest.raises(DataError, match="labels up to 5 do not fit an output of shape"):
        train(linear(), x, y + 3, ["train"] * 8, **SETTINGS)
    with pytest.raises(DataError, match="the loss of epoch 1 is not finite"):
        train(linear(), x * torch.inf, y, ["train"] * 8, **SETTINGS)


def test_patches_with_and_without_the_structure():
    generator = np.random.default_rng(0)
    mask = np.zeros((9, 8, 7), dtype=bool)
    mask[3:6, 2:6, 3:5] = True

    def held(corner):
        return mask[tuple(slice(start, start + 3) for start in corner)].sum()

    everywhere = [held(corner) for corner in np.ndindex(7, 6, 5)]
    inside = [held(patch_corner(mask, 3, True, generator)) for _ in range(200)]
    outside = [held(patch_corner(mask, 3, False, generator)) for _ in range(200)]
    assert min(inside) >= max(everywhere) / 2 > 0 == max(outside)
    assert len(set(inside)) > 1
    with pytest.raises(ValueError, match="no cube of 3 voxels is free of the mask"):
        patch_corner(np.ones((4, 4, 4), dtype=bool), 3, False, generator)
    with pytest.raises(ValueError, match="no cube of 3 voxels holds any of the mask"):
        patch_corner(np.zeros((4, 4, 4), dtype=bool), 3, True, generator)


def volumes(folder, count=3):
    """Volumes whose values are their voxels' numbers, with a mask in the middle, and the manifest's rows."""
    rows = []
    for kind in ("volumes", "masks"):
        (folder / kind).mkdir(parents=True)
    affine = np.array([[-2.0, 0, 0, 5], [0, 1, 0, 3], [0, 0, 1, -4], [0, 0, 0, 1]])
    for number in range(count):
        values = np.arange(12 * 10 * 9, dtype=np.float32).reshape(12, 10, 9) + 1
        mask = np.zeros(values.shape, dtype=np.uint8)
        mask[5:8, 4:7, 3:6] = 2
        nib.save(nib.Nifti1Image(values, affine), folder / "volumes" / f"v{number}.nii.gz")
        nib.save(nib.Nifti1Image(mask, affine), folder / "masks" / f"v{number}.nii.gz")
        for label in (1, 0):
            name = f"v{number}_{label}"
            patch = f"../results/test/patches/{name}"
            split = "train" if number else "test"
            rows.append((name, f"{patch}.nii", f"{patch}_mask.nii", str(label), split, f"v{number}.nii.gz"))
    return pd.DataFrame(rows, columns=["id", "path", "mask", "label", "split", "volume"])


def test_patches_keep_their_place_in_millimetres(tmp_path):
    samples = volumes(tmp_path)
    outputs = [tmp_path / "results/test/patches" / name.rpartition("/")[2] for name in
               [*samples["path"], *samples["mask"]]]  # fmt: skip
    cut_patches(samples, tmp_path / "volumes", tmp_path / "masks", 4, 0, outputs)
    original = nib.load(tmp_path / "volumes" / "v0.nii.gz")
    for row, label in enumerate(samples["label"]):
        patch, mask = nib.load(outputs[row]), nib.load(outputs[row + len(samples)])
        assert patch.shape == mask.shape == (4, 4, 4)
        assert bool(np.asarray(mask.dataobj).any()) == (label == "1")
        number = int(patch.get_fdata()[1, 2, 3]) - 1
        voxel = np.array(np.unravel_index(number, original.shape))
        np.testing.assert_allclose(
            nib.affines.apply_affine(patch.affine, [1, 2, 3]), nib.affines.apply_affine(original.affine, voxel)
        )
    (tmp_path / "masks" / "v1.nii.gz").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"v1_1: v1.nii.gz: .*\n.*v1_0: v1.nii.gz"):
        cut_patches(samples, tmp_path / "volumes", tmp_path / "masks", 4, 0, outputs)


CONV = {"factory": "saliency.demos.conv_classifier:ConvClassifier", "kwargs": {"ndim": 3, "channels": 1, "classes": 2}}


@pytest.fixture
def project(tmp_path):
    """Three volumes, out of which patches are cut that a network learns from."""
    made = Project(tmp_path)
    (tmp_path / "data").mkdir()
    volumes(tmp_path).to_csv(made.manifest, index=False)
    made.write_config(
        input={"mode": "3D", "crop": 4, "intensity": "none"},
        patches={"volumes": "volumes", "masks": "masks", "size": 4},
        models={"tiny": CONV | {"train": {"epochs": 2}}},
        shard_size=4,
        plots={"count": 0, "contact_sheets": []},
        methods=["gradcam"],
    )
    return made


@pytest.mark.slow
def test_train_then_audit_is_one_run(project):
    project.run()
    weights = project.results / "tiny" / "weights.safetensors"
    network = ConvClassifier(**CONV["kwargs"])
    network.load_state_dict(load_file(weights))
    maps = open_maps(project.store)
    with torch.no_grad():
        expected = network.eval()(torch.from_numpy(maps["inputs"][...]))
    np.testing.assert_allclose(maps["logits"][...], expected, rtol=1e-4, atol=1e-5)
    history = pd.read_csv(project.results / "tiny" / "training.csv")
    assert list(history) == ["epoch", "loss", "accuracy_test", "accuracy_train"]
    assert project.planned() == {}

    before, trained = project.digests(), weights.read_bytes()
    weights.unlink()
    project.run()
    assert weights.read_bytes() == trained
    assert project.digests() == before

    config = (project.folder / "config.yaml").read_text()
    (project.folder / "config.yaml").write_text(config.replace("epochs: 2", "epochs: 3"))
    planned = project.planned()
    assert planned["Train tiny"] == 1
    assert planned["Predict shard 0"] == planned["Grad-CAM of shard 1 (predicted)"] == 1
    assert not [message for message in planned if message.startswith(("Read", "Cut"))]


@pytest.mark.slow
def test_training_starts_with_the_weights_of_another_model(project):
    tuned = CONV | {"kwargs": CONV["kwargs"] | {"classes": 3}}
    tuned["train"] = {"epochs": 1, "pretrained": "results/test/tiny/weights.safetensors", "freeze": ["features"]}
    project.write_config(**project.config | {"models": project.config["models"] | {"tuned": tuned}})
    project.run()
    first, second = (load_file(project.results / name / "weights.safetensors") for name in ("tiny", "tuned"))
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert name.startswith("classifier.") or torch.equal(second[name], value), name
    assert second["classifier.weight"].shape == (3, 32)
    assert project.planned() == {}

    tuned["train"]["freeze"] = ["features.0"]
    project.write_config(**project.config | {"models": project.config["models"] | {"tuned": tuned}})
    planned = project.planned()
    assert planned["Train tuned"] == 1
    assert not [message for message in planned if message.startswith(("Read", "Cut", "Train tiny"))]

    tuned["train"]["freeze"] = ["features", "classifier"]
    project.write_config(**project.config | {"models": project.config["models"] | {"tuned": tuned}})
    said = r"classifier has to learn, because train.pretrained has another number of classes \(classifier.weight, "
    assert re.search(said, project.run(fails=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"execution": "fused"}, "models.tiny.train: needs execution: steps"),
        (
            {"models": {"tiny": CONV | {"train": {}, "weights": "w.pt"}}},
            "models.tiny: has weights and train: .* train.pretrained",
        ),
        (
            {"models": {"tiny": CONV | {"train": {"pretrained": "none.pt"}}}},
            "models.tiny.train.pretrained: there is no file 'none.pt'",
        ),
        ({"models": {"tiny": CONV | {"train": {"freeze": "a"}}}}, "models.tiny.train.freeze: 'a' does not fit: a list"),
        (
            {"models": {"tiny": CONV | {"train": {"split": "fold"}}}},
            "column 'fold' is missing, which models.tiny.train",
        ),
        ({"patches": {"volumes": "none", "masks": "masks", "size": 4}}, "patches.volumes: there is no folder 'none'"),
        ({"experiment": "other"}, "sample 'v0_1', column path: .* must lie in results/other, where patches go"),
        ({"input": {}}, "patches: are cut out of volumes"),
    ],
)
def test_settings_that_do_not_fit(project, monkeypatch, changes, message):
    monkeypatch.chdir(project.folder)
    config = yaml.safe_load((project.folder / "config.yaml").read_text())
    assert complete_config(config)[1] == []
    _, problems = complete_config(config | changes)
    assert any(re.search(message, line) for line in problems), problems
