import json

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

from saliency.audit.clusters import ClusterSettings
from saliency.audit.document import SCHEMA, to_json, to_markdown
from saliency.audit.evidence import Evidence
from saliency.audit.findings.finding import Finding
from saliency.audit.findings.ranking import rank, ranked_findings
from saliency.audit.findings.registered import finding_keys, finding_kind
from saliency.audit.findings.words import escape_markdown
from saliency.audit.groups import describe_groups
from saliency.audit.run import AuditSettings, audit

THRESHOLDS = {key.name: key.default for key in finding_keys()}
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


def run(samples, maps, inputs):
    """The evidence, as it is written and read again, the findings, and how many are left out."""
    found = audit(samples, maps, inputs, ["correct", "spread", "energy_ratio"], ["scanner", "id"], FAST).evidence
    kept = Evidence.from_json(found.to_json(), found.samples, found.groups)
    return kept, *ranked_findings(kept, THRESHOLDS)


@pytest.mark.parametrize(("grid", "place"), [((6, 6), "upper left corner"), ((5, 5, 5), "left back bottom corner")])
def test_the_first_finding_is_the_planted_shortcut(grid, place):
    samples, maps, inputs = dataset(grid=grid)
    _, (first, *_), _ = run(samples, maps, inputs)
    assert first.kind == "shortcut"
    assert first.numbers["class"] == 1
    assert first.numbers["place"] == place
    bears = (samples["class"] == 1) & (inputs[(slice(None), 0, *[0] * (len(grid) - 1), 1)] == 1)
    assert first.numbers["members"] == pytest.approx(bears.sum(), abs=5)
    assert first.numbers["accuracy"] > 0.97 > 0.8 > first.numbers["accuracy_others"]
    assert "scanner is new_one in 100 % of them" in first.sentence
    assert set(first.samples) <= set(samples.loc[samples["class"] == 1, "id"])


def test_half_a_class_is_a_cluster_too():
    _, found, _ = run(*dataset(marked=0.5))
    assert {finding.kind for finding in found if finding.numbers.get("class") == 1} >= {"shortcut", "cluster"}


def test_without_anything_planted_nothing_is_found_and_the_report_says_what_was_tested():
    quiet = 0
    for seed in range(5):
        evidence, found, _ = run(*dataset(seed, marked=0.0))
        quiet += not found
    assert quiet == 5
    text = to_markdown(found, 0, evidence.tested, {"findings": THRESHOLDS})
    assert "Nothing was found." in text
    for line in ("- samples: 600", "- maps: 600", "- classes: 3", "- findings alpha: 0.05"):
        assert line in text.splitlines()


def test_documents_are_valid_and_hold_the_same_findings():
    evidence, found, left_out = run(*dataset())
    document = json.loads(to_json(found, left_out, evidence.tested, THRESHOLDS))
    sample = found[0].samples[0]
    Draft202012Validator(SCHEMA).validate(document)
    scores = [finding["score"] for finding in document["findings"]]
    assert scores == sorted(scores, reverse=True)
    text = to_markdown(found, left_out, evidence.tested, THRESHOLDS, {sample: "figures/a.png"})
    assert r"Class 1 \(\<one\>\): " in text
    assert f"[{sample}](<figures/a.png>)" in text
    assert r"new\_one" in text


def test_failed_and_unlabelled_samples_are_left_out():
    samples, maps, inputs = dataset()
    failed = np.arange(len(samples)) % 10 == 0
    maps[failed], inputs[failed] = np.nan, np.nan
    samples.loc[failed, ["class", "correct", "spread", "zero_map"]] = pd.NA
    samples.loc[1::5, "correct"] = pd.NA
    evidence, found, left_out = run(samples, maps, inputs)
    assert evidence.tested["maps"] == (~failed).sum()
    assert found[0].kind == "shortcut"
    json.loads(to_json(found, left_out, evidence.tested, THRESHOLDS))


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
    evidence = Evidence(samples, summary=summary)
    found = {
        name: finding_kind(name).find(evidence, THRESHOLDS)[0] for name in ("zero_maps", "outside_mask", "accuracy")
    }
    assert found["zero_maps"].sentence.startswith("Class 1: the map is zero everywhere in 10 % of 100 samples: ")
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
    evidence = Evidence(pd.DataFrame({"id": [], "class": [], "correct": []}), tests=tests, map_tests=maps)
    a, c = finding_kind("group").find(evidence, THRESHOLDS)
    assert a.sentence == (
        "Where site is a, the maps differ from those of the other samples: y is 5 on average in these 10 samples and 2 "
        "in the other 30 (Cliff's delta 0.80, corrected p 1e-05). These measures differ as well: x."
    )
    assert "Where site is c, " in c.sentence
    assert "the mean map has 30 % of its energy at other places" in c.sentence


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
