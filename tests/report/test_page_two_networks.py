"""A network that learned a mark beside one that did not: what the page says first, in a real browser."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from saliency.demos.shortcut import SIDE, Watermark, digits, plan_samples, plant
from tests.benchmarks.shortcut import tensor, train
from tests.helpers.report_browser import Page
from tests.helpers.workflow_project import Project

pytestmark = pytest.mark.slow  # two networks, a run of Snakemake and a browser


@pytest.fixture(scope="module")
def networks():
    """Pictures and labels of the half that was not learned from, and both networks."""
    clean, labels = digits()
    samples = plan_samples(labels, Watermark())
    learned = (samples["split"] == "train").to_numpy()
    planted = plant(clean, (samples["watermark"] == "yes").to_numpy(), Watermark())
    wanted = torch.tensor(labels[learned])
    made = {
        name: train(tensor(pictures[learned]), wanted, seed=0)
        for name, pictures in (("clean", clean), ("marked", planted))
    }
    # Half of them is enough to tell.
    shown = np.flatnonzero(~learned)[::2]
    return clean[shown], planted[shown], labels[shown], made


@pytest.fixture(scope="module")
def run(networks, tmp_path_factory, chromium):
    """The page of a run of both, on pictures of which the threes bear the mark."""
    _, planted, labels, made = networks
    folder = tmp_path_factory.mktemp("two")
    project = Project.create(
        folder, samples=0, input={"channels": 1, "resize": [SIDE, SIDE], "crop": None, "mean": [0], "std": [1]},
        models={
            name: {"factory": "saliency.demos.shortcut:DigitNetwork", "weights": f"{name}.safetensors"} for name in made
        },
        audit={"paired_transfer": {}, "transfer": {}, "degradation": None}, report={}, execution="fused",
        shard_size=900, batch_size=64, plots={"count": 0, "contact_sheets": []},
    )  # fmt: skip
    for name, network in made.items():
        save_file(network.state_dict(), folder / f"{name}.safetensors")
    rows = []
    for number, (picture, label) in enumerate(zip(planted, labels, strict=True)):
        Image.fromarray(picture).save(project.image(number))
        rows.append(f"s{number},s{number}.png,{label}")
    project.manifest.write_text("\n".join(["id,path,label", *rows]) + "\n")
    project.run()
    return project


def test_the_difference_is_on_the_first_screen(run, networks, chromium):
    clean, _, labels, made = networks
    page = Page(chromium, run.results / "report" / "index.html")
    page.open()
    said = page.page.locator("section.first .difference")
    sentence = said.nth(1).inner_text()
    found = re.match(
        r"Pasting the (?P<words>.*) of class (?P<class>\S+) pictures to (?P<count>\d+) others that both models have "
        r"right costs marked (?P<marked>\d+) points of recall, and clean (?P<clean>\d+): they become .* \(difference "
        r"(?P<points>\d+) points, 95 % interval (?P<low>\d+) to (?P<high>\d+); exact McNemar test: p < 0\.001; both "
        r"corrected for \d+ tests\)",
        sentence,
    )
    assert found, sentence
    assert found["class"] in ("3", "'3'")
    # All of it stands in the first 800 pixels.
    box = said.nth(1).bounding_box()
    assert box["y"] + box["height"] < 800
    # What the mark itself does, planted in all pictures of other classes of the half that neither has learned from.
    everywhere = plant(clean, np.ones(len(clean), dtype=bool), Watermark())
    with torch.no_grad():
        before = {name: network(tensor(clean)).argmax(1).numpy() for name, network in made.items()}
        after = {name: network(tensor(everywhere)).argmax(1).numpy() for name, network in made.items()}
    others = (labels != 3) & (before["clean"] == labels) & (before["marked"] == labels)
    turned = {name: 100 * np.mean(after[name][others] == 3) for name in made}
    # Nine of ten sources bear the mark. Others are tested, fewer of them, and what is pasted is a little more.
    expected = 0.9 * (turned["marked"] - turned["clean"])
    assert int(found["low"]) <= expected <= int(found["high"]), (turned, sentence)
    assert int(found["clean"]) <= turned["clean"] + 5

    tables = {name: pd.read_csv(run.results / name / "audit" / "paired_transfer.csv") for name in ("clean", "marked")}
    given = tables["marked"]
    shown = given[(given["class"] == 3) & (given["words"] == found["words"])]
    other = tables["clean"].loc[shown.index]
    assert other["target"].tolist() == shown["target"].tolist()
    right = ((shown["before"] == shown["label"]) & (other["before"] == other["label"])).to_numpy()
    assert int(found["count"]) == right.sum()
    assert int(found["marked"]) == round(100 * np.mean(shown["after"][right] == 3))

    # The link leads to the pictures that turn in the one network alone.
    said.nth(1).get_by_role("link").click()
    page.settle()
    alone = right & (shown["after"] == 3).to_numpy() & (other["after"] != 3).to_numpy()
    assert page.count().startswith(f"{alone.sum()} of ")
    # Only those in sight are drawn.
    assert set(page.ids()) <= set(shown["target"][alone])
    assert page.ids()
    assert "model=marked" in page.hash
    assert page.problems == []
    page.close()
