"""Plots in a real browser: their numbers, their links, and the files that they are saved as."""

import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from saliency import open_maps
from saliency.report.plot_tables import plot_data
from saliency.report.scripts import data_script
from tests.helpers.report_browser import choose

pytestmark = pytest.mark.slow  # a browser and a whole report


def cells(report, plot):
    """Texts of a plot's table, row by row."""
    rows = report.page.locator(f"[data-plot={plot}] .numbers tbody tr")
    return rows.evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.textContent))")


def test_confusion_leads_to_its_samples(report, table):
    report.open("#/plots")
    known = table[table["correct"].notna()]
    counts = known.groupby(["label", "predicted_class"]).size()
    marks = report.page.locator("[data-plot=confusion] svg a")
    assert marks.count() == len(counts)
    (label, said), expected = next(iter(counts.items()))
    marks.first.click()
    report.settle()
    assert report.count().startswith(f"{expected} of 60")
    assert report.ids() == known["id"][(known["label"] == label) & (known["predicted_class"] == said)].tolist()


def test_reliability_has_the_numbers_of_the_predictions(report, table):
    report.open("#/plots")
    known = table[table["correct"].notna()]
    bins = np.ceil(known["probability"].astype(float) * 10)
    rows = [row for row in cells(report, "reliability") if row[0] == "tiny"]
    assert [row[2] for row in rows] == [str(count) for _, count in bins.value_counts().sort_index().items()]
    first = known[bins == bins.min()]
    assert rows[0][4].startswith(f"{100 * first['correct'].mean():.0f} %")


def test_accuracy_and_recall_by_column(report, table):
    report.open("#/plots")
    known = table[table["correct"].notna()]
    said = {row[0]: row[1] for row in cells(report, "recall")}
    for site, part in known.groupby("site"):
        right = int(part["correct"].sum())
        assert said[f"site = {site}"].startswith(f"{100 * right / len(part):.1f} % ({right} of {len(part)};")
    label = int(table["class"].mode()[0])
    choose(report, "class", str(label))
    own = known[(known["label"] == label) & (known["site"] == "site b")]
    found = {row[0]: row[1] for row in cells(report, "recall")}["site = site b"]
    assert f"({int(own['correct'].sum())} of {len(own)};" in found
    report.page.locator("[data-plot=recall] svg a", has_text="site = site b").click()
    report.settle()
    assert report.count().startswith(f"{len(own)} of 60")


def test_distribution_has_the_quantiles(report, table):
    report.open("#/plots?measure=gini&by=site")
    rows = {row[0]: row[1:] for row in cells(report, "distribution")}
    own = table[table["site"] == "site b"]["gini"].dropna()
    assert rows["site b"][0] == str(len(own))
    quantiles = own.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
    assert [float(text) for text in rows["site b"][1:]] == pytest.approx(quantiles.tolist(), rel=0.01)


CURVES = pd.DataFrame(
    {
        "baseline": ["mean"] * 6,
        "ranking": ["gradcam"] * 3 + ["random"] * 3,
        "fraction": [0, 0.5, 1] * 2,
        "deletion": [0.9, 0.25, 0.1, 0.9, 0.6, 0.1],
        "insertion": [0.1, 0.8, 0.9, 0.1, 0.4, 0.9],
    }
)
RANDOMISED = pd.DataFrame(
    {"id": ["a", "b"] * 2, "method": "gradcam", "depth": [0, 0, 1, 1], "layer": ["", "", "head", "head"],
     "spearman_absolute": [1, 1, 0.2, 0.4], "zero_map": 0}
)  # fmt: skip
WORSE = pd.DataFrame(
    {"degradation": "jpeg", "level": [50, 50, 10], "words": ["half", "half", "tenth"], "samples": 20,
     "class": [0, 1, 1], "turned": [3, 5, 12]}
)  # fmt: skip

COMPARED = pd.DataFrame(
    {"measure": ["stability"] * 2 + ["passes"] * 2, "title": ["stability"] * 2 + ["passes"] * 2,
     "better": ["higher"] * 2 + ["lower"] * 2, "method": ["gradcam", "guided_backprop"] * 2,
     "count": [9, 9, None, None], "mean": [0.5, 0.25, 1, 1],
     "low": [0.4, 0.2, None, None], "high": [0.6, 0.3, None, None]}
)  # fmt: skip
BEST = pd.DataFrame({"measure": ["stability"], "method": ["gradcam"], "words": ["By stability, no <b>method</b> …"]})


WINDOWS = pd.DataFrame(
    {"class": [1, 1, 2], "begin_0": [0, 0.5, 0], "end_0": [0.5, 1, 0.5], "begin_1": [0, 0.5, 0], "end_1": [0.5, 1, 0.5],
     "targets": 12, "turned": [3, 9, 0]}
)  # fmt: skip


