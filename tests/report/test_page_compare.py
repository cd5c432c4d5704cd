"""Two models side by side in a real browser."""

import pandas as pd
import pytest

from tests.helpers.report_browser import choose

pytestmark = pytest.mark.slow  # a browser and a whole report


@pytest.fixture
def both(project):
    """Measures of both models."""
    tables = [pd.read_parquet(project.results / model / "metrics.parquet") for model in ("tiny", "wide")]
    return [table[table["target"] == "predicted"].reset_index(drop=True) for table in tables]


def shown(report):
    return [text.partition(",")[0] for text in report.page.locator(".pairs .name").all_inner_texts()]


def test_lists_of_samples_are_those_of_the_predictions(report, both):
    first, second = both
    right = [table["correct"].eq(True).fillna(False) for table in both]
    report.open("#/compare?kind=first")
    only = first["id"][right[0] & second["correct"].eq(False).fillna(False)]
    assert set(shown(report)) == set(only)
    assert report.count().startswith(f"{len(only)} sample")
    choose(report, "kind", "second")
    assert report.count().startswith("0 samples")
    choose(report, "kind", "")
    differ = first["predicted_class"].ne(second["predicted_class"]) & first["predicted_class"].notna()
    assert report.count().startswith(f"{differ.sum()} samples")
    sure = first["probability"].combine(second["probability"], min)[differ]
    assert shown(report)[0] == first["id"][sure.astype(float).idxmax()]
    assert len(shown(report)) == 30
    report.page.get_by_role("button", name="Show more").click()
    assert len(shown(report)) == differ.sum()


def test_samples_where_they_look_elsewhere_come_first(report, both):
    first, second = both
    gap = sum((first[name] - second[name]) ** 2 for name in ("centroid_y", "centroid_x")) ** 0.5
    report.open("#/compare?kind=elsewhere")
    expected = first["id"][gap[gap > 0].sort_values(ascending=False).index].tolist()
    assert shown(report)[:5] == expected[:5]


def test_a_sample_shows_the_maps_of_both(report):
    report.open("#/compare?kind=first")
    report.page.locator(".pairs a").first.click()
    report.settle()
    page = report.page
    assert "other=wide" in report.hash
    assert [text.partition(",")[0] for text in page.locator(".target h2").all_inner_texts()] == ["tiny"] * 2 + [
        "wide"
    ] * 2
    drawn = {
        model: report.pixels(f"figure[data-model={model}][data-method=gradcam][data-target=predicted] canvas").tobytes()
        for model in ("tiny", "wide")
    }
    assert drawn["tiny"] != drawn["wide"]
    choose(report, "other", "")
    assert page.locator("figure[data-model=wide]").count() == 0


def test_all_pictures_are_enlarged_together(report):
    report.open("#/sample/s0?other=wide")
    page = report.page

    def transforms():
        return set(page.locator(".panels .frame canvas").evaluate_all("found => found.map(one => one.style.transform)"))

    assert transforms() == {""}
    page.get_by_role("button", name="Larger").click()
    (moved,) = transforms()
    assert "scale(1.5)" in moved
    frame = page.locator("figure[data-model=wide] .frame").first
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 60)
    page.mouse.up()
    (dragged,) = transforms()
    assert dragged != moved
    page.keyboard.press("0")
    assert transforms() == {""}
