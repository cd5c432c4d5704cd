"""A sample's page in a real browser: pictures, colours, volumes."""

import hashlib

import numpy as np
import pytest
from matplotlib import colormaps

from saliency import open_maps
from saliency.audit.grid import pool
from tests.helpers.report_browser import choose
from tests.helpers.report_project import MASKED, VOLUME_SHAPE, volume

pytestmark = pytest.mark.slow  # a browser and a whole report


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


def test_sample_with_an_error_says_why(report):
    report.open("#/sample/s7")
    text = report.page.locator(".banner.bad").inner_text()
    assert "This sample has no result" in text
    assert "replace the file" in text or "remove the row" in text
    report.open("#/gallery?status=failed")
    assert report.ids() == ["s7"]
    assert report.page.locator(".cell .frame.blank").count() == 1


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


def test_a_contour_surrounds_the_strongest_pixels(report, project):
    maps = open_maps(project.results / "tiny.zarr")
    cam = maps.array("gradcam", "predicted", upsample=True)[0]
    picture = np.moveaxis(np.asarray(maps["inputs"][0]), 0, -1) * 255
    report.open("#/sample/s0?overlay=contour&at=20")
    shown = report.pixels("figure[data-method=gradcam][data-target=predicted] canvas")[..., :3].astype(float)
    line = (shown == (255, 230, 0)).all(axis=-1)
    levels = np.round((cam - cam.min()) / (cam.max() - cam.min()) * 255)
    inside = levels >= np.sort(levels.ravel())[-int(0.2 * levels.size)]
    assert line.any()
    assert inside[line].all()
    assert np.abs(shown - picture)[~line].max() <= 1


def test_a_swipe_uncovers_the_map_on_its_left(report, project):
    maps = open_maps(project.results / "tiny.zarr")
    picture = np.moveaxis(np.asarray(maps["inputs"][0]), 0, -1) * 255
    report.open("#/sample/s0?overlay=swipe&at=50&opacity=100")
    shown = report.pixels("figure[data-method=gradcam][data-target=predicted] canvas")[..., :3].astype(float)
    half = shown.shape[1] // 2
    assert np.abs(shown - picture)[:, half + 1 :].max() <= 1
    assert np.abs(shown - picture)[:, :half].mean() > 20


def test_values_under_the_pointer_are_those_of_the_maps(report, project):
    maps = open_maps(project.results / "tiny.zarr")
    cam = maps.array("gradcam", "predicted", upsample=True)[0]
    report.open("#/sample/s0")
    figure = report.page.locator("figure[data-method=gradcam][data-target=predicted]")
    box = figure.locator(".frame").bounding_box()
    row, column = np.unravel_index(cam.argmax(), cam.shape)
    x, y = (column + 0.5) / cam.shape[1], (row + 0.5) / cam.shape[0]
    report.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    place, _, value = figure.locator("output").inner_text().partition(": ")
    assert place == f"row {row}, column {column}"
    assert float(value) == pytest.approx(cam.max(), rel=0.01)
    # The other maps tell of the same place.
    assert report.page.locator("figure[data-method=guided_backprop] output").first.inner_text().startswith(place)


def test_a_map_is_saved_as_numpy_reads_it(report, project):
    maps = open_maps(project.results / "tiny.zarr")
    cam = maps.array("gradcam", "predicted", upsample=True)[0]
    report.open("#/sample/s0")
    with report.page.expect_download() as saved:
        report.page.get_by_role("button", name="Save Grad-CAM of tiny, predicted, as shown").click()
    assert saved.value.suggested_filename == "s0_tiny_predicted_gradcam.npy"
    found = np.load(saved.value.path())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, cam, atol=np.ptp(cam) / 250)


def test_greys_of_a_volume_are_spread(scan_report):
    values = windowed(volume(1))
    scan_report.open("#/sample/v1?z=2&dark=50&bright=150")
    shown = scan_report.pixels(".plane[data-layer=inputs][data-plane=axial] canvas")[..., 0]
    expected = np.clip((expected_slice(values, 2, 2) - 50) / 100, 0, 1) * 255
    assert np.abs(shown - expected).max() <= 3.5
    label = scan_report.page.locator("label.slice", has=scan_report.page.locator("input[name=z]")).inner_text()
    # Voxels are 2 mm high.
    assert f"3 of {VOLUME_SHAPE[2]}, 4.0 mm" in label
    assert "at the cursor" in scan_report.page.locator("h3.layer").first.inner_text()


def test_the_most_similar_maps_lead_to_their_samples(report, project):
    """Compared with NumPy's correlation of the stored maps, averaged over the audit's grid."""
    maps = open_maps(project.results / "tiny.zarr")
    cams = np.asarray(maps["predicted/gradcam"])
    matrix = np.corrcoef(np.stack([pool(cam, [min(8, size) for size in cam.shape]).ravel() for cam in cams]))
    matrix[0, 0] = -2
    order = np.argsort(-np.nan_to_num(matrix[0], nan=-2), kind="stable")[:6]
    report.open("#/sample/s0")
    shown = report.page.locator(".nearest a")
    said = [text.strip() for text in shown.all_inner_texts()]
    assert [text.partition(" · ")[2] for text in said] == [f"s{row}" for row in order]
    assert [text.partition(" · ")[0] for text in said] == [f"{matrix[0, row]:.2f}" for row in order]
    shown.first.click()
    report.settle()
    assert report.hash.startswith(f"#/sample/s{order[0]}")
    report.open("#/sample/s7")
    assert report.page.locator(".nearest:visible").count() == 0


