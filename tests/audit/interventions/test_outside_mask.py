"""Surroundings that are given and taken away: of arrays, by hand, and of a network that looks at nothing else."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from saliency.audit.checks.check import CheckJob
from saliency.audit.checks.registered import checks
from saliency.audit.evidence import Evidence
from saliency.audit.findings.transfer import TransferFinding
from saliency.audit.interventions.outside_mask import OutsideMask
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from tests.helpers.audit_data import THRESHOLDS
from tests.helpers.grey_network import grey_network
from tests.helpers.shards import files_of_shards, fused_store
from tests.helpers.workflow_project import Project

SIDE, COUNT = 30, 56
# Class 1 where all but the centre is bright; the others by the centre.
NETWORK = grey_network(
    "inside = x[:, 12:18, 12:18]",
    "around = (x.sum((1, 2)) - inside.sum((1, 2))) / (30 * 30 - 6 * 6)",
    "centre = inside.mean((1, 2))",
    "return torch.stack([centre, 10 * (around - 0.9) + 1, 1 - centre], 1)",
)


@pytest.mark.parametrize("spatial", [(9, 12), (6, 7, 5)])
def test_objects_stay_and_no_other_is_pasted(spatial):
    rng = np.random.default_rng(0)
    targets, sources = rng.random((2, 4, 3, *spatial), dtype=np.float32)
    target_masks, source_masks = rng.random((2, 4, *spatial)) < 0.3
    before = targets.copy(), sources.copy()
    (variant,) = OutsideMask.variants(spatial)
    given = OutsideMask.give_masked(targets, sources, variant, target_masks, source_masks)
    assert given.dtype == np.float32
    for number in range(4):
        inside, object_of_source = target_masks[number], source_masks[number] & ~target_masks[number]
        around = ~inside & ~object_of_source
        for channel in range(3):
            result, source = given[number, channel], sources[number, channel]
            np.testing.assert_array_equal(result[inside], targets[number, channel][inside])
            np.testing.assert_array_equal(result[around], source[around])
            np.testing.assert_allclose(result[object_of_source], source[~source_masks[number]].mean(), rtol=1e-5)
    np.testing.assert_array_equal([targets, sources], before)
    assert OutsideMask.masked_area(target_masks, variant) == pytest.approx((~target_masks).mean())


@pytest.mark.parametrize("spatial", [(9, 12), (6, 7, 5)])
def test_without_surroundings_there_is_the_mean_of_others(spatial):
    rng = np.random.default_rng(1)
    pictures, others = rng.random((5, 2, *spatial)), rng.random((3, 2, *spatial))
    masks, other_masks = rng.random((5, *spatial)) < 0.5, rng.random((3, *spatial)) < 0.5
    (variant,) = OutsideMask.variants(spatial)
    left = OutsideMask.remove_masked(pictures, others, variant, masks, other_masks)
    for channel in range(2):
        mean = np.mean([other[channel][~mask].mean() for other, mask in zip(others, other_masks, strict=True)])
        np.testing.assert_array_equal(left[:, channel][masks], pictures[:, channel][masks])
        np.testing.assert_allclose(left[:, channel][~masks], mean)


def mask_of(number):
    """A square around the centre, of 8 to 12 pixels."""
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    mask[11 - number % 3 : 19 + number % 3, 11 - number % 3 : 19 + number % 3] = 1
    return mask


def made(folder, monkeypatch, masked):
    """Noise with an object in the centre; in every third picture, all around is white."""
    settings = {"resize": None, "crop": SIDE, "mean": [0, 0, 0], "std": [1, 1, 1]}
    project = Project.create(
        folder, samples=0, input=settings, execution="fused", shard_size=20, batch_size=32,
        models={"tiny": {"factory": "looks_around:Network", "target_layer": "same"}},
        audit={"transfer": {"targets": 24}},
    )  # fmt: skip
    (folder / "looks_around.py").write_text(NETWORK)
    rows = ["id,path,label,mask"]
    for number in range(COUNT):
        pixels = np.random.default_rng(number).integers(0, 150, (SIDE, SIDE, 3), dtype=np.uint8)
        if number % 3 == 1:
            pixels[:] = 255
            pixels[12:18, 12:18] = 130
        else:
            pixels[12:18, 12:18] = 60 if number % 3 else 200
        Image.fromarray(pixels).save(project.image(number))
        Image.fromarray(mask_of(number)).save(project.folder / "data" / f"m{number}.png")
        rows.append(f"s{number},s{number}.png,{number % 3},{f'm{number}.png' if masked(number) else ''}")
    project.manifest.write_text("\n".join(rows) + "\n")
    monkeypatch.chdir(folder)
    config, problems = complete_config(project.config)
    assert problems == []
    return project, config


def audited(folder, monkeypatch, masked):
    project, config = made(folder, monkeypatch, masked)
    descriptions = fused_store(config, "tiny", project.store, folder)
    # One mask is empty, and one is no picture.
    Image.fromarray(np.zeros((SIDE, SIDE), dtype=np.uint8)).save(project.folder / "data" / "m3.png")
    (project.folder / "data" / "m4.png").write_bytes(b"no picture")
    files = files_of_shards(Plan(config), project.store, "predicted")
    outputs = {name: folder / file for name, file in checks()["transfer"].files().items()}
    checks()["transfer"].write(CheckJob(config, "tiny", "", files, descriptions, outputs))
    return pd.read_csv(outputs["table"])


def test_surroundings_that_decide_are_found_and_taken_away(tmp_path, monkeypatch):
    table = audited(tmp_path, monkeypatch, lambda number: number % 7 != 6)
    tests = table[table["intervention"] == "outside_mask"].set_index("class")
    assert tests.index.sort_values().tolist() == [0, 1, 2]
    row = tests.loc[1]
    with_mask = [number for number in range(COUNT) if number % 7 != 6 and number not in (3, 4)]
    own = [number for number in with_mask if number % 3 == 1]
    assert row[["sources", "targets", "turned", "control_turned", "own"]].tolist() == [len(own), 24, 24, 0, len(own)]
    assert row[["recall_before", "recall_after"]].tolist() == [1, 0]
    shares = [1 - mask_of(number).mean() for number in (0, 2)]
    assert shares[1] <= row["area"] <= shares[0]
    # Other surroundings take pictures out of class 1, those of the controls as well.
    assert tests.drop(index=1)["effect"].max() < 0.3
    assert {int(row[name][1:]) for name in ("source", "target")} <= set(with_mask)
    samples = pd.DataFrame({"id": ["s0", "s1", "s2"], "class": [0, 1, 2], "name": ["a", "b", "c"], "correct": True})
    findings = TransferFinding.find(Evidence(samples, checks={"transfer": table}), THRESHOLDS)
    (finding,) = [one for one in findings if one.numbers["intervention"] == "outside_mask"]
    assert finding.sentence.startswith(
        "Pasting the surroundings (all outside the mask) of class 'b' pictures to 24 others turns 24 of them into "
        "class 'b' (0 with those of other classes"
    )


def test_few_masks_are_named_and_none_are_nothing(tmp_path, monkeypatch):
    table = audited(tmp_path / "few", monkeypatch, lambda number: number < 30)
    assert "outside_mask" not in set(table["intervention"])
    notes = table[table["p"].isna()].groupby("class")["note"].agg(list)
    # Of 30 pictures, one of label 0 and one of label 1 have a broken mask, and 9 of label 1 are left.
    assert notes[1] == ["with a mask: only 19 other pictures are put elsewhere; 24 are needed"]
    table = audited(tmp_path / "none", monkeypatch, lambda number: False)
    assert "outside_mask" not in set(table["intervention"])
    assert table["note"].isna().all()


def test_a_new_mask_makes_the_check_again(tmp_path, monkeypatch):
    project, config = made(tmp_path, monkeypatch, lambda number: True)

    def digests():
        return {step: Digests(Plan(config)).of(step, "tiny") for step in ("transfer", "degradation")}

    before = digests()
    Image.fromarray(np.ones((SIDE, SIDE), dtype=np.uint8)).save(project.folder / "data" / "m0.png")
    after = digests()
    assert [step for step in before if before[step] != after[step]] == ["transfer"]
