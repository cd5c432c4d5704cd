"""Findings in a real browser: each leads to its samples."""

import numpy as np
import pandas as pd
import pytest

from saliency.experiment.plan import Plan
from saliency.experiment.selection import audited_rows
from saliency.experiment.validation import complete_config
from saliency.report.document import samples_data
from saliency.report.overview import target_findings
from saliency.report.scripts import data_script
from tests.helpers.report_browser import choose
from tests.helpers.report_project import CLOSES, EXECUTES

pytestmark = pytest.mark.slow  # a browser and a whole report


def test_overview_tells_numbers_and_hostile_names_are_texts(report, project):
    report.open()
    said = pd.read_csv(project.results / "tiny" / "predictions.csv")
    right, known = int(said["correct"].eq(True).sum()), int(said["correct"].notna().sum())
    row = report.page.locator("section[aria-labelledby=models-title] tbody tr").first.inner_text()
    assert f"{100 * right / known:.1f} %" in row
    assert f"{right} of {known}" in row
    failures = report.page.locator("section[aria-labelledby=failures-title] tbody tr")
    assert failures.count() == 2  # of two models
    assert failures.first.inner_text().startswith("s7")
    report.page.goto(report.address + "#/sample/s7")
    report.settle()
    assert EXECUTES in report.page.locator("#view").inner_text()
    assert report.page.locator("#view img, #view script").count() == 0


def test_finding_leads_to_its_pictures(report, project):
    """One click from the sentence to pictures of the samples that it is about."""
    report.open()
    link = report.page.locator(".finding .sentence a").first
    sentence = link.inner_text()
    link.click()
    report.settle()
    assert report.hash.startswith("#/gallery?")
    assert sentence in report.page.locator(".banner").inner_text()
    assert report.page.locator(".cell").count() > 0


def test_pictures_of_findings_come_back(copied, copied_report):
    page, path = copied_report.page, copied / "data/samples.js"
    path.rename(copied / "away.js")
    copied_report.open()
    assert "data/samples.js" in page.locator("#overview .banner.bad").inner_text()
    assert page.locator(".strip canvas").count() == 0
    (copied / "away.js").rename(path)
    copied_report.page.evaluate("location.hash = '#/gallery'")
    copied_report.settle()
    copied_report.page.evaluate("location.hash = '#/'")
    copied_report.settle()
    assert page.locator(".strip canvas[data-drawn]").count() == page.locator(".strip [data-sample]").count() > 0
    assert page.locator(".banner.bad").count() == 0


def test_findings_on_predictions_open_exactly_their_samples(report, project, table, monkeypatch):
    monkeypatch.chdir(project.folder)
    known = table["correct"].notna() & (table["site"] == "site b")
    label, said = table["label"].mode()[0], table["predicted_class"].mode()[0]
    assert 0 < known.sum() < 30  # one of them could not be read
    plan = Plan(complete_config(project.config, check=False)[0])
    for measure, own, expected in [
        ("recall", {"label": int(label)}, known & (table["label"] == label)),
        ("precision", {"predicted": int(said)}, known & (table["predicted_class"] == said)),
        ("accuracy", {}, known),
    ]:
        numbers = {"measure": measure, **own, "column": "site", "group": "site b"}
        finding = {"kind": "class_in_group", "score": 0.5, "sentence": "…", "numbers": numbers, "samples": []}
        found = target_findings(plan, "tiny", "predicted", {"findings": [finding], "left_out": 0, "tested": {}})
        report.open(found["findings"][0]["pictures"])
        assert report.count().startswith(f"{expected.sum()} of 60")
        assert report.ids() == table["id"][expected].tolist()[: len(report.ids())]
    report.page.get_by_role("button", name="Show all").click()
    report.settle()
    assert report.count().startswith("60 of 60")
    for name, values in (("label", table["label"]), ("predicted", table["predicted_class"])):
        report.open("#/gallery")
        choose(report, name, str(int(values.mode()[0])))
        assert report.count().startswith(f"{(values == values.mode()[0]).sum()} of 60")


