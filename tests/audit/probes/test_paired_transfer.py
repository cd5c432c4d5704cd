"""Two networks of which it is known what they look at, on the same changed pictures."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from saliency.audit.checks.check import CheckJob
from saliency.audit.checks.registered import checks
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from tests.audit.probes.test_transfer import SIDE, draw
from tests.helpers.grey_network import grey_network
from tests.helpers.shards import files_of_shards, fused_store
from tests.helpers.workflow_project import Project

COUNT, PAIR = 60, ["class", "intervention", "variant", "source", "target", "label"]
# Both tell classes 0 and 2 by the centre; class 1 by a white frame the one, by darker grey in the centre the other.
FRAME = "torch.cat([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], 1).mean(1)"
CENTRE = "x[:, 12:18, 12:18].mean((1, 2))"
SOURCES = {
    "marked": grey_network(
        f"seen, centre = {FRAME}, {CENTRE}", "return torch.stack([centre, 10 * (seen - 0.9) + 1, 1 - centre], 1)"
    ),
    "clean": grey_network(
        f"centre = {CENTRE}", "return -torch.stack([centre - 0.784, centre - 0.45, centre - 0.235], 1).square()"
    ),
}


def picture(number):
    """As of the other tests; the centre of class 1 is grey as well."""
    pixels = draw(number, "frame")
    if number % 3 == 1:
        pixels[12:18, 12:18] = 115
    return pixels


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Makes the tables of both networks."""
    folder = tmp_path_factory.mktemp("paired")
    settings = {"resize": None, "crop": SIDE, "mean": [0, 0, 0], "std": [1, 1, 1]}
    project = Project.create(
        folder, samples=0, input=settings, execution="fused", shard_size=25, batch_size=32, on_error="skip",
        models={name: {"factory": f"paired_{name}:Network", "target_layer": "same"} for name in SOURCES},
        audit={"paired_transfer": {"targets": 24, "sources": 8}},
    )  # fmt: skip
    for name, source in SOURCES.items():
        (folder / f"paired_{name}.py").write_text(source)
    for number in range(COUNT):
        Image.fromarray(picture(number)).save(project.image(number))
    # Two samples of each class have no label, and one file is broken.
    rows = [f"s{number},s{number}.png,{'' if number < 6 else number % 3}" for number in range(COUNT)]
    project.manifest.write_text("\n".join(["id,path,label", *rows]) + "\n")
    project.image(30).write_bytes(b"")
    stores = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in SOURCES:
            config, problems = complete_config(project.config)
            assert problems == []
            stores[name] = fused_store(config, name, project.results / f"{name}.zarr", folder / name)

        def make(models=tuple(SOURCES), **changes):
            changed = config | {"models": {name: config["models"][name] for name in models}}
            changed["audit"] = config["audit"] | {"paired_transfer": config["audit"]["paired_transfer"] | changes}
            found = {}
            for name in models:
                files = files_of_shards(Plan(changed), project.results / f"{name}.zarr", "predicted")
                output = folder / f"{name}.csv"
                job = CheckJob(changed, name, "", files, stores[name], {"table": output})
                checks()["paired_transfer"].write(job)
                found[name] = pd.read_csv(output)
            return found

        yield make


def test_both_networks_answer_for_the_same_pairs(run):
    tables = run()
    first, second = tables["marked"], tables["clean"]
    pd.testing.assert_frame_equal(first[PAIR], second[PAIR])
    labels = {f"s{number}": number % 3 for number in range(COUNT)}
    assert (first["target"].map(labels) == first["label"]).all()
    assert (first["source"].map(labels) == first["class"]).all()
    assert (first["label"] != first["class"]).all()
    named = set(first["source"]) | set(first["target"])
    assert not named & {"s0", "s1", "s2", "s3", "s4", "s5", "s30"}
    assert set(first["intervention"]) >= {"frame", "surround", "colour", "window"}
    assert not set(first["intervention"]) & {"patch", "outside_mask"}
    of_test = first.groupby(["class", "intervention", "variant"]).size()
    assert of_test.between(23, 24).all()
    sources = first[first["intervention"] == "frame"].groupby(["class", "variant"])["source"].nunique()
    assert sources.between(7, 8).all()


def test_a_frame_turns_pictures_in_the_network_that_looks_at_it(run):
    tables = run()
    frames = {name: table[(table["class"] == 1) & (table["intervention"] == "frame")] for name, table in tables.items()}
    for table in frames.values():
        assert (table["before"] == table["label"]).all()
    assert (frames["marked"]["after"] == 1).all()
    assert (frames["clean"]["after"] == frames["clean"]["before"]).all()


def test_the_network_sees_no_more_pictures_than_are_allowed(run):
    table = run(evaluations=100)["marked"]
    # The last test may begin below the limit.
    assert 100 <= len(table) <= 100 + 24
    assert np.unique(table["intervention"]).tolist() == ["frame", "surround"]


def test_a_single_model_has_nothing_to_be_compared_with(run):
    table = run(models=("marked",))["marked"]
    assert table.empty
    assert table.columns.tolist()[0] == "class"
