"""The report in Firefox, which puppeteer drives over WebDriver BiDi."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps

from saliency import open_maps

pytestmark = pytest.mark.slow  # two browsers and two whole reports

SCRIPT = Path(__file__).with_name("firefox.mjs")
ADDRESSES = ["", "#/gallery", "#/classes", "#/class/1", "#/sample/s0", "#/groups", "#/table", "#/plots", "#/compare"]
VOLUMES = ["", "#/gallery", "#/sample/v2", "#/sample/v2?slices=sagittal"]


@pytest.fixture(scope="session")
def firefox(tmp_path_factory):
    """What each of some addresses shows; skipped where there is no Firefox, or nothing to drive it with."""
    path = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
    if path is None or shutil.which("npm") is None:
        pytest.skip("needs Firefox, and npm for puppeteer")
    folder = tmp_path_factory.mktemp("firefox")
    shutil.copy(SCRIPT, folder)
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "puppeteer-core@24"]
    if subprocess.run(command, cwd=folder, capture_output=True, timeout=300).returncode:
        pytest.skip("puppeteer-core cannot be installed")

    def run(plan):
        command, given = ["node", SCRIPT.name, path], json.dumps(plan)
        done = subprocess.run(command, cwd=folder, input=given, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    return run


def view(made, address, width=1200, dark=False, **more):
    return {"address": made.index.resolve().as_uri() + address, "width": width, "dark": dark, **more}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1200])
def test_every_view_is_shown(project, scans, firefox, width, dark):
    for made, addresses in ((project, ADDRESSES), (scans, VOLUMES)):
        for address, found in zip(
            addresses, firefox([view(made, address, width, dark) for address in addresses]), strict=True
        ):
            assert found["problems"] == [], address
            folder = made.index.parent.as_uri()
            assert [url for url in found["requests"] if not url.startswith((folder, "data:", "about:"))] == [], address
            assert found["heading"], address
            assert found["width"] <= width, address
            assert (found["background"] != "rgb(255, 255, 255)") == dark, address


def test_maps_have_the_colours_of_matplotlib(project, firefox):
    """At full opacity, the map that the store holds, in the colours that the control names."""
    cam = open_maps(project.results / "tiny.zarr").array("gradcam", "predicted", upsample=True)[0]
    cam = (cam - cam.min()) / (cam.max() - cam.min())
    canvas = "figure[data-method=gradcam][data-target=predicted] canvas"
    names = ["viridis", "cividis"]
    plan = [
        view(
            project,
            "#/sample/s0",
            change={"select[name=colours]": name, "input[name=opacity]": "100"},
            canvas=canvas,
        )
        for name in names
    ]
    for name, found in zip(names, firefox(plan), strict=True):
        assert found["problems"] == []
        shown = found["canvas"]
        values = np.array(shown["values"]).reshape(shown["height"], shown["width"], 4)[..., :3]
        assert np.abs(values - colormaps[name](np.round(cam * 255) / 255)[..., :3] * 255).max() <= 3
        assert f"colours={name}" in found["hash"] or name == "viridis"
