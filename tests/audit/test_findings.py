import json

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

from saliency.audit.clusters import ClusterSettings
from saliency.audit.document import SCHEMA, rank, to_json, to_markdown
from saliency.audit.findings.kinds import Finding, FindingSettings, class_findings, escape_markdown, group_findings
from saliency.audit.groups import describe_groups
from saliency.audit.run import AuditSettings, audit

SETTINGS = FindingSettings()
FAST = AuditSettings(clusters=ClusterSettings(max_clusters=4), resamples=100, permutations=199)


def dataset(seed=0, grid=(6, 6), marked=0.9, count=600):
    """Three classes of noise; in class 1, `marked` of the pictures have a mark in cell 0, and the maps point at it."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % 3
    bears = (classes == 1) & (rng.random(count) < marked)
    inputs = rng.random((count, 1, *[4 * cells for cells in grid])) * 0.5
    maps = rng.gamma(0.5, size=(count, *grid))
    corner = (slice(0, 4),) * len(grid)
    inputs[(bears, 0, *corner)] = np.indices([4] * len(grid)).sum(axis=0) % 2
    maps[(bears, *[0] * len(grid))] += 15
    correct = rng.random(count) < np.where(bears, 1.0, 0.6)
    samples = pd.DataFrame(
        {
            "id": [f"s{number}" for number in range(count)],
            "class": pd.array(classes, dtype="Int64"),
            "name": ["*zero*", "<one>", ""] * (count // 3),
            "correct": pd.array(correct, dtype="boolean"),
            "zero_map": 0.0,
            "energy_ratio": np.nan,
            "spread": rng.random(count),
            "scanner": np.where(bears, "new_one", rng.choice(["old", "new_one"], count)),
        }
    )
    return samples, maps, inputs


def run(samples, maps, inputs, settings=FAST):
    return audit(samples, maps, inputs, ["correct", "spread", "energy_ratio"], ["scanner", "id"], settings)


@pytest.mark.parametrize(("grid", "place"), [((6, 6), "upper left corner"), ((5, 5, 5), "left back bottom corner")])
def test_the_first_finding_is_the_planted_shortcut(grid, place):
    samples, maps, inputs = dataset(grid=grid)
    first = run(samples, maps, inputs).findings[0]
    assert first.kind == "shortcut"
    assert first.numbers["class"] == 1
    assert first.numbers["place"] == place
    bears = (samples["class"] == 1) & (inputs[(slice(None), 0, *[0] * (len(grid) - 1), 1)] == 1)
    assert first.numbers["members"] == pytest.approx(bears.sum(), abs=5)
    assert first.numbers["accuracy"] > 0.97 > 0.8 > first.numbers["accuracy_others"]
    assert "scanner new_one: " in first.sentence
    assert set(first.samples) <= set(samples.loc[samples["class"] == 1, "id"])


def test_half_a_class_is_a_cluster_too():
    found = run(*dataset(marked=0.5)).findings
    assert {finding.kind for finding in found if finding.numbers.get("class") == 1} >= {"shortcut", "cluster"}


def test_without_anything_planted_nothing_is_found_and_the_report_says_what_was_tested():
    quiet = 0
    for seed in range(5):
        result = run(*dataset(seed, marked=0.0))
        quiet += not result.findings
    assert quiet == 5
    text = to_markdown(result.findings, 0, result.tested, result.settings)
    assert "Nothing was found." in text
    assert "samples 600, maps 600, classes 3" in text
    assert "findings alpha 0.05" in text


def test_documents_are_valid_and_hold_the_same_findings():
    result = run(*dataset())
    document = json.loads(to_json(result.findings, result.left_out, result.tested, result.settings))
    sample = result.findings[0].samples[0]
    Draft202012Validator(SCHEMA).validate(document)
    scores = [finding["score"] for finding in document["findings"]]
    assert scores == sorted(scores, reverse=True)
    text = to_markdown(result.findings, result.left_out, result.tested, result.settings, {sample: "figures/a.png"})
    assert r"Class 1 \(\<one\>\): " in text
    assert f"[{sample}](<figures/a.png>)" in text
    assert r"new\_one" in text


def test_failed_and_unlabelled_samples_are_left_out():
    samples, maps, inputs = dataset()
    failed = np.arange(len(samples)) % 10 == 0
    maps[failed], inputs[failed] = np.nan, np.nan
    samples.loc[failed, ["class", "correct", "spread", "zero_map"]] = pd.NA
    samples.loc[1::5, "correct"] = pd.NA
    result = run(samples, maps, inputs)
    assert result.tested["maps"] == (~failed).sum()
    assert result.findings[0].kind == "shortcut"
    json.loads(to_json(result.findings, result.left_out, result.tested, result.settings))


def test_maps_of_zeros_masks_and_accuracy():
    rng = np.random.default_rng(0)
    samples = pd.DataFrame(
        {
            "id": [f"s{number}" for number in range(200)],
            "class": np.repeat([0, 1], 100),
            "correct": np.repeat([True, False, True], [100, 50, 50]),
            "zero_map": np.repeat([0.0, 1.0, 0.0], [100, 10, 90]),
            "energy_ratio": np.concatenate([rng.normal(0.4, 0.05, 100), rng.normal(1.5, 0.05, 100)]),
        }
    )
    summary = describe_groups(samples, samples["class"], ["energy_ratio"])
    found = {finding.kind: finding for finding in class_findings(samples, summary, SETTINGS)}
    assert found["zero_maps"].sentence == "Class 1: the map is zero everywhere in 10 % of 100 samples."
    assert found["zero_maps"].samples == ["s100", "s101", "s102", "s103", "s104"]
    assert found["outside_mask"].numbers["class"] == 0
    assert found["outside_mask"].score == pytest.approx(0.6, abs=0.05)
    assert found["outside_mask"].samples[0] == samples.loc[samples["energy_ratio"].idxmin(), "id"]
    assert found["accuracy"].score == 0.5


def test_one_finding_for_each_group():
    tests = pd.DataFrame(
        [
            ("site", "a", "x", 10, 30, 1.0, 2.0, -0.4, 1e-6, 1e-5),
            ("site", "a", "y", 10, 30, 5.0, 2.0, 0.8, 1e-6, 1e-5),
            ("site", "b", "x", 10, 30, 1.0, 2.0, -0.9, 0.04, 0.2),  # not significant
            ("site", "c", "x", 10, 30, 1.0, 2.0, 0.1, 1e-9, 1e-8),  # small
        ],
        columns=["column", "group", "measure", "count", "rest", "mean", "mean_rest", "effect", "p", "p_adjusted"],
    )
    maps = pd.DataFrame(
        {"column": "site", "group": ["a", "b", "c"], "distance": [0.05, 0.3, 0.3], "p": [0.001, 0.5, 0.001]}
    )
    a, c = group_findings(tests, maps, SETTINGS)
    assert a.sentence.startswith("site a: y is on average 5 in 10 samples and 2 in the other 30 (Cliff's delta 0.80")
    assert a.sentence.endswith("Further measures that differ: x.")
    assert c.sentence.startswith("site c: The mean map has 30 % of its energy at other places")


def test_ranking_keeps_the_highest_scores():
    findings = [Finding("accuracy", score, "…") for score in (0.1, 0.9, 0.5)]
    kept, left_out = rank(findings, 2)
    assert [finding.score for finding in kept] == [0.9, 0.5]
    assert left_out == 1


@pytest.mark.parametrize(
    "text", ["a|b", "[x](javascript:y)", "<img src=x>", "**b**", "`c`", "# d\n# e", "http://f.g", "{h}"]
)
def test_escaped_text_has_no_markup_left(text):
    escaped = escape_markdown(text)
    assert "\n" not in escaped
    plain = escaped.replace("\\\\", "")
    for position, character in enumerate(plain):
        if character in r"|[]()<>*`#{}:_~!&":
            assert plain[position - 1] == "\\"
    assert Finding("group", 1, "{column} x", {"column": text}).sentence == f"{text} x"
