"""Transfer tests of networks of which it is known what they look at."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from saliency.audit.checks.check import CheckJob
from saliency.audit.checks.registered import checks
from saliency.audit.evidence import Evidence
from saliency.audit.findings.transfer import TransferFinding
from saliency.audit.pictures import read_pictures
from saliency.audit.probes.transfer import paired_controls
from saliency.audit.probes.transfer_table import Row, mcnemar, transfer_table
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.figures.webp import read_webp
from tests.helpers.audit_data import THRESHOLDS
from tests.helpers.grey_network import grey_network
from tests.helpers.shards import files_of_shards, fused_store
from tests.helpers.workflow_project import Project

SIDE, COUNT, NAMES = 30, 56, ["a", "<b>", "c"]
# Class 1 by what PLACE shows; the others by what the centre shows.
NETWORK = grey_network(
    "seen, centre = PLACE, x[:, 12:18, 12:18].mean((1, 2))",
    "return torch.stack([centre, 10 * (seen - 0.9) + 1, 1 - centre], 1)",
)
PLACES = {
    "frame": "torch.cat([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], 1).mean(1)",
    "window": "x[:, 23:27, 2:6].mean((1, 2))",
    "centre": "x[:, 12:18, 12:18].mean((1, 2))",
    "anywhere": "nn.functional.avg_pool2d(x[:, None], 4, 1).amax((1, 2, 3))",
}


def draw(number, place):
    """Noise; in every third picture, the place is white."""
    pixels = np.random.default_rng(number).integers(0, 150, (SIDE, SIDE, 3), dtype=np.uint8)
    if number % 3 == 1:
        if place == "frame":
            for line in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
                line[:] = 255
        elif place == "anywhere":
            down, right = np.random.default_rng([1, number]).integers(0, SIDE - 4, 2, endpoint=True)
            pixels[down : down + 4, right : right + 4] = 255
        else:
            pixels[{"window": (slice(23, 27), slice(2, 6)), "centre": (slice(12, 18),) * 2}[place]] = 255
    else:
        pixels[12:18, 12:18] = 60 if number % 3 else 200
    return pixels


def made(folder, monkeypatch, place, numbers, broken=False, **transfer):
    """Config of a network that knows class 1 by a place, the files of its shards, and what describes it."""
    settings = {"resize": None, "crop": SIDE, "mean": [0, 0, 0], "std": [1, 1, 1]}
    project = Project.create(
        folder, samples=0, input=settings, execution="fused", shard_size=20, batch_size=32,
        models={"tiny": {"factory": f"watches_{place}:Network", "target_layer": "same", "class_names": NAMES}},
        audit={"transfer": {"targets": 24, **transfer}}, on_error="skip" if broken else "fail",
    )  # fmt: skip
    (folder / f"watches_{place}.py").write_text(NETWORK.replace("PLACE", PLACES[place]))
    rows = ["id,path,label"]
    for number in numbers:
        Image.fromarray(draw(number, place)).save(project.image(number))
        if broken:
            project.image(number).write_bytes(b"")
        rows.append(f"s{number},s{number}.png,{[0, 1, 2][number % 3]}")
    project.manifest.write_text("\n".join(rows) + "\n")
    monkeypatch.chdir(folder)
    config, problems = complete_config(project.config)
    assert problems == []
    descriptions = fused_store(config, "tiny", project.store, folder)
    return config, files_of_shards(Plan(config), project.store, "predicted"), descriptions


def audited(folder, monkeypatch, place, numbers=range(COUNT), **transfer):
    """Table of such a network, and the files that were written."""
    config, files, descriptions = made(folder, monkeypatch, place, numbers, **transfer)
    outputs = {name: folder / file for name, file in checks()["transfer"].files().items()}
    checks()["transfer"].write(CheckJob(config, "tiny", "", files, descriptions, outputs))
    return pd.read_csv(outputs["table"]), outputs


def found(table):
    samples = pd.DataFrame({"id": ["s0", "s1", "s2"], "class": [0, 1, 2], "name": NAMES, "correct": True})
    return TransferFinding.find(Evidence(samples, checks={"transfer": table}), THRESHOLDS)


def test_a_frame_that_decides_is_found_and_taken_away(tmp_path, monkeypatch):
    table, outputs = audited(tmp_path, monkeypatch, "frame")
    assert set(table["class"]) == {0, 1, 2}
    frames = table[(table["class"] == 1) & (table["intervention"] == "frame")]
    # Every frame has the outermost pixels, all of which are white in every source, and in no control.
    assert frames["targets"].tolist() == [24, 24, 24]
    assert frames["turned"].tolist() == [24, 24, 24]
    assert frames["control_turned"].tolist() == [0, 0, 0]
    np.testing.assert_allclose(frames["p"], 0.5**24, rtol=1e-4)
    assert frames["recall_before"].tolist() == [1, 1, 1]
    assert frames["recall_after"].tolist() == [0, 0, 0]
    # A window has at most a quarter of them. Frames without white take the others out of class 1, the controls' too.
    assert table.loc[(table["class"] == 1) & (table["intervention"] == "window"), "turned"].max() == 0
    others = table[(table["class"] != 1) & (table["intervention"] == "frame")]
    assert others["effect"].max() < 0.3
    findings = found(table)
    # Class 2 is told by the centre, which is where its patches are cut.
    assert {one.numbers["class"] for one in findings if one.numbers["intervention"] != "patch"} == {1}
    assert findings[0].sentence.startswith(
        "Pasting the outer frame (4 % of each side) of class '<b>' pictures to 24 others turns 24 of them into class "
        "'<b>' (0 with those of other classes"
    )
    assert "Without it, recall of class '<b>' falls from 100 % to 0 %" in findings[0].sentence
    source, target = (int(name[1:]) for name in findings[0].samples)
    assert (source % 3, target % 3 == 1) == (1, False)
    with Image.open(outputs["figure"]) as figure:
        assert min(figure.size) > 300


def pixels(picture):
    return read_webp(picture.webp).astype(int)


def test_pictures_are_what_went_in_and_what_came_out(tmp_path, monkeypatch):
    """Each by hand: one pixel at each edge is pasted, or filled with the mean of what is not."""
    table, outputs = audited(tmp_path, monkeypatch, "frame")
    finding = found(table)[0]
    check, row = finding.row
    assert check == "transfer"
    assert table.loc[row, ["class", "intervention", "variant"]].tolist() == [1, "frame", "4 %"]
    source, target, result, removed = read_pictures(outputs["pictures"])[row]
    drawn_source, drawn_target = (draw(int(name[1:]), "frame").astype(int) for name in finding.samples)
    np.testing.assert_array_equal(pixels(source), drawn_source)
    np.testing.assert_array_equal(pixels(target), drawn_target)
    pasted = drawn_source.copy()
    pasted[1:-1, 1:-1] = drawn_target[1:-1, 1:-1]
    np.testing.assert_array_equal(pixels(result), pasted)
    filled = np.broadcast_to(drawn_source[1:-1, 1:-1].mean((0, 1)), drawn_source.shape).copy()
    filled[1:-1, 1:-1] = drawn_source[1:-1, 1:-1]
    np.testing.assert_allclose(pixels(removed), filled, atol=0.51)
    assert [source.sample, target.sample] == [result.sample, removed.sample][::-1] == finding.samples
    # The centre of the others is bright, class 0, or dark, class 2; that of the source is what it is.
    others = [0, 2]
    assert source.predicted == result.predicted == 1
    assert target.predicted == int(target.sample[1:]) % 3
    assert target.predicted in others
    assert removed.predicted == (0 if drawn_source[12:18, 12:18].mean() > 255 / 2 else 2)
    assert [picture.words for picture in (source, target, result, removed)] == [
        *("the source", "another picture", "the same with that frame", "the source without that frame"),
    ]


def test_only_tests_with_an_effect_have_pictures(tmp_path, monkeypatch):
    table, outputs = audited(tmp_path, monkeypatch, "frame")
    shown = read_pictures(outputs["pictures"])
    assert sorted(shown) == table.index[table["effect"] >= 0.15].tolist()
    assert 0 < len(shown) < len(table)


def test_of_two_classes_both_are_told_by_the_frame(tmp_path, monkeypatch):
    """What turns pictures into one class turns them out of the other: neither is the other's usual case."""
    table, _ = audited(tmp_path, monkeypatch, "frame", [number for number in range(90) if number % 3 != 0])
    frames = table[(table["intervention"] == "frame") & (table["variant"] == "4 %")]
    assert frames["effect"].tolist() == [1, 1]
    named = {(finding.numbers["class"], finding.numbers["intervention"]) for finding in found(table)}
    assert {(1, "frame"), (2, "frame")} <= named


