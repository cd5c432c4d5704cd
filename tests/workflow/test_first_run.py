"""From files as they lie on the disk to results, with the commands that a newcomer types."""

import json
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.helpers.workflow_project import NETWORK, ROOT, Project

pytestmark = pytest.mark.slow


def test_two_commands_from_a_folder_of_classes_to_predictions(tmp_path):
    generator = np.random.default_rng(0)
    for number, name in enumerate(["b/x", "b/y", "a's/x", "c/x", "c/y", "a's/y"]):
        path = tmp_path / "My data" / f"{name} {number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(path)
    (tmp_path / "tiny_network.py").write_text(
        NETWORK.replace("channels=3", "num_classes=5")
        .replace("channels, 8", "3, 8")
        .replace("(8, 5)", "(8, num_classes)")
    )
    code = "import torch, tiny_network; torch.save(tiny_network.Network(3).state_dict(), 'w.pt')"
    environment = Project(tmp_path).environment() | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    command = [
        sys.executable,
        "-m",
        "saliency",
        "init",
        "My data",
        "--model",
        "tiny_network:Network",
        "--weights",
        "w.pt",
    ]
    said = subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True, text=True).stdout
    following = said.splitlines()[-1].removeprefix("next: ")
    assert following.startswith("snakemake ")
    quick = ["--config", "audit=null", "report=null", "targets=[0,predicted]", "execution=fused"]
    run = [sys.executable, "-m", *shlex.split(following), *quick]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]

    results = tmp_path / "results" / "My_data"
    table = pd.read_csv(results / "Network" / "predictions.csv", dtype={"id": str})
    folders = [path.split("/")[2] for path in table["path"]]
    # As torchvision's ImageFolder numbers them.
    assert table["label"].tolist() == [["a's", "b", "c"].index(folder) for folder in folders]
    record = json.loads((results / "provenance.json").read_text())
    assert record["config"]["models"]["Network"]["class_names"] == ["a's", "b", "c"]
    assert record["config"]["targets"] == [0, "predicted"]
    assert (results / "Network.zarr" / "class-0" / "gradcam").is_dir()


def test_awkward_manifests_give_what_plain_ones_give(tmp_path):
    """Names for labels, any text for ids, semicolons and UTF-16: same maps, and figures with safe names."""
    models = {"tiny": {"factory": "tiny_network:Network"}}
    plain = Project.create(
        tmp_path / "plain",
        models=models | {"tiny": models["tiny"] | {"class_names": list("abcde")}},
        execution="fused",
    )
    awkward = Project.create(tmp_path / "awkward", models=models, execution="fused")
    ids = ["Patient 1", "O'Brien", "\u00c9tudes/3", "a/b", "\u60a3\u8005"]
    rows = [f"{name};.\\s{number}.png;{'abcde'[number]}" for number, name in enumerate(ids)]
    awkward.manifest.write_bytes("\n".join(["ID;Path;Label", *rows]).encode("utf-16"))
    plain.manifest.write_text("id,path,label\n" + "".join(f"s{number},s{number}.png,{number}\n" for number in range(5)))
    for project in (plain, awkward):
        project.run()
    maps = [
        {name: value for name, value in project.digests().items() if not name.startswith(("id/", "id_bytes/"))}
        for project in (plain, awkward)
    ]
    assert maps[0] == maps[1]
    tables = [
        pd.read_csv(project.results / "tiny" / "predictions.csv", dtype={"id": str}) for project in (plain, awkward)
    ]
    assert tables[1]["id"].tolist() == ids
    assert tables[0].drop(columns=["id", "path"]).equals(tables[1].drop(columns=["id", "path"]))
    figures = sorted(path.name for path in (awkward.results / "tiny/figures/predicted/samples").glob("*.png"))
    assert [name.partition("-")[0] for name in figures] == ["O_Brien", "Patient_1"]
    assert awkward.planned() == {}


def test_number_of_named_classes_is_compared_with_the_network_before_anything_else(tmp_path):
    project = Project.create(tmp_path, models={"tiny": {"factory": "tiny_network:Network"}})
    project.manifest.write_text("id,path,label\na,s0.png,cat\nb,s1.png,dog\n")
    said = project.run(fails=True)
    assert "the network has 5 classes, but the labels of the manifest are names, of which 2 are known" in said
    assert not (project.store / "logits").exists()


def test_the_smallest_run_which_the_workflow_catalogue_looks_for(tmp_path):
    folder = shutil.copytree(ROOT / ".test", tmp_path / "test", ignore=shutil.ignore_patterns("results", ".snakemake"))
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "workflow" / "Snakefile", "--directory", folder]
    environment = Project(tmp_path).environment() | {"PYTHONPATH": str(ROOT)}
    subprocess.run([*command, "--lint"], check=True, env=environment)
    subprocess.run([*command, "--cores", "2", "--quiet"], check=True, env=environment)
    results = folder / "results" / "test"
    assert (results / "report" / "index.html").is_file()
    assert pd.read_csv(results / "untrained" / "predictions.csv")["id"].tolist() == ["china", "flower"]