def test_findings_by_facts_open_their_samples(copied, copied_report, project, table, monkeypatch):
    monkeypatch.chdir(project.folder)
    plan = Plan(complete_config(project.config, check=False)[0])
    group = ["<b>at most 12 kB</b>", "", "above 12 kB"] * 20
    samples = samples_data(plan, {}, {"file: bytes": group})
    (copied / "data" / "samples.js").write_bytes(data_script("samples", samples))
    numbers = {"measure": "accuracy", "fact": "bytes", "group": group[0], "among": "audited"}
    finding = {"kind": "group_accuracy", "score": 0.5, "sentence": "…", "numbers": numbers, "samples": []}
    found = target_findings(plan, "tiny", "predicted", {"findings": [finding], "left_out": 0, "tested": {}})
    copied_report.open(found["findings"][0]["pictures"])
    expected = table["correct"].notna().to_numpy() & (np.arange(60) % 3 == 0)
    assert copied_report.count().startswith(f"{expected.sum()} of 60")
    copied_report.page.get_by_role("button", name=f"Remove the filter file: bytes = {group[0]}").click()
    copied_report.settle()
    choose(copied_report, "column", "file: bytes")
    choose(copied_report, "value", "above 12 kB")
    known = table["correct"].notna().to_numpy()
    assert copied_report.count().startswith(f"{(known & (np.arange(60) % 3 == 2)).sum()} of 60")
    assert copied_report.problems == []


# As four runs have it: several values of a text column, of numbers, of labels, and one value beside several.
WHERE = [
    {CLOSES: [f"{CLOSES} 0", f"{CLOSES} 2"]},
    {"__proto__": ["0.25", "1.0", "1.25", "1.5", "2.0", "10.0", "11.5", "12.0"]},
    {"label": ["0", "1", "3"]},
    {"site": EXECUTES, CLOSES: [f"{CLOSES} 1", f"{CLOSES} 2"]},
]


@pytest.mark.parametrize("where", WHERE)
def test_links_of_all_findings_keep_to_lists_in_where(report, project, table, monkeypatch, where):
    """Each opens the audited samples of its class, cluster, group, labels or predictions, and no others."""
    monkeypatch.chdir(project.folder)
    plan = Plan(complete_config(project.config, check=False)[0])
    plan.config["audit"]["where"] = where
    audited = pd.Series(audited_rows(plan.samples, where))
    assert 0 < audited.sum() < 60
    name = int(table["class"].mode()[0])
    clusters = pd.read_csv(project.results / "tiny/audit/predicted/clusters", converters={"id": str})
    cluster = table["id"].map(clusters.set_index("id")["cluster"])
    number = int(cluster[(cluster >= 0) & audited].mode()[0])
    known = table["correct"].notna()
    label = int(table["label"][audited].mode()[0])
    site_b, group = table["site"].eq("site b"), "(3.688, 7.375]"
    inside = pd.to_numeric(plan.samples["__proto__"]).between(3.688, 7.375, inclusive="right")
    cases = [
        ({"class": name}, audited & table["class"].eq(name)),
        ({"class": name, "cluster": number}, audited & table["class"].eq(name) & cluster.eq(number)),
        ({"column": "site", "group": "site b"}, audited & site_b),
        ({"column": "__proto__", "group": group}, audited & inside),
        ({"measure": "recall", "label": label, "among": "audited"}, audited & known & table["label"].eq(label)),
        ({"measure": "precision", "predicted": name}, audited & known & table["predicted_class"].eq(name)),
        ({"measure": "accuracy", "column": "site", "group": "site b", "among": "all"}, known & site_b),
        ({}, audited),
    ]  # fmt: skip
    cases = [(numbers, rows) for numbers, rows in cases if rows.fillna(False).any()]
    assert len(cases) >= 6
    findings = [
        {"kind": "cluster", "score": 0.5, "sentence": "…", "numbers": numbers, "samples": []} for numbers, _ in cases
    ]
    pair = {"kind": "duplicates", "score": 0.1, "sentence": "…", "numbers": {"pairs": 1}, "samples": ["s3", "s50"]}
    document = {"findings": [*findings, pair], "left_out": 0, "tested": {}}
    made = target_findings(plan, "tiny", "predicted", document)["findings"]
    expected = [table["id"][rows.fillna(False)].tolist() for _, rows in cases] + [["s3", "s50"]]
    for finding, ids in zip(made, expected, strict=True):
        report.open(finding["pictures"])
        assert report.count().startswith(f"{len(ids)} of 60"), finding["pictures"]
        assert report.ids() == ids[: len(report.ids())]