def test_link_and_citation_are_copied(report, project):
    report.context.grant_permissions(["clipboard-read", "clipboard-write"])
    report.open("#/sample/s0?model=wide")
    page = report.page

    def copied(name):
        page.get_by_role("button", name=name).click()
        page.get_by_text("Copied.").wait_for()
        return page.evaluate("navigator.clipboard.readText()")

    assert copied("Copy link") == page.url
    cited = copied("Copy citation")
    files = [project.results / model / "predictions.csv" for model in ("tiny", "wide")]
    files += [
        project.results / model / "audit" / target / "findings.json"
        for model in ("tiny", "wide")
        for target in ("predicted", "label")
    ]
    content = b"".join(path.read_bytes() for path in files)
    assert cited.endswith(f"SHA-256 of the results: {hashlib.sha256(content).hexdigest()}.")
    assert cited.startswith("Saliency maps of sample “s0”, experiment “test”, model “wide”. Made with nip-saliency ")


def test_a_citation_that_cannot_be_copied_is_shown(report):
    report.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    report.open("#/sample/s0")
    report.page.get_by_role("button", name="Copy citation").click()
    report.page.get_by_role("status").get_by_text("SHA-256 of the results").wait_for()


CYAN = (0, 229, 255)


def edge(inside):
    """Those of a mask's pixels of which a neighbour, or the picture's border, lies outside."""
    padded = np.pad(inside, 1)
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~core


def test_the_mask_of_a_picture_is_outlined(report, project):
    """The mask is the left half of the file, and so of what the network sees."""
    maps = open_maps(project.results / "tiny.zarr")
    picture = np.moveaxis(np.asarray(maps["inputs"][8]), 0, -1) * 255
    inside = np.zeros(picture.shape[:2], dtype=bool)
    inside[:, : inside.shape[1] // 2] = True
    report.open("#/sample/s8")
    for canvas in ("figure[data-method=inputs] canvas", "figure[data-method=gradcam] canvas"):
        shown = report.pixels(canvas)[..., :3]
        np.testing.assert_array_equal((shown == CYAN).all(axis=-1), edge(inside))
    shown = report.pixels("figure[data-method=inputs] canvas")[..., :3].astype(float)
    assert np.abs(shown - picture)[~edge(inside)].max() <= 1
    choose(report, "mask", "hidden")
    assert "mask=hidden" in report.hash
    shown = report.pixels("figure[data-method=inputs] canvas")[..., :3].astype(float)
    assert np.abs(shown - picture).max() <= 1


def test_the_mask_of_a_volume_is_outlined_in_each_plane(scan_report):
    inside = np.zeros(VOLUME_SHAPE, dtype=bool)
    inside[MASKED] = True
    scan_report.open("#/sample/v2?x=5&y=7&z=4")
    for layer in ("inputs", "predicted/gradcam"):
        for axis, index, plane in ((2, 4, "axial"), (1, 7, "coronal"), (0, 5, "sagittal")):
            shown = scan_report.pixels(f'.plane[data-layer="{layer}"][data-plane={plane}] canvas')[..., :3]
            expected = edge(expected_slice(inside, axis, index))
            assert expected.any()
            np.testing.assert_array_equal((shown == CYAN).all(axis=-1), expected)
    scan_report.open("#/sample/v2?x=5&y=7&z=4&mask=hidden")
    shown = scan_report.pixels(".plane[data-layer=inputs][data-plane=axial] canvas")[..., :3]
    assert not (shown == CYAN).all(axis=-1).any()


@pytest.mark.parametrize(("axis", "plane", "count"), [(2, "axial", 9), (1, "coronal", 11), (0, "sagittal", 12)])
def test_slices_side_by_side_lead_to_their_place(scan_report, axis, plane, count):
    values = windowed(volume(1))
    scan_report.open("#/sample/v1")
    choose(scan_report, "slices", plane)
    page = scan_report.page
    tiles = page.locator(".mosaic[data-layer=inputs] a")
    told = [text.split()[1].rstrip(",") for text in tiles.all_inner_texts()]
    indices = [int(text) - 1 for text in told]
    assert len(indices) == count
    gaps = np.diff([-1, *indices, VOLUME_SHAPE[axis]])
    assert gaps.min() >= 1
    assert gaps.max() <= 2
    for number, index in enumerate(indices):
        shown = scan_report.pixels(f".mosaic[data-layer=inputs] li:nth-child({number + 1}) canvas")[..., 0]
        assert np.abs(shown - expected_slice(values, axis, index)).max() <= 1
    assert page.locator(".heads:visible").count() == 0
    tiles.nth(2).focus()
    page.keyboard.press("Enter")
    scan_report.settle()
    assert page.locator(f"input[name={'xyz'[axis]}]").input_value() == str(indices[2])
    assert page.locator(".mosaic").count() == 0
    # Of a volume without a mask, nothing is outlined.
    assert not (scan_report.pixels(".plane[data-layer=inputs] canvas")[..., :3] == CYAN).all(axis=-1).any()
