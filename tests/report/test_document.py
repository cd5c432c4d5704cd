"""The files of the report, and the report as a part of runs."""

import base64
import io
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from saliency.audit.measure import write_parquet
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.report_size import report_shape, report_side
from saliency.experiment.validation import complete_config
from saliency.figures.slices import slice_plane
from saliency.figures.webp import webp
from saliency.methods.registered import methods
from saliency.methods.upsampling import upsample
from saliency.report.asset_files import PACKAGE, SCRIPTS, assets_fingerprint, registered_scripts
from saliency.report.document import samples_data, told_facts
from saliency.report.links import page_link
from saliency.report.overview import target_findings
from saliency.report.scripts import script_json
from saliency.report.tiles import map_levels, mosaic, sample_levels, sheets
from tests.helpers.package_copy import PackageCopy
from tests.helpers.workflow_project import Project, jobs


def test_nothing_in_a_script_ends_it():
    names = {"a": "</script><!--", "\u2028": "\u2029&"}
    text = script_json(names)
    assert json.loads(text) == names
    assert not re.search("[<>&\u2028\u2029]", text)


@pytest.mark.parametrize("shape", [(28, 28), (20, 31), (9, 8, 14)])
def test_maps_are_upsampled_as_elsewhere(shape):
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
        ({"column": "age", "group": "(1.0, 2.5]"}, {"col.age": "(1.0, 2.5]"}),
        ({"class": 3, "cluster": 0}, {"class": "3", "cluster": "0"}),
        (
            {"measure": "recall", "label": 0, "column": "site", "group": "a"},
            {"label": "0", "correct": "labelled", "col.site": "a"},
        ),
        ({"measure": "precision", "predicted": 2}, {"predicted": "2", "correct": "labelled"}),
        (
            {"measure": "recall", "label": 0, "fact": "bytes", "group": "at most 12 kB"},
            {"label": "0", "correct": "labelled", "col.file: bytes": "at most 12 kB"},
        ),
    ],
)
def test_findings_link_to_pictures_of_their_samples(tmp_path, monkeypatch, numbers, link):
    plan = plan_of(tmp_path, monkeypatch, 5)
    assert pictures_of_finding(plan, numbers) == page_link("gallery", None, {"finding": "0"} | link)


def test_facts_that_findings_name_become_columns(tmp_path, monkeypatch):
    plan = plan_of(tmp_path, monkeypatch, 6)
    plan.config["audit"]["where"] = {"site": "a"}
    plan.samples["site"] = ["a"] * 4 + ["b"] * 2
    facts = pd.DataFrame({"id": plan.samples["id"], "bytes": [10.0, 20, 10, np.nan, 10, 20], "width": np.arange(6.0)})
    write_parquet(facts, tmp_path / "facts.parquet")
    documents = [{"findings": [{"numbers": {"fact": "bytes"}}, {"numbers": {"column": "site"}}]}, {"findings": []}]
    told = told_facts(plan, documents, [tmp_path / "facts.parquet"])
    assert told == {"file: bytes": ["10 B", "20 B", "10 B", "", "", ""]}
    assert told_facts(plan, documents[1:], []) == {}
    columns = samples_data(plan, {}, told)["columns"]
    assert columns[-1] == {"name": "file: bytes", "values": ["10 B", "20 B", ""], "codes": [0, 1, 0, 2, 2, 2]}
    assert [column["name"] for column in columns[:-1]] == [*plan.samples.columns.drop(["id", "label"], errors="ignore")]


@pytest.mark.parametrize(
    ("where", "link"),
    [
        ({"site": "a"}, "#/gallery?finding=0&col.site=a&class=3"),
        ({"site": ["a", "b c"]}, "#/gallery?finding=0&col.site=a&col.site=b%20c&class=3"),
        ({"label": ["0", "2"]}, "#/gallery?finding=0&col.label=0&col.label=2&class=3"),
    ],
)
def test_findings_link_to_audited_samples_only(tmp_path, monkeypatch, where, link):
    plan = plan_of(tmp_path, monkeypatch, 5)
    plan.config["audit"]["where"] = where
    assert pictures_of_finding(plan, {"class": 3}) == link


