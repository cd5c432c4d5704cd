"""The files of the report, and the report as a part of runs."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.report_size import report_shape, report_side
from saliency.experiment.validation import complete_config
from saliency.figures.slices import slice_plane
from saliency.methods.upsampling import upsample
from saliency.report.links import page_link
from saliency.report.overview import target_findings
from saliency.report.scripts import script_json
from saliency.report.sprites import webp
from saliency.report.tiles import map_levels, mosaic, sample_levels, sheets
from tests.helpers.workflow_project import Project


def test_nothing_in_a_script_ends_it():
    names = {"a": "</script><!--", "\u2028": "\u2029&"}
    text = script_json(names)
    assert json.loads(text) == names
    assert not re.search("[<>&\u2028\u2029]", text)


@pytest.mark.parametrize("shape", [(28, 28), (20, 31), (9, 8, 14)])
def test_gradcam_is_enlarged_as_elsewhere(shape):
    cam = np.random.default_rng(0).random((1, *[5] * len(shape)))
    expected = upsample(torch.from_numpy(cam[np.newaxis][:, 0]), shape)[0, 0].numpy()
    levels, low, high = map_levels(cam, shape, signed=False)
    assert (low, high) == pytest.approx((expected.min(), expected.max()))
    np.testing.assert_allclose(levels, (expected - low) / (high - low) * 255, atol=0.51)


def test_samples_are_reduced_to_means():
    values = np.random.default_rng(0).random((3, 40, 20))
    expected = values.reshape(3, 20, 2, 10, 2).mean((2, 4))
    np.testing.assert_allclose(sample_levels(values, (20, 10)), np.moveaxis(expected, 0, -1) * 255, atol=0.51)


def test_sheets_hold_each_tile_in_its_place():
    tiles = np.random.default_rng(0).integers(0, 256, (70, 300, 110), dtype=np.uint8)
    found = sheets(tiles)
    assert [sheet.shape for sheet in found] == [(900, 990)] * 2 + [(600, 990)]
    for number, tile in enumerate(tiles):
        sheet, inside = divmod(number, 27)
        row, column = divmod(inside, 9)
        np.testing.assert_array_equal(
            found[sheet][row * 300 : row * 300 + 300, column * 110 : column * 110 + 110], tile
        )


def test_mosaic_holds_each_axial_slice():
    volume = np.random.default_rng(0).integers(0, 256, (4, 3, 7), dtype=np.uint8)
    picture, columns = mosaic(volume)
    for level in range(7):
        row, column = divmod(level, columns)
        expected = slice_plane(volume[np.newaxis], 2, level)[0]
        np.testing.assert_array_equal(picture[row * 3 : row * 3 + 3, column * 4 : column * 4 + 4], expected)


@pytest.mark.parametrize(("exact", "tolerance"), [(True, 0), (False, 12)])
def test_webp_keeps_levels(exact, tolerance):
    smooth = np.add.outer(np.arange(64), np.arange(64) * 2).astype(np.uint8)[:, :60]
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(webp(smooth, exact)))))
    assert np.abs(decoded.astype(int) - smooth[..., np.newaxis]).max() <= tolerance


def plan_of(folder, monkeypatch, samples, **changes):
    project = Project.create(folder, samples=2)
    rows = ["id,path,site,age", *(f"s{number},s0.png,a,{number}" for number in range(samples))]
    project.manifest.write_text("\n".join(rows) + "\n")
    project.write_config(audit={}, report={}, **changes)
    monkeypatch.chdir(folder)
    config, problems = complete_config(project.config)
    assert problems == []
    return Plan(config)


def test_pictures_of_many_samples_are_smaller(tmp_path, monkeypatch):
    sides = {
        samples: report_side(plan_of(tmp_path / str(samples), monkeypatch, samples, input={"crop": 224}))
        for samples in (10, 3000, 10_000)
    }
    assert sides[10] == 224 > sides[3000] > sides[10_000] >= 28
    assert report_side(plan_of(tmp_path / "own", monkeypatch, 10, input={"crop": 224})) == 224


def test_settings_of_the_report_make_only_its_files_again(tmp_path, monkeypatch):
    plan = plan_of(tmp_path, monkeypatch, 5)

    def digests():
        return {
            step: Digests(Plan(plan.config)).of(step, "tiny", 0, "predicted")
            for step in ("gradcam", "measure", "sprites")
        }

    before = digests()
    plan.config["report"]["side"] = 16
    after = digests()
    assert [step for step in before if before[step] != after[step]] == ["sprites"]
    plan.config["report"] = None
    assert not Plan(plan.config).reported


@pytest.mark.parametrize(
    ("numbers", "link"),
    [
        ({"class": 3}, {"class": "3"}),
        ({"column": "site", "group": "a"}, {"col.site": "a"}),
        ({"column": "age", "group": "(1.0, 2.5]"}, {"measure": "age", "min": "1.0", "max": "2.5"}),
    ],
)
def test_findings_link_to_pictures_of_their_samples(tmp_path, monkeypatch, numbers, link):
    plan = plan_of(tmp_path, monkeypatch, 5)
    finding = {"kind": "group", "score": 1, "sentence": "…", "numbers": numbers, "samples": []}
    found = target_findings(plan, "tiny", "predicted", {"findings": [finding], "left_out": 0, "tested": {}})
    assert found["findings"][0]["pictures"] == page_link("gallery", None, {"finding": "0"} | link)


def test_shapes_are_never_enlarged():
    assert report_shape([300, 3, 60], 30) == [30, 1, 6]


@pytest.mark.slow
def test_report_is_a_part_of_runs(tmp_path):
    project = Project.create(tmp_path)
    project.write_config(audit={"min_count": 2}, report={})
    project.run()
    assert project.planned() == {}
    report = project.results / "report"
    page = (report / "index.html").read_text()
    assert "Findings" in page
    assert all((report / name).is_file() for name in re.findall(r'<script src="([^"]+)"', page))
    assert len(list((report / "data/tiny/inputs").iterdir())) == 3
    assert "MIT" in (report / "assets/licences.txt").read_text()
    # Other pictures for new settings, and nothing else but the record of the config.
    project.write_config(audit={"min_count": 2}, report={"side": 16})
    planned = {name.partition(" of")[0] for name in project.planned()}
    assert planned == {"Draw the report's pictures", "Record the provenance"}
    # A lost file of pictures is missed.
    project.write_config(audit={"min_count": 2}, report={})
    lost = report / "data/tiny/predicted/gradcam/1.js"
    lost.unlink()
    assert list(project.planned()) == ["Draw the report's pictures of shard 1 (tiny)"]
    project.write_config(audit={"min_count": 2})
    assert list(project.planned()) == ["Record the provenance"]
