"""The report in a real browser: addresses, keys, files that come back, no barriers."""

import shutil

import pytest

from tests.helpers.report_browser import Page

pytestmark = pytest.mark.slow  # a browser and two whole reports


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
  route: "atlas", title: "Atlas", navigation: 2.7,
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
    assert links.all_inner_texts() == ["Overview", "Gallery", "Compare", "Atlas", "Classes", "Plots", "Groups", "Table"]
    links.nth(3).click()
    copied_report.settle()
    assert copied_report.page.locator("#view").inner_text() == "60 samples"
    assert links.nth(3).get_attribute("aria-current") == "page"
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


@pytest.mark.parametrize("width", [360, 768])
def test_nothing_is_wider_than_a_phone(project, scans, chromium, width):
    addresses = [
        "",
        "#/gallery",
        "#/classes",
        "#/class/1",
        "#/sample/s0",
        "#/groups",
        "#/table",
        "#/plots",
        "#/compare",
    ]
    for made, hashes in ((project, addresses), (scans, ["#/sample/v2", "#/sample/v2?slices=sagittal"])):
        page = Page(chromium, made.index, width)
        for address in hashes:
            page.open(address)
            assert page.page.evaluate("document.documentElement.scrollWidth") <= width, address
            for box in (link.bounding_box() for link in page.page.locator("#navigation a").all()):
                assert box["x"] >= 0, address
                assert box["x"] + box["width"] <= width, address
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barriers(project, scans, chromium, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    addresses = ["", "#/gallery", "#/gallery?status=failed", "#/classes", "#/class/1", "#/sample/s0", "#/sample/s7",
                 "#/groups", "#/table", "#/plots", "#/compare", "#/sample/s0?other=wide"]  # fmt: skip
    for made, hashes in (
        (project, addresses),
        (scans, ["", "#/gallery", "#/sample/v0", "#/sample/v2?slices=axial", "#/class/1"]),
    ):
        page = Page(chromium, made.index, scheme=scheme)
        for address in hashes:
            page.open(address)
            # The page's policy forbids scripts of others, axe as well; Playwright runs it all the same.
            found = axe.run(page.page).response["violations"]
            assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found
                    if rule["impact"] in ("serious", "critical")] == [], address  # fmt: skip
        page.close()