def test_findings_on_all_samples_link_to_all_samples(tmp_path, monkeypatch):
    plan = plan_of(tmp_path, monkeypatch, 5)
    plan.config["audit"]["where"] = {"site": ["a", "b"], "age": "3"}
    numbers = {"measure": "accuracy", "column": "site", "group": "c", "among": "all"}
    assert pictures_of_finding(plan, numbers) == "#/gallery?finding=0&correct=labelled&col.site=c"


def pictures_of_finding(plan, numbers):
    finding = {"kind": "group", "score": 1, "sentence": "…", "numbers": numbers, "samples": []}
    found = target_findings(plan, "tiny", "predicted", {"findings": [finding], "left_out": 0, "tested": {}})
    return found["findings"][0]["pictures"]


@pytest.fixture
def copied(tmp_path):
    """Copy of what the page is made from."""
    for folder in ("assets", "templates"):
        shutil.copytree(PACKAGE / folder, tmp_path / "package" / folder)
    return tmp_path / "package"


@pytest.mark.parametrize(
    "name", ["assets/app.js", "assets/views/gallery.js", "assets/report.css", "templates/index.html"]
)
def test_edited_file_makes_the_page_again_and_nothing_else(copied, tmp_path, monkeypatch, name):
    plan = plan_of(tmp_path, monkeypatch, 5)

    def digests():
        every = Digests(plan, assets_fingerprint(copied))
        page = {"report_page": every.of("report_page"), "findings": every.of("findings", "tiny", None, "predicted")}
        return page | {name: every.of(name, "tiny") for name in ("model_data", "metrics")}

    assert assets_fingerprint(copied) == assets_fingerprint()
    before = digests()
    path = copied / name
    path.write_bytes(path.read_bytes() + b" ")
    after = digests()
    assert [step for step in before if before[step] != after[step]] == ["report_page"]


def test_new_file_in_the_folder_is_a_view(copied):
    before, fingerprint = registered_scripts("views", copied / "assets"), assets_fingerprint(copied)
    assert set(before) < set(SCRIPTS)
    (copied / "assets/views/atlas.js").write_text("")
    assert registered_scripts("views", copied / "assets") == ("views/atlas.js", *before)
    assert assets_fingerprint(copied) != fingerprint


def test_every_script_of_the_folder_is_loaded():
    folder = PACKAGE / "assets"
    assert sorted(SCRIPTS) == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.js"))
    assert (SCRIPTS[0], SCRIPTS[-1]) == ("data.js", "app.js")


def test_scripts_name_no_method():
    for path in (PACKAGE / "assets").rglob("*.js"):
        words = set(re.findall(r"\w+", path.read_text()))
        assert not words & set(methods()), path


def test_shapes_never_grow():
    assert report_shape([300, 3, 60], 30) == [30, 1, 6]


@pytest.mark.slow
def test_report_is_a_part_of_runs(tmp_path):
    project = Project.create(tmp_path)
    project.write_config(audit={"min_count": 2}, report={}, execution="fused")
    project.run()
    assert project.planned() == {}
    # An edited script of the page makes the page again, and nothing else.
    package = PackageCopy(tmp_path / "package")
    assert jobs(package.run(project, "--dry-run")) == {}
    view = package.folder / "saliency/report/assets/views/groups.js"
    view.write_text(view.read_text().replace("Groups", "Tests"))
    assert list(jobs(package.run(project, "--dry-run"))) == ["Write the report's page"]
    report = project.results / "report"
    page = (report / "index.html").read_text()
    assert "Findings" in page
    assert all((report / name).is_file() for name in re.findall(r'<script src="([^"]+)"', page))
    assert len(list((report / "data/tiny/inputs").iterdir())) == 3
    assert "MIT" in (report / "assets/licences.txt").read_text()
    # Other pictures for new settings, and nothing else but the record of the config.
    project.write_config(audit={"min_count": 2}, report={"side": 16}, execution="fused")
    planned = {name.partition(" of")[0] for name in project.planned()}
    assert planned == {"Draw the report's pictures", "Record the provenance"}
    # A lost file of pictures is missed.
    project.write_config(audit={"min_count": 2}, report={}, execution="fused")
    lost = report / "data/tiny/predicted/gradcam/1.js"
    lost.unlink()
    assert list(project.planned()) == ["Draw the report's pictures of shard 1 (tiny)"]
    project.write_config(audit={"min_count": 2}, execution="fused")
    assert list(project.planned()) == ["Record the provenance"]
