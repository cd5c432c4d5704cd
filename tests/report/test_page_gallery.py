"""The gallery in a real browser: filters, orders, maps."""

import pandas as pd
import pytest

from saliency.report.links import page_link
from tests.helpers.report_browser import choose
from tests.helpers.report_project import CLOSES, EXECUTES

pytestmark = pytest.mark.slow  # a browser and a whole report


def test_gallery_filters_by_each_criterion(report, table):
    report.open("#/gallery")
    assert report.count().startswith("60 of 60 samples")
    first = str(int(table["class"].mode()[0]))
    ok = table["status"] == "ok"
    cases = [
        ("class", first, table["class"] == int(first)),
        ("correct", "right", table["correct"].eq(True)),
        ("correct", "wrong", table["correct"].eq(False)),
        ("correct", "unlabelled", table["correct"].isna()),
        ("status", "ok", ok),
        ("status", "failed", ~ok),
    ]
    for name, value, expected in cases:
        choose(report, name, value)
        assert report.count().startswith(f"{expected.sum()} of 60")
        assert report.ids() == table["id"][expected.fillna(False)].tolist()[: len(report.ids())]
        report.page.get_by_role("button", name="Show all").click()
        report.settle()
    choose(report, "column", "site")
    choose(report, "value", EXECUTES)
    assert report.count().startswith("30 of 60")
    assert f"site = {EXECUTES}" in report.page.locator(".chips").inner_text()
    report.page.locator(".chip").click()
    report.settle()
    assert report.count().startswith("60 of 60")
    report.page.locator("input[name=find]").fill("s1")
    report.settle()
    assert report.ids() == ["s1", *(f"s{number}" for number in range(10, 20))]


def test_gallery_filters_by_cluster(report, project):
    clusters = pd.read_csv(project.results / "tiny/audit/predicted/clusters")
    members = clusters[clusters["cluster"] == 1]
    assert len(members), "the project is to have clusters"
    name = members["class"].mode()[0]
    expected = members["id"][members["class"] == name].tolist()
    report.open(f"#/gallery?class={int(name)}")
    choose(report, "cluster", "1")
    assert report.count().startswith(f"{len(expected)} of 60")
    assert report.ids() == expected[: len(report.ids())]


def test_gallery_range_and_order_of_a_measure(report, table):
    report.open("#/gallery")
    choose(report, "measure", "gini")
    low, high = table["gini"].quantile([0.3, 0.7])
    report.page.locator("input[name=min]").fill(f"{low:.4f}")
    report.page.locator("input[name=max]").fill(f"{high:.4f}")
    report.page.locator("input[name=max]").press("Enter")
    report.settle()
    inside = table[table["gini"].between(round(low, 4), round(high, 4))]
    assert report.count().startswith(f"{len(inside)} of 60")
    for order, ascending in (("up", True), ("down", False)):
        choose(report, "sort", "gini")
        if order == "down":
            choose(report, "order", "down")
        expected = inside.sort_values("gini", ascending=ascending, kind="stable")["id"].tolist()
        assert report.ids() == expected[: len(report.ids())]
    # A column of the manifest that holds numbers is a measure as well, whatever its name.
    report.open("#/gallery?sort=__proto__&order=down&measure=__proto__&max=5")
    assert report.ids()[:3] == ["s20", "s19", "s18"]


def test_gallery_switches_method_target_and_model(report):
    report.open("#/gallery?class=1")
    seen = []

    def look():
        first = report.page.locator(".cell canvas").first
        seen.append((first.get_attribute("data-drawn"), report.pixels(".cell canvas").tobytes()))

    report.open("#/gallery?find=s10")
    look()
    for name, value in [
        ("method", "guided_backprop"),
        ("method", "guided_gradcam"),
        ("method", "none"),
        ("method", "gradcam"),
        ("target", "label"),
        ("model", "wide"),
    ]:
        choose(report, name, value)
        look()
        assert value in report.hash or value == "gradcam"
    drawn = [name for name, _ in seen]
    assert drawn[:6] == [
        *("10/predicted/gradcam", "10/predicted/guided_backprop", "10/predicted/guided_gradcam"),
        *("10/predicted/none", "10/predicted/gradcam", "10/label/gradcam"),
    ]
    assert seen[0] == seen[4]
    assert len({pixels for _, pixels in seen}) >= 5
    choose(report, "size", "96")
    assert report.page.locator(".cell").first.bounding_box()["width"] < 130


def test_gallery_filters_by_several_values_of_a_column(report):
    """As a finding's link does where `audit.where` has a list."""
    wanted = [f"{CLOSES} 0", f"{CLOSES} 2"]
    report.open(page_link("gallery", None, {f"col.{CLOSES}": wanted, "col.site": EXECUTES}))
    page = report.page
    expected = [number for number in range(60) if number % 3 != 1 and number % 2 == 0]
    assert report.count().startswith(f"{len(expected)} of 60")
    assert report.ids() == [f"s{number}" for number in expected][: len(report.ids())]
    assert " or ".join(wanted) in page.locator(".chips").inner_text()
    assert page.locator("select[name=value] option:checked").inner_text() == " or ".join(wanted)
    # Both values stay where the reader goes on.
    page.locator(".cell a").first.click()
    report.settle()
    assert f"1 of {len(expected)}" in page.locator(".crumbs").inner_text()
    page.keyboard.press("Escape")
    report.settle()
    assert report.count().startswith(f"{len(expected)} of 60")
    choose(report, "value", f"{CLOSES} 1")
    assert report.count().startswith("10 of 60")


def test_gallery_filters_by_an_interval_of_numbers(report):
    """As the audit names quarters of a column of numbers: its lower end does not belong to it."""
    report.open(page_link("gallery", None, {"col.__proto__": "(1.0, 3.5]"}))
    assert report.ids() == [f"s{number}" for number in range(5, 15)]


def test_gallery_filters_by_what_audit_where_may_name(report, table):
    """Ids and labels are no columns of the page's data; a column that nobody knows chooses nothing."""
    report.open(page_link("gallery", None, {"col.id": ["s3", "s30", "s5"]}))
    assert report.ids() == ["s3", "s5", "s30"]
    report.open(page_link("gallery", None, {"col.label": ["1", "3"]}))
    expected = table["label"].isin([1, 3])
    assert 0 < expected.sum() < 60
    assert report.count().startswith(f"{expected.sum()} of 60")
    report.open(page_link("gallery", None, {"col.label": ""}))
    assert report.count().startswith(f"{table['label'].isna().sum()} of 60")
    report.open(page_link("gallery", None, {"col.toString": "a"}))
    assert report.count().startswith("0 of 60")
    report.page.get_by_role("button", name="Remove the filter toString = a").click()
    report.settle()
    assert report.count().startswith("60 of 60")


def test_only_pictures_in_sight_are_in_the_document(report):
    report.open("#/gallery?size=240")
    page = report.page
    assert page.locator(".cell").count() < 40
    page.mouse.wheel(0, 100_000)
    report.settle()
    assert report.ids()[-1] == "s59"
    assert "s0" not in report.ids()