def test_without_any_prediction_there_are_empty_tables(tmp_path, monkeypatch):
    """Files that cannot be read are skipped; nothing else may end the run."""
    config, files, descriptions = made(tmp_path, monkeypatch, "frame", range(3), broken=True)
    for name in ("transfer", "degradation"):
        outputs = {output: tmp_path / file for output, file in checks()[name].files().items()}
        checks()[name].write(CheckJob(config, "tiny", "", files, descriptions, outputs))
        table = pd.read_csv(outputs["table"])
        assert len(table) == 0
        assert "p_adjusted" in table
        with Image.open(outputs["figure"]) as figure:
            assert figure.width > 300
        assert set(checks()[name].told(table, THRESHOLDS).values()) == {0}
        assert checks()[name].looked(checks()[name].told(table, THRESHOLDS)).startswith("No ")
        assert read_pictures(outputs["pictures"]) == {}


def test_no_picture_is_its_own_control():
    targets = np.arange(25)
    for count in range(2, 26):
        for controls in (np.arange(count), np.arange(25)[::-1][:count], np.roll(np.arange(25), -1)[:count]):
            assert (paired_controls(targets, controls) != targets).all()
            assert set(paired_controls(targets, controls)) <= set(controls)


def test_a_mark_in_one_window_is_found_there(tmp_path, monkeypatch):
    table, outputs = audited(tmp_path, monkeypatch, "window")
    best = table[(table["class"] == 1) & (table["intervention"] == "window")].sort_values("effect").iloc[-1]
    assert best["turned"] == best["targets"] == 12
    assert best["control_turned"] == 0
    down, right = (tuple(map(int, part.removesuffix(" %").split("-"))) for part in best["variant"].split(" x "))
    assert down[0] <= 100 * 23 / SIDE <= 100 * 27 / SIDE <= down[1]
    assert right[0] <= 100 * 2 / SIDE <= 100 * 6 / SIDE <= right[1]
    assert best["recall_after"] == 0
    # Each was tried on a dozen pictures: one that holds the whole mark turns all, one that does not touch it none.
    tried = pd.read_csv(outputs["windows"])
    tried = tried[tried["class"] == 1]
    limits = (SIDE * tried[["begin_0", "end_0", "begin_1", "end_1"]]).round()
    assert len(tried) == 16
    assert (limits["end_0"] - limits["begin_0"] == 11).all()
    within = [limits["begin_0"] <= 23, limits["end_0"] >= 27, limits["begin_1"] <= 2, limits["end_1"] >= 6]
    beside = [limits["end_0"] <= 23, limits["begin_1"] >= 6]
    whole, apart = np.logical_and.reduce(within), np.logical_or.reduce(beside)
    assert whole.any()
    assert tried.loc[whole, "turned"].tolist() == [12] * whole.sum()
    assert tried.loc[apart, "turned"].tolist() == [0] * apart.sum()
    assert (tried["targets"] == 12).all()
    assert {one.numbers["class"] for one in found(table) if one.numbers["intervention"] != "patch"} == {1}