def test_plots_of_checks_are_drawn_where_the_run_has_them(copied, copied_report):
    copied_report.open("#/plots")
    missing = copied_report.page.locator(".missing li")
    assert len(missing.all_inner_texts()) == 5
    of_checks = {
        name: {"predicted": table}
        for name, table in (
            ("faithfulness_curves", CURVES), ("randomisation_table", RANDOMISED), ("degradation_table", WORSE),
            ("methods_table", COMPARED), ("methods_best", BEST), ("transfer_windows", WINDOWS),
        )
    }  # fmt: skip
    (copied / "data/tiny/tables.js").write_bytes(data_script("tiny/tables", plot_data(of_checks)))
    copied_report.open("#/plots")
    # The other model has its tables still.
    assert [text.partition(":")[0] for text in missing.all_inner_texts()] == ["Confusion matrix"]
    assert cells(copied_report, "faithfulness")[1] == ["50 %", "0.25", "0.6"]
    assert cells(copied_report, "randomisation") == [["none", "1"], ["head", "0.3"]]
    assert cells(copied_report, "degradation") == [["half", "40 %", "25 %, b (1)"], ["tenth", "60 %", "60 %, b (1)"]]
    section = copied_report.page.locator("[data-plot=methods]")
    assert section.locator("thead th").all_inner_texts() == ["Method", "stability ↑", "passes ↓"]
    rows = section.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    assert rows == [["Grad-CAM", "0.5 (0.4 to 0.6)", "1"], ["Guided Backprop", "0.25 (0.2 to 0.3)", "1"]]
    assert section.locator("li").all_inner_texts() == ["By stability, no <b>method</b> …"]
    # The classes of which a window turns most come first.
    assert cells(copied_report, "transfer_map") == [
        ["0 to 50 %", "0 to 50 %", "3 of 12"], ["50 to 100 %", "50 to 100 %", "9 of 12"],
        ["0 to 50 %", "0 to 50 %", "0 of 12"],
    ]  # fmt: skip
    # The curve falls to the height that its axis says.
    curve = copied_report.page.locator("[data-plot=faithfulness] svg path.stroke").first.get_attribute("d")
    y = [float(part.split(" ")[1]) for part in re.split("[ML]", curve) if part]
    assert (y[1] - y[0]) / (y[2] - y[0]) == pytest.approx((0.9 - 0.25) / 0.8, abs=0.01)
    assert copied_report.problems == []


def test_plots_are_saved_as_files_that_stand_alone(report):
    report.open("#/plots")
    figure = report.page.locator("[data-plot=reliability]")
    with report.page.expect_download() as saved:
        figure.get_by_role("button", name="Save Reliability as SVG").click()
    assert saved.value.suggested_filename == "reliability.svg"
    text = saved.value.path().read_text()
    root = ElementTree.fromstring(text)
    assert root.find("{http://www.w3.org/2000/svg}title").text == "Reliability"
    assert "var(" not in text
    marks = [one for one in root.iter("{http://www.w3.org/2000/svg}path") if "rgb(11, 87, 164)" in one.get("fill", "")]
    assert marks
    with report.page.expect_download() as saved:
        figure.get_by_role("button", name="Save Reliability as PNG").click()
    picture = Image.open(io.BytesIO(saved.value.path().read_bytes()))
    assert picture.size == (3 * 460, 3 * 400)
    assert len(picture.convert("RGB").getcolors(1 << 20)) > 10


def test_the_first_screen_draws_the_lowest_recalls(report):
    report.open()
    place = report.page.locator("[data-plot=recalls]")
    rows = place.locator("tbody tr").count()
    assert rows == place.locator("svg a").count() > 5
    assert place.locator("svg title").first.text_content() == "Lowest recall, by class and group"
    place.locator("svg a").last.click()
    report.settle()
    assert report.hash.startswith("#/gallery?label=")
    assert not report.count().startswith("0 of")


def test_a_transfer_map_lies_over_the_mean_of_the_pictures(copied, copied_report, project, table):
    shown = {"transfer_windows": {"predicted": WINDOWS}}
    (copied / "data/tiny/tables.js").write_bytes(data_script("tiny/tables", plot_data(shown)))
    copied_report.open("#/plots?class=1")
    image = copied_report.page.locator("[data-plot=transfer_map] image")
    assert image.count() == 1
    encoded = image.get_attribute("href").partition(",")[2]
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")).astype(float)
    members = np.flatnonzero((table["label"] == 1) & (table["status"] == "ok"))[:24]
    inputs = np.asarray(open_maps(project.results / "tiny.zarr")["inputs"])[members]
    assert np.abs(found - 255 * np.moveaxis(inputs.mean(axis=0), 0, -1)).max() <= 2
    # The square of the lower right window lies in that quarter of the picture, three times as strong as the other.
    squares = copied_report.page.locator("[data-plot=transfer_map] .transfer-cell")
    boxes = [squares.nth(number).bounding_box() for number in (0, 1)]
    whole = image.bounding_box()
    middle = [
        ((box["x"] + box["width"] / 2 - whole["x"]) / whole["width"],
         (box["y"] + box["height"] / 2 - whole["y"]) / whole["height"]) for box in boxes
    ]  # fmt: skip
    np.testing.assert_allclose(middle, [(0.25, 0.25), (0.75, 0.75)], atol=0.01)
    weak, strong = (float(squares.nth(number).get_attribute("fill-opacity")) for number in (0, 1))
    assert strong == pytest.approx(3 * weak, abs=0.01)
    assert copied_report.problems == []
