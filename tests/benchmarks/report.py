"""Size and speed of the report of many samples, measured in headless Chromium.

python -m tests.benchmarks.report --samples 10000

Pictures are sections of photographs of scikit-image, maps are noise at their edges; 1000 different samples repeat.
Numbers are those of a machine that does nothing else.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import skimage.data
import yaml
from playwright.sync_api import sync_playwright

from saliency.experiment.plan import Plan
from saliency.experiment.report_size import report_side
from saliency.experiment.validation import complete_config
from saliency.files.atomic_files import write_atomically, write_json
from saliency.files.spreadsheet import csv_bytes
from saliency.methods.registered import methods
from saliency.metrics.table import measure_columns
from saliency.report.document import write_report
from saliency.report.model_data import cluster_data, measures_data, predictions_data, small_map
from saliency.report.nearest import nearest_data
from saliency.report.scripts import data_script
from saliency.report.sprites import layers, write_sprites
from saliency.store.codec import write_shard
from saliency.store.layout import plan_specs
from tests.helpers.report_browser import Page, chromium
from tests.helpers.workflow_project import Project

SIDE, SHARD, DIFFERENT, CLASSES = 224, 250, 4, 100
# Scroll for a while, a third of a row with each frame; return the time between frames in ms.
SCROLL = """seconds => new Promise((resolve) => {
  const times = [];
  const begin = performance.now();
  const step = (now) => {
    times.push(now);
    scrollBy(0, 60);
    if (now - begin < 1000 * seconds) requestAnimationFrame(step);
    else resolve(times.slice(1).map((time, at) => time - times[at]));
  };
  requestAnimationFrame(step);
})"""
# Change a setting; return the ms until all pictures in sight are drawn.
CHANGE = """changes => new Promise((resolve) => {
  const begin = performance.now();
  report.state.change(changes);
  const look = () => document.querySelector("main[aria-busy=false]")
    ? resolve(performance.now() - begin) : requestAnimationFrame(look);
  requestAnimationFrame(() => requestAnimationFrame(look));
})"""


def arrays(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Inputs and maps of one shard."""
    photographs = [getattr(skimage.data, name)() for name in ("astronaut", "chelsea", "coffee", "rocket", "retina")]
    inputs = np.empty((SHARD, 3, SIDE, SIDE), dtype=np.float32)
    for picture in inputs:
        photograph = photographs[generator.integers(len(photographs))]
        top, left = (generator.integers(size - SIDE) for size in photograph.shape[:2])
        picture[:] = np.moveaxis(photograph[top : top + SIDE, left : left + SIDE, :3], 2, 0) / 255
    edges = np.abs(np.gradient(inputs, axis=3)) + np.abs(np.gradient(inputs, axis=2))
    guided = (edges * generator.normal(size=inputs.shape)).astype(np.float32)
    cam = generator.gamma(0.5, 1, (SHARD, 7, 7)).astype(np.float32)
    weights = np.kron(cam, np.ones((SIDE // 7, SIDE // 7), dtype=np.float32))[:, np.newaxis]
    return {
        "inputs": inputs,
        "predicted/guided_backprop": guided,
        "predicted/gradcam": cam,
        "predicted/guided_gradcam": guided * weights,
    }


def table_of(samples: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """A table such as metrics.parquet."""
    count = len(samples)
    predicted = generator.integers(CLASSES, size=count)
    label = np.where(generator.random(count) < 0.8, predicted, generator.integers(CLASSES, size=count))
    table = pd.DataFrame(
        {
            "id": samples["id"], "target": "predicted", "class": predicted, "label": label,
            "predicted_class": predicted, "predicted_name": "", "probability": generator.random(count),
            "correct": predicted == label, "status": "ok",
        }
    )  # fmt: skip
    return table.assign(**{name: generator.random(count) for name in measure_columns(2, list(methods()))})


def write(project: Project, samples: int) -> tuple[Path, int, float]:
    """Write a whole report; return its page, the side of its pictures, and the seconds that the pictures took."""
    generator = np.random.default_rng(0)
    rows = [f"s{number:05},s0.png,{number % CLASSES},site {number % 5}" for number in range(samples)]
    project.manifest.write_text("\n".join(["id,path,label,site", *rows]) + "\n")
    project.write_config(
        input={"resize": 256, "crop": SIDE}, shard_size=SHARD, audit={}, report={}, experiment="benchmark"
    )
    config, problems = complete_config(project.config, check=False)
    assert problems == []
    config["manifest"] = str(project.manifest)
    plan = Plan(config)
    folder, report = project.folder / "store", project.folder / "report"
    description = folder / "model.json"
    write_json({"classes": CLASSES, "feature_shape": [7, 7]}, description)
    specs = plan_specs(plan, "tiny", [description])
    seconds = 0.0
    for shard in plan.shards:
        outputs = {name: report / f"data/tiny/{name}/{shard}.js" for name in layers(plan)}
        if shard < DIFFERENT:
            files = {name: folder / plan.shard_key(name, shard) for name in outputs}
            for name, values in arrays(generator).items():
                write_shard(files[name], values[: len(plan.rows(shard))], specs[name])
            of_target = {name.rpartition("/")[2]: path for name, path in files.items()}
            begin = time.process_time()
            write_sprites(config, "tiny", shard, of_target, [description], list(outputs.values()), [])
            seconds += time.process_time() - begin
            continue
        for name, path in outputs.items():
            text = (report / f"data/tiny/{name}/{shard % DIFFERENT}.js").read_text()
            write_atomically(path, text.replace(f"tiny/{name}/{shard % DIFFERENT}", f"tiny/{name}/{shard}", 1).encode())
    table = table_of(plan.samples, generator)
    clusters = pd.DataFrame({"id": table["id"], "class": table["class"], "cluster": np.arange(samples) % 3})
    grids = generator.random((samples, 7, 7))
    classes = {
        "audited": None,
        "mean_maps": {str(name): small_map(generator.random((7, 7))) for name in range(CLASSES)},
        "clusters": cluster_data(table, clusters, grids, 3),
        "measures": {},
        "groups": [],
    }
    data = {
        "predictions": predictions_data(table),
        "predicted/measures": measures_data(table, clusters, measure_columns(2, list(methods()))),
        "predicted/nearest": nearest_data(grids),
        "predicted/classes": classes,
    }
    for name, content in data.items():
        write_atomically(report / f"data/tiny/{name}.js", data_script(f"tiny/{name}", content))
    finding = {
        "kind": "class_performance",
        "score": 1.0,
        "sentence": "Class 3: …",
        "numbers": {"label": 3},
        "samples": ["s00003"],
    }
    write_json({"findings": [finding], "left_out": 0, "tested": {}}, folder / "findings.json")
    write_atomically(folder / "predictions.csv", csv_bytes(table))
    write_atomically(folder / "errors.csv", b"model,id,path,status,problem\n")
    write_report(config, [folder / "predictions.csv"], [folder / "findings.json"], folder / "errors.csv", report)
    return report / "index.html", report_side(plan), seconds / min(DIFFERENT, len(plan.shards)) / SHARD


def tab_memory() -> float:
    """Bytes that the largest of this process's tabs has for itself."""
    tabs = [one for one in psutil.Process().children(recursive=True) if "--type=renderer" in one.cmdline()]
    return float(max(one.memory_full_info().uss for one in tabs))


def measure(page: Page, repeats: int) -> dict[str, float]:
    """Times in Chromium, in ms; medians of some repetitions."""

    def opened(hash_: str) -> float:
        page.page.goto("about:blank")
        begin = time.perf_counter()
        page.page.goto(page.address + hash_)
        page.page.wait_for_selector("main[aria-busy=false]")
        return 1000 * (time.perf_counter() - begin)

    found = {
        "overview opens, ms": statistics.median(opened("") for _ in range(repeats)),
        "gallery opens, ms": statistics.median(opened("#/gallery") for _ in range(repeats)),
    }
    frames = sorted(page.page.evaluate(SCROLL, 5))
    found["frames per second while scrolling"] = 1000 * len(frames) / sum(frames)
    found["95 % of frames within, ms"] = frames[int(0.95 * len(frames))]
    page.page.evaluate("scrollTo(0, 0)")
    for name, changes in {
        "filter by class, ms": {"class": "3"},
        "filter by column, ms": {"class": None, "col.site": "site 1"},
        "sort by a measure, ms": {"sort": "gini"},
        "another method, ms": {"method": "guided_backprop"},
        "opacity, ms": {"opacity": "20"},
    }.items():
        found[name] = page.page.evaluate(CHANGE, changes)
    found["memory of the tab after all that, MB"] = tab_memory() / 1e6
    found["a sample opens, ms"] = statistics.median(opened(f"#/sample/s{number:05}") for number in range(repeats))
    found["table opens, ms"] = opened("#/table")
    found["memory of the tab with the table, MB"] = tab_memory() / 1e6
    return found


def main() -> None:
    """Print one line for each number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Project.create(Path(folder), samples=1)
        index, side, seconds = write(project, arguments.samples)
        files = [path for path in index.parent.rglob("*") if path.is_file()]
        found = {
            "samples": arguments.samples,
            "longest side of the pictures, pixels": side,
            "size, MB": sum(path.stat().st_size for path in files) / 1e6,
            "bytes a sample": sum(path.stat().st_size for path in files) / arguments.samples,
            "files": len(files),
            "core time to make a sample's pictures, ms": 1000 * seconds,
        }
        with sync_playwright() as playwright:
            path = chromium(playwright)
            running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
            page = Page(running, index)
            found |= measure(page, arguments.repeats)
            assert page.problems == []
            running.close()
    print(yaml.safe_dump({name: round(value, 1) for name, value in found.items()}, sort_keys=False), end="")


if __name__ == "__main__":
    main()
