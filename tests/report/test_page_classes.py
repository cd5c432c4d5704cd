"""Classes, groups and the table in a real browser."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib import colormaps

from saliency import open_maps
from saliency.report.scripts import script_json
from tests.helpers.report_browser import choose
from tests.helpers.report_project import CLOSES

pytestmark = pytest.mark.slow  # a browser and a whole report


def test_links_of_classes_and_groups_keep_to_the_audited_samples(copied, copied_report):
    index = copied / "index.html"
    where = {CLOSES: [f"{CLOSES} 0", f"{CLOSES} 1"], "__proto__": ["0.25", "1.0", "1.25", "1.5", "10.0"]}
    index.write_text(index.read_text().replace('"where":{}', f'"where":{script_json(where)}'))
    copied_report.open("#/class/1")
    # 4 s1, 6 (1.5) and 40 (10.0), of which 5 is left out by the first column.
    link = copied_report.page.get_by_role("link", name=re.compile("See the .* picture")).first
    copied_report.page.goto(copied_report.address + re.sub("class=1&", "", link.get_attribute("href")))
    copied_report.settle()
    assert copied_report.ids() == ["s1", "s4", "s6", "s40"]


def test_class_page(report, project, table):
    name = int(table["class"].mode()[0])
    report.open("#/classes")
    page = report.page
    assert page.locator(".classes li").count() == table["class"].nunique()
    choose(report, "by", "count")
    page.locator(".classes a").first.click()
    report.settle()
    assert report.hash.startswith(f"#/class/{name}")
    members = table[table["class"] == name]
    text = page.locator("#view").inner_text()
    assert f"See the {len(members)} pictures" in text
    assert f"{100 * members['correct'].mean():.1f} %" in text
    mean = np.asarray(open_maps(project.results / "tiny/audit/predicted/mean_maps.zarr")["mean"][...])
    index = sorted(table["class"].dropna().unique()).index(name)
    expected = colormaps["viridis"](np.round(mean[index] / mean[index].max() * 255) / 255)[..., :3] * 255
    assert np.abs(report.pixels(".mean canvas")[..., :3] - expected).max() <= 1
    clusters = pd.read_csv(project.results / "tiny/audit/predicted/clusters")
    count = clusters["cluster"][(clusters["class"] == name) & (clusters["cluster"] >= 0)].nunique()
    assert page.locator(".cluster").count() == (count if count > 1 else 0)
    page.get_by_role("link", name=re.compile("See the .* pictures")).click()
    report.settle()
    assert report.count().startswith(f"{len(members)} of 60")
    report.open("#/groups")
    assert page.locator("h1:visible").inner_text() == "Groups"


def test_table_sorts_searches_and_shows_texts(report, table):
    from playwright.sync_api import expect

    report.open("#/table?correct=wrong")
    page = report.page
    wrong = table[table["correct"].eq(False)]
    assert f"of {len(wrong)}" in page.locator(".dt-info").inner_text()
    page.get_by_role("columnheader", name="gini").click()
    # The table sorts when the click is over.
    first = page.locator(".datatable tbody tr").first.locator("td").first
    expect(first).to_have_text(wrong.sort_values("gini")["id"].iloc[0])
    assert page.locator(".datatable img, .datatable script").count() == 0
    headings = page.locator(".datatable thead th").all_inner_texts()
    assert CLOSES.strip("\u2028") in [text.strip() for text in headings]
    page.locator(".dt-search input").fill("s12")
    found = wrong["id"].str.contains("s12")
    expect(page.locator(".datatable tbody tr")).to_have_count(int(found.sum()))
    assert page.locator(".datatable tbody tr", has_text="s12").count() == found.sum()
    # All words have to be there, in whatever column.
    page.locator(".dt-search input").fill("wrong.png s1")
    expect(page.locator(".datatable tbody")).to_contain_text("No matching records found")
    page.locator(".dt-search input").fill("site S1")
    found = wrong[wrong["id"].str.contains("s1") & wrong["site"].str.contains("site")]
    expect(page.locator(".datatable tbody tr")).to_have_count(len(found))
    page.locator(".dt-search input").fill("")
    expect(page.locator(".dt-info")).to_contain_text(f"of {len(wrong)}")
    # Again by the same measure, from the largest on; the next page goes on there.
    page.get_by_role("columnheader", name="gini").click()
    ordered = wrong.sort_values("gini", ascending=False)["id"].tolist()
    expect(first).to_have_text(ordered[0])
    page.locator(".dt-paging-button.next").click()
    expect(first).to_have_text(ordered[25])
    page.locator(".datatable tbody a").first.click()
    report.settle()
    assert report.hash.startswith("#/sample/")
