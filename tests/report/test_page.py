"""The report in a real browser: every control, addresses, keys, hostile names, no requests, no barriers."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from matplotlib import colormaps

from saliency import open_maps
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.report.document import samples_data
from saliency.report.links import page_link
from saliency.report.overview import target_findings
from saliency.report.scripts import data_script, script_json
from tests.helpers.report_browser import Page, browser
from tests.helpers.report_project import CLOSES, EXECUTES, VOLUME_SHAPE, build_report, photographs, volume, volumes

pytestmark = pytest.mark.slow  # a browser and two whole reports


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory, chromium):
    made = photographs(tmp_path_factory.mktemp("photographs"))
    made.index = build_report(made)
    made.table = pd.read_parquet(made.results / "tiny" / "metrics.parquet")
    return made


@pytest.fixture(scope="module")
def scans(tmp_path_factory, chromium):
    made = volumes(tmp_path_factory.mktemp("volumes"))
    made.index = build_report(made)
    return made


@pytest.fixture
def report(project, chromium):
    yield from watched(project, chromium)


@pytest.fixture
def scan_report(scans, chromium):
    yield from watched(scans, chromium)


def watched(project, chromium):
    """A page on which nothing may go wrong, and which asks for nothing but its own files."""
    page = Page(chromium, project.index)
    yield page
    folder = project.index.parent.as_uri()
    assert [url for url in page.requests if not url.startswith((folder, "data:", "about:"))] == []
    assert page.problems == []
    page.close()


@pytest.fixture
def table(project):
    return project.table[project.table["target"] == "predicted"].reset_index(drop=True)


def choose(report, name, value):
    report.page.locator(f"select[name={name}]:visible").select_option(value)
    report.settle()


def test_overview_tells_numbers_and_hostile_names_are_texts(report, project):
    report.open()
    said = pd.read_csv(project.results / "tiny" / "predictions.csv")
    right, known = int(said["correct"].eq(True).sum()), int(said["correct"].notna().sum())
    row = report.page.locator("#overview tbody tr").first.inner_text()
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


def blend(picture, colours, opacity):
    return picture + opacity / 100 * (colours - picture)


def test_method_opacity_and_colours_change_the_picture(report, project):
    """Compared with colours of matplotlib, laid over what the store holds."""
    maps = open_maps(project.results / "tiny.zarr")
    picture = np.moveaxis(np.asarray(maps["inputs"][0]), 0, -1) * 255
    cam = maps.array("gradcam", "predicted", upsample=True)[0]
    cam = (cam - cam.min()) / (cam.max() - cam.min())
    report.open("#/sample/s0")
    canvas = "figure[data-method=gradcam][data-target=predicted] canvas"
    for name in ("viridis", "cividis"):
        choose(report, "colours", name)
        for opacity in (0, 40, 100):
            report.page.locator("input[name=opacity]").fill(str(opacity))
            report.settle()
            shown = report.pixels(canvas)[..., :3].astype(float)
            colours = colormaps[name](np.round(cam * 255) / 255)[..., :3] * 255
            assert np.abs(shown - blend(picture, colours, opacity)).max() <= 3
            assert f"colours={name}" in report.hash or name == "viridis"
    guided = np.asarray(maps["predicted/guided_backprop"][0]).sum(axis=0)
    limit = np.quantile(np.abs(guided), 0.995, method="higher")
    report.page.locator("input[name=opacity]").fill("100")
    choose(report, "signed", "PuOr_r")
    shown = report.pixels("figure[data-method=guided_backprop][data-target=predicted] canvas")[..., :3]
    levels = np.round((guided.clip(-limit, limit) / limit + 1) / 2 * 255)
    assert np.abs(shown - colormaps["PuOr_r"](levels / 255)[..., :3] * 255).max() <= 5


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


def test_addresses_hold_everything(report):
    address = (
        "#/gallery?target=label&method=guided_backprop&opacity=30&signed=PuOr_r&correct=wrong&sort=gini&order=down"
    )
    report.open(address)
    page = report.page
    values = {
        name: page.locator(f"[name={name}]:visible").input_value()
        for name in ("target", "method", "opacity", "signed", "correct", "sort", "order")
    }
    expected = dict(part.split("=") for part in address.partition("?")[2].split("&"))
    assert values == expected
    ids = report.ids()
    page.locator(".cell a").nth(1).click()
    report.settle()
    page.go_back()
    report.settle()
    assert report.ids()[: len(ids)] == ids[: len(report.ids())]
    report.open("#/sample/not-there")
    assert "No such sample" in page.locator("h1:visible").inner_text()
    report.open("#/nowhere?model=none&method=toString&colours=constructor&%E0%A4%A=1")
    assert page.locator("#overview").is_visible()
    said = page.locator(".banner[role=alert]").all_inner_texts()
    assert all("does not have" in text for text in said)
    assert [text.split("”")[0].split("“")[1] for text in sorted(said)] == [
        "constructor", "toString", "none", "nowhere",
    ]  # fmt: skip
    report.open("#/gallery")
    assert page.locator(".banner[role=alert]").count() == 0


@pytest.fixture
def copied(project, tmp_path):
    """A copy of the report, which a test may change."""
    shutil.copytree(project.index.parent, tmp_path / "report")
    return tmp_path / "report"


@pytest.fixture
def copied_report(copied, chromium):
    page = Page(chromium, copied / "index.html")
    yield page
    page.close()


MISSING, DAMAGED = None, b"report."


@pytest.mark.parametrize(
    ("name", "content", "address", "shown"),
    [
        ("data/tiny/predicted/classes.js", MISSING, "#/classes", ".classes li"),
        ("data/tiny/predicted/measures.js", DAMAGED, "#/gallery", ".cell"),
        ("data/tiny/predicted/gradcam/0.js", MISSING, "#/sample/s0", "[data-method=gradcam] canvas[data-drawn]"),
        ("data/tiny/label/measures.js", MISSING, "#/sample/s0", "figure canvas[data-drawn]"),
        ("data/tiny/inputs/0.js", MISSING, "#/gallery", ".cell canvas[data-drawn]"),
        ("data/tiny/predicted/gradcam/0.js", DAMAGED, "#/gallery", ".cell canvas[data-drawn]"),
        ("assets/datatables.js", MISSING, "#/table", ".datatable tbody tr"),
        ("assets/datatables.css", MISSING, "#/table", ".datatable tbody tr"),
    ],
)
def test_a_file_that_came_back_is_read(copied, copied_report, name, content, address, shown):
    """A failed load is forgotten: the next visit, or a click, tries again."""
    page, path = copied_report.page, copied / name
    whole = path.read_bytes()
    for again in ("visit", "click"):
        path.unlink() if content is MISSING else path.write_bytes(content)
        copied_report.open(address)
        assert name in page.locator(".banner.bad").inner_text()
        path.write_bytes(whole)
        if again == "visit":
            page.evaluate("location.hash = '#/groups'")
            copied_report.settle()
            page.evaluate(f"location.hash = '{address}'")
        else:
            page.get_by_role("button", name="Try again").click()
        copied_report.settle()
        assert page.locator(shown).count() > 0
        assert page.locator(".banner.bad").count() == 0


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


def test_copy_without_scripts_has_no_dead_navigation(project, chromium, tmp_path):
    """As `snakemake --report` embeds the page: alone."""
    shutil.copy(project.index, tmp_path / "index.html")
    copy = Page(chromium, tmp_path / "index.html")
    copy.page.goto(copy.address)
    assert "overview only" in copy.page.locator("#no-scripts").inner_text()
    link = copy.page.locator("nav a")
    assert link.all_inner_texts() == ["Overview"]
    link.click()
    assert copy.page.locator("#overview .finding").first.is_visible()
    copy.close()


TOY_VIEW = """
report.views.register({
  route: "atlas", title: "Atlas", navigation: 2.5,
  data: async ({ model }) => (await report.load("samples")).ids.length,
  make: (main) => ({ update: ({ data }) => main.replaceChildren(`${data} samples`) }),
});
"""


def test_a_view_is_one_file(copied, copied_report):
    """A script that registers a view is all that its page, its title and its link take."""
    (copied / "assets/views/atlas.js").write_text(TOY_VIEW)
    index = copied / "index.html"
    # As the template does for each file of the folder.
    last = '<script src="assets/app.js" defer></script>'
    index.write_text(index.read_text().replace(last, f'<script src="assets/views/atlas.js" defer></script>{last}'))
    copied_report.open()
    links = copied_report.page.locator("nav a")
    assert links.all_inner_texts() == ["Overview", "Gallery", "Atlas", "Classes", "Groups", "Table"]
    links.nth(2).click()
    copied_report.settle()
    assert copied_report.page.locator("#view").inner_text() == "60 samples"
    assert links.nth(2).get_attribute("aria-current") == "page"
    assert copied_report.page.title() == "Atlas · test: saliency report"
    assert copied_report.problems == []


def test_navigation_marks_where_one_is(report):
    for address, current in [
        ("", "Overview"),
        ("#/gallery", "Gallery"),
        ("#/sample/s0", "Gallery"),
        ("#/class/1?model=wide", "Classes"),
        ("#/groups", "Groups"),
    ]:
        report.open(address)
        assert report.page.locator("nav a[aria-current]").all_inner_texts() == [current]
    report.open("#/class/1?model=wide")
    report.page.locator("nav a", has_text="Gallery").click()
    report.settle()
    assert report.hash == "#/gallery?model=wide"


def test_unknown_methods_are_errors(report):
    report.open()
    for call in ("methods.of('toString')", "colours.legend('none', report.state.read().settings)"):
        found = report.page.evaluate(
            f"(() => {{ try {{ report.{call}; }} catch (error) {{ return error.message; }} }})()"
        )
        assert "has no method" in found


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
        finding = {"kind": "class_in_group", "sentence": "…", "numbers": numbers, "samples": []}
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
    finding = {"kind": "group_accuracy", "sentence": "…", "numbers": numbers, "samples": []}
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


def test_keys(report):
    report.open("#/gallery?sort=gini")
    page = report.page
    ids = report.ids()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent").startswith(ids[1])
    columns = page.locator(".cell").evaluate_all(
        "cells => new Set(cells.map(c => c.getBoundingClientRect().left)).size"
    )
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent").startswith(ids[1 + columns])
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    report.settle()
    assert report.hash.startswith(f"#/sample/{ids[0]}")
    page.keyboard.press("ArrowRight")
    report.settle()
    assert report.hash.startswith(f"#/sample/{ids[1]}")
    page.keyboard.press("ArrowLeft")
    report.settle()
    assert report.hash.startswith(f"#/sample/{ids[0]}")
    page.keyboard.press("o")
    report.settle()
    assert page.locator("input[name=opacity]").input_value() == "0"
    page.keyboard.press("Escape")
    report.settle()
    assert report.hash.startswith("#/gallery")
    assert page.evaluate("document.activeElement.textContent").startswith(ids[0])
    page.keyboard.press("m")
    report.settle()
    assert page.locator("select[name=method]").input_value() == "guided_gradcam"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "find"
    page.locator("h1:visible").click()
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_only_pictures_in_sight_are_in_the_document(report):
    report.open("#/gallery?size=240")
    page = report.page
    assert page.locator(".cell").count() < 40
    page.mouse.wheel(0, 100_000)
    report.settle()
    assert report.ids()[-1] == "s59"
    assert "s0" not in report.ids()


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
    report.open("#/table?correct=wrong")
    page = report.page
    wrong = table[table["correct"].eq(False)]
    assert f"of {len(wrong)}" in page.locator(".dt-info").inner_text()
    page.get_by_role("columnheader", name="gini").click()
    found = page.locator(".datatable tbody tr").first.locator("td").first.inner_text()
    assert found == wrong.sort_values("gini")["id"].iloc[0]
    assert page.locator(".datatable img, .datatable script").count() == 0
    headings = page.locator(".datatable thead th").all_inner_texts()
    assert CLOSES.strip("\u2028") in [text.strip() for text in headings]
    page.locator(".dt-search input").fill("s12")
    expected = wrong["id"].str.contains("s12").sum()
    assert page.locator(".datatable tbody tr", has_text="s12").count() == expected
    page.locator(".dt-search input").fill("")
    page.locator(".datatable tbody a").first.click()
    report.settle()
    assert report.hash.startswith("#/sample/")


def test_light_and_dark(report):
    report.open()
    page = report.page

    def background():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert background() == "rgb(255, 255, 255)"
    page.locator("#theme").click()
    assert background() != "rgb(255, 255, 255)"
    report.open("#/gallery")
    assert background() != "rgb(255, 255, 255)"
    page.locator("#theme").click()
    assert background() == "rgb(255, 255, 255)"


def test_sample_with_an_error_says_why(report):
    report.open("#/sample/s7")
    text = report.page.locator(".banner.bad").inner_text()
    assert "This sample has no result" in text
    assert "replace the file" in text or "remove the row" in text
    report.open("#/gallery?status=failed")
    assert report.ids() == ["s7"]
    assert report.page.locator(".cell .frame.blank").count() == 1


@pytest.mark.parametrize("width", [360, 768])
def test_nothing_is_wider_than_a_phone(project, chromium, width):
    page = Page(chromium, project.index, width)
    for address in ("", "#/gallery", "#/classes", "#/class/1", "#/sample/s0", "#/groups", "#/table"):
        page.open(address)
        assert page.page.evaluate("document.documentElement.scrollWidth") <= width, address
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barriers(project, scans, chromium, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    addresses = ["", "#/gallery", "#/gallery?status=failed", "#/classes", "#/class/1", "#/sample/s0", "#/sample/s7",
                 "#/groups", "#/table"]  # fmt: skip
    for made, hashes in ((project, addresses), (scans, ["", "#/gallery", "#/sample/v0", "#/class/1"])):
        page = Page(chromium, made.index, scheme=scheme)
        for address in hashes:
            page.open(address)
            # The page's policy forbids scripts of others, axe as well; Playwright runs it all the same.
            found = axe.run(page.page).response["violations"]
            assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found
                    if rule["impact"] in ("serious", "critical")] == [], address  # fmt: skip
        page.close()


def windowed(values):
    low, high = np.percentile(values, [0.5, 99.5])
    return np.round(np.clip((values - low) / (high - low), 0, 1) * 255)


def expected_slice(values, axis, index):
    """As a radiologist sees it in neurological convention: up is up, or the front; left is left."""
    plane = {
        0: lambda: values[index, :, :],
        1: lambda: values[:, index, :],
        2: lambda: values[:, :, index],
    }[axis]()
    return plane.T[::-1]


@pytest.mark.parametrize(
    ("axis", "plane", "letters"),
    [(2, "axial", "LRAP"), (1, "coronal", "LRSI"), (0, "sagittal", "PASI")],
)
def test_slices_of_three_planes(scan_report, axis, plane, letters):
    """Slider, keys, wheel and address each show the slice of the file that they name."""
    values = windowed(volume(1))
    key, last = "xyz"[axis], VOLUME_SHAPE[axis] - 1
    scan_report.open(f"#/sample/v1?{key}=2")
    page = scan_report.page
    frame = page.locator(f".plane[data-layer=inputs][data-plane={plane}]")
    slider = page.locator(f"input[name={key}]")

    def check(index):
        scan_report.settle()
        shown = scan_report.pixels(f".plane[data-layer=inputs][data-plane={plane}] canvas")[..., 0]
        assert np.abs(shown - expected_slice(values, axis, index)).max() <= 1
        assert slider.input_value() == str(index)
        assert f"{index + 1} of {last + 1}" in page.locator("label.slice", has=slider).inner_text()

    check(2)
    assert frame.locator(".side-letter").all_inner_texts() == list(letters)
    slider.fill("5")
    check(5)
    slider.press("ArrowRight")
    check(6)
    assert f"{key}=6" in scan_report.hash
    slider.press("End")
    check(last)
    frame.hover()
    page.mouse.wheel(0, 100)
    check(last - 1)
    page.mouse.wheel(0, -100)
    check(last)
    assert scan_report.hash.startswith("#/sample/v1")


def test_click_in_a_plane_moves_the_others(scan_report):
    scan_report.open("#/sample/v0?x=0&y=0&z=0")
    page = scan_report.page
    box = page.locator(".plane[data-layer=inputs][data-plane=axial]").bounding_box()
    # The voxel with x = 10 and y = 7 counts from the left and from below.
    x = box["x"] + box["width"] * 10.5 / VOLUME_SHAPE[0]
    y = box["y"] + box["height"] * (1 - 7.5 / VOLUME_SHAPE[1])
    page.mouse.click(x, y)
    scan_report.settle()
    assert [page.locator(f"input[name={key}]").input_value() for key in "xyz"] == ["10", "7", "0"]


def test_volumes_open_at_the_peak_with_true_proportions(scan_report, scans):
    maps = open_maps(scans.results / "tiny.zarr")
    cam = maps.array("gradcam", "predicted", upsample=True)[0]
    scan_report.open("#/sample/v0")
    page = scan_report.page
    found = tuple(int(page.locator(f"input[name={key}]").input_value()) for key in "xyz")
    assert cam[found] >= 0.99 * cam.max()
    box = page.locator(".plane[data-layer=inputs][data-plane=coronal]").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(VOLUME_SHAPE[0] / (2 * VOLUME_SHAPE[2]), rel=0.02)
    assert page.locator(".layer-row").count() == 1 + 2 * 3
    scan_report.open("#/sample/v3")
    assert "This sample has no result" in page.locator(".banner.bad").inner_text()


def test_volume_gallery_shows_the_slice_of_the_peak(scan_report, scans):
    maps = open_maps(scans.results / "tiny.zarr")
    cam = maps.array("gradcam", "predicted", upsample=True)[0]
    level = np.unravel_index(cam.argmax(), cam.shape)[2]
    scan_report.open("#/gallery?method=none&find=v0")
    shown = scan_report.pixels(".cell canvas")[..., 0]
    assert np.abs(shown - expected_slice(windowed(volume(0)), 2, level)).max() <= 1
