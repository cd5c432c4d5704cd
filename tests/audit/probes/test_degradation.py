"""The degradation sweep of a network that takes blurred pictures for one class; and each degradation by itself."""

from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

from saliency.audit.checks.check import CheckJob
from saliency.audit.checks.registered import checks
from saliency.audit.degradations.registered import degradations
from saliency.audit.evidence import Evidence
from saliency.audit.findings.degradation import DegradationFinding
from saliency.audit.pictures import read_pictures
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.figures.webp import read_webp
from tests.helpers.audit_data import THRESHOLDS
from tests.helpers.grey_network import grey_network
from tests.helpers.shards import files_of_shards, fused_store
from tests.helpers.workflow_project import Project

# Guided backpropagation has no part in these tests.
pytestmark = pytest.mark.filterwarnings("ignore:.* no ReLU and pass")
COUNT, NAMES = 45, ["a", "<b>", "c"]
# Class 1 where neighbours are alike; the others by the mean.
NETWORK = grey_network(
    "rough, mean = (x[:, :, 1:] - x[:, :, :-1]).abs().mean((1, 2)), x.mean((1, 2))",
    "return torch.stack([mean, 50 * (0.04 - rough), 1 - mean], 1)",
)


def draw(number):
    """Noise; in every third picture blurred, else bright or dark."""
    pixels = np.random.default_rng(number).normal(0.5, 0.25, (30, 30, 3))
    if number % 3 == 1:
        pixels = ndimage.gaussian_filter(pixels, (2, 2, 0))
    else:
        pixels = pixels * 0.6 + (0.4 if number % 3 == 0 else 0)
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Table and pictures of a sweep."""
    folder = tmp_path_factory.mktemp("blurred")
    settings = {"resize": None, "crop": 30, "mean": [0, 0, 0], "std": [1, 1, 1]}
    models = {"tiny": {"factory": "watches_blur:Network", "target_layer": "same", "class_names": NAMES}}
    project = Project.create(
        folder, samples=0, input=settings, execution="fused", shard_size=50, batch_size=50, models=models,
        audit={"degradation": {"samples": 40}},
    )  # fmt: skip
    (folder / "watches_blur.py").write_text(NETWORK)
    for number in range(COUNT):
        Image.fromarray(draw(number)).save(project.image(number))
    project.manifest.write_text(
        "id,path,label\n" + "".join(f"{number},s{number}.png,{number % 3}\n" for number in range(COUNT))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        config, problems = complete_config(project.config)
        assert problems == []
        descriptions = fused_store(config, "tiny", project.store, folder)
        outputs = {name: folder / file for name, file in checks()["degradation"].files().items()}
        files = files_of_shards(Plan(config), project.store, "predicted")
        checks()["degradation"].write(CheckJob(config, "tiny", "", files, descriptions, outputs))
    with Image.open(outputs["figure"]) as figure:
        assert min(figure.size) > 300
    return pd.read_csv(outputs["table"], dtype={"target": str}), read_pictures(outputs["pictures"])


@pytest.fixture
def table(swept):
    return swept[0]


def test_low_resolution_turns_everything_into_the_class_that_is_blurred(table):
    blurred = table[(table["degradation"] == "resolution") & (table["class"] == 1)].iloc[-1]
    assert blurred["level"] == 4
    numbers = np.sort(np.random.default_rng(0).permutation(COUNT)[:40])
    assert blurred["targets"] == blurred["turned"] == (numbers % 3 != 1).sum()
    assert blurred["runner_up"] == 0
    assert blurred["p"] == pytest.approx(0.5 ** blurred["turned"], rel=1e-4)
    assert blurred["own"] == (numbers % 3 == 1).sum()
    assert (blurred["recall_before"], blurred["recall_after"]) == (1, 1)
    others = table[(table["degradation"] == "resolution") & (table["level"] == 4) & (table["class"] != 1)]
    assert others["recall_after"].tolist() == [0, 0]
    assert (table["p_adjusted"] >= table["p"]).all()


def test_findings_name_the_class_and_the_defect(table):
    samples = pd.DataFrame({"id": ["0", "1", "2"], "class": [0, 1, 2], "name": NAMES, "correct": True})
    found = DegradationFinding.find(Evidence(samples, checks={"degradation": table}), THRESHOLDS)
    said = {finding.numbers["degradation"]: finding.sentence for finding in found}
    assert said["resolution"].startswith("A resolution 2 times lower turns 26 of 26 other pictures into class 1 (<b>)")
    # Neither light nor place makes neighbours alike.
    assert not said.keys() & {"brightness", "tint", "greyscale", "shift", "noise"}


def test_pictures_of_a_finding_show_a_picture_that_gets_worse(swept):
    table, pictures = swept
    samples = pd.DataFrame({"id": ["0", "1", "2"], "class": [0, 1, 2], "name": NAMES, "correct": True})
    findings = DegradationFinding.find(Evidence(samples, checks={"degradation": table}), THRESHOLDS)
    finding = next(one for one in findings if one.numbers["degradation"] == "resolution")
    check, row = finding.row
    level = finding.numbers["level"]
    assert (check, table.loc[row, "level"], table.loc[row, "class"]) == ("degradation", level, 1)
    before, after = pictures[row]
    (sample,) = finding.samples
    drawn = draw(int(sample))
    np.testing.assert_array_equal(read_webp(before.webp), drawn)
    x = np.moveaxis(drawn, -1, 0)[np.newaxis].astype(np.float32) / 255
    worse = degradations()["resolution"].change(x, level)[0]
    np.testing.assert_allclose(read_webp(after.webp), np.moveaxis(worse, 0, -1) * 255, atol=0.51)
    assert (before.words, after.words) == ("as it is", f"a resolution {level:g} times lower")
    assert (before.sample, after.sample) == (sample, sample)
    assert (before.predicted, after.predicted) == (int(sample) % 3, 1)


def test_degradations_keep_shape_and_dtype():
    x = np.random.default_rng(0).random((2, 3, 50, 60), dtype=np.float32)
    volume = np.random.default_rng(0).normal(100, 30, (1, 1, 48, 50, 60)).astype(np.float32)
    for one in degradations().values():
        for given in (x, volume):
            if one.applies(given.shape[1:]):
                before = given.copy()
                for level in one.levels:
                    changed = one.change(given, level)
                    assert (changed.shape, changed.dtype) == (given.shape, given.dtype), one.name
                    assert np.abs(changed - given).max() > 0, one.name
                np.testing.assert_array_equal(given, before)
    assert {one.name for one in degradations().values() if not one.applies((1, 8, 9, 10))} == {
        *("compression", "tint", "greyscale"),
    }


def test_degradations_by_hand():
    x = np.random.default_rng(0).random((1, 3, 20, 20), dtype=np.float32)
    known = degradations()
    np.testing.assert_allclose(known["brightness"].change(x, 60), x + 0.6 * x.std(), rtol=1e-5)
    contrast = known["contrast"].change(x, 50)
    np.testing.assert_allclose([contrast.mean(), contrast.std()], [x.mean(), x.std() / 2], rtol=1e-5)
    np.testing.assert_allclose(known["tint"].change(x, 15)[:, 0] / x[:, 0], 1.15, rtol=1e-5)
    grey = known["greyscale"].change(x, 100)
    np.testing.assert_allclose(grey[:, 1], x[:, 0] * 0.299 + x[:, 1] * 0.587 + x[:, 2] * 0.114, rtol=1e-5)
    np.testing.assert_allclose(known["shift"].change(x, -10)[..., :-2], x[..., 2:], atol=1e-6)
    noise = known["noise"].change(x, 50) - x
    assert noise.std() == pytest.approx(x.std() / 2, rel=0.1)
    pixels = np.rint(np.moveaxis(x[0], 0, -1) * 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=10)
    expected = np.moveaxis(np.asarray(Image.open(file)), -1, 0) / 255
    np.testing.assert_allclose(known["compression"].change(x, 10)[0], expected, atol=1e-6)
    margin = known["margin"].change(np.ones_like(x), 75)
    assert margin[0, 0, 0].max() == 0
    assert margin[0, 0, 10, 10] == 1
    assert known["zoom"].change(np.ones_like(x), 140).min() == 1