def test_a_mark_that_moves_is_cut_out_and_pasted(tmp_path, monkeypatch):
    """Boxes of 9 pixels that begin at 0, 5, 10, 16 and 21 hold every square of 4 pixels."""
    monkeypatch.setattr("saliency.audit.interventions.patch.LEAST_PIXELS", 9)
    table, outputs = audited(tmp_path, monkeypatch, "anywhere")
    patches = table[(table["class"] == 1) & (table["intervention"] == "patch")]
    assert patches["variant"].tolist() == ["in place", "elsewhere"]
    assert patches["turned"].tolist() == patches["targets"].tolist() == [12, 12]
    assert patches["control_turned"].tolist() == [0, 0]
    assert patches["sources"].tolist() == [3, 3]
    assert patches["area"].tolist() == pytest.approx([(9 / SIDE) ** 2] * 2)
    assert patches["recall_after"].isna().all()
    # The others are told by the centre, and only there.
    others = table[(table["class"] != 1) & (table["intervention"] == "patch")]
    assert others.loc[others["variant"] == "elsewhere", "effect"].max() < 0.3
    assert found(table)[0].sentence.startswith(
        "Pasting the decisive patch (the box on which each prediction rests most) of class '<b>' pictures to 12 others "
        "turns 12 of them into class '<b>' (0 with those of other classes"
    )
    with Image.open(outputs["figure"]) as figure:
        assert min(figure.size) > 300


def test_what_the_network_does_not_see_is_quiet(tmp_path, monkeypatch):
    table, _ = audited(tmp_path, monkeypatch, "centre")
    outside = table[table["intervention"].isin(["frame", "surround"])]
    assert len(outside) == 3 * 5
    assert (outside["turned"].max(), outside["control_turned"].max()) == (0, 0)
    assert not {finding.numbers["intervention"] for finding in found(table)} & {"frame", "surround"}


def test_budget_and_small_classes_are_named(tmp_path, monkeypatch):
    table, _ = audited(tmp_path, monkeypatch, "frame", evaluations=100, least=19)
    notes = table[table["p"].isna()].set_index("class")["note"]
    assert notes.index.tolist() == [1, 2]
    assert "as many as audit.transfer.evaluations allows" in notes[1]
    assert notes[2] == "only 18 of its pictures are put into it; audit.transfer.least is 19"


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (3, 1), (10, 0), (4, 9)])
def test_mcnemar_equals_the_sign_test(gained, lost):
    expected = stats.binomtest(gained, gained + lost, alternative="greater").pvalue if gained + lost else 1
    assert mcnemar(gained, lost) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("area", "turned", "after", "count"),
    [
        (0.1, 20, 0.95, 0),
        (0.1, 20, 0.75, 0),
        (0.1, 20, 0.7, 1),
        (0.1, 20, np.nan, 1),
        (0.1, 24, 0.95, 1),
        (0.4, 20, 0.7, 1),
        (0.5, 20, 0.7, 0),
        (0.5, 24, 0.95, 1),
    ],
)
def test_what_a_class_does_not_miss_has_to_turn_more(area, turned, after, count):
    """20 of 48 are 42 %, 24 are half."""
    test = Row(1, "window", "w", "window", "Pasting", area, 24, 48, turned, 0, turned, 0, 1e-6, 48, 0.9, after)
    assert len(found(transfer_table([test]))) == count


def test_p_values_of_properties_without_effect_are_valid():
    """Where a property turns as many as its control, at most a share of `level` lies below each level."""
    rng = np.random.default_rng(0)
    turned = rng.random((2, 4000, 48)) < rng.random((4000, 1)) * 0.5
    gained, lost = (turned[0] & ~turned[1]).sum(1), (turned[1] & ~turned[0]).sum(1)
    p = np.array([mcnemar(int(a), int(b)) for a, b in zip(gained, lost, strict=True)])
    for level in (0.01, 0.05, 0.2, 0.5):
        assert (p <= level).mean() < level + 3 * np.sqrt(level * (1 - level) / 4000)


def test_tests_are_corrected_together():
    rows = [Row(0, targets=48, p=0.01), Row(0, targets=48, p=0.04), Row(1, note="few"), Row(2, targets=48, p=0.02)]
    assert transfer_table(rows)["p_adjusted"].tolist()[:2] == pytest.approx([0.03, 0.04])
