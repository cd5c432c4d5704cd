"""Files and names that come from others: nothing of them is run, leaves its folder, or is read as something else."""

import os
import pickle
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from saliency import open_maps
from saliency.exceptions import DataError
from saliency.figures.sample_figures import explained, sample_figure
from saliency.files.file_names import file_name
from saliency.networks.load import load_model
from saliency.store.verify import verify
from tests.experiment.test_manifest import problems as manifest_problems
from tests.helpers.workflow_project import Project

LINEAR = {"in_features": 3, "out_features": 2}


class RunsACommand:
    def __reduce__(self):
        return os.system, ("touch marker",)


class Settings:
    """What training scripts leave in checkpoints."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(name, **options):
    return load_model("torch.nn:Linear", LINEAR, name, **options)


@pytest.mark.parametrize("zipped", [True, False])
def test_pickle_is_not_run_unless_it_is_trusted(folder, zipped):
    state = {"state_dict": nn.Linear(**LINEAR).state_dict(), "callbacks": RunsACommand()}
    torch.save(state, "evil.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError) as caught:
        load("evil.pt")
    assert str(caught.value) == (
        f"weights 'evil.pt' hold more than tensors (loading calls {os.system.__module__}.system): save "
        "model.state_dict(), or use .safetensors; trust_checkpoint: true loads the file all the same, and runs any "
        "code that is in it"
    )
    assert not (folder / "marker").exists()
    load("evil.pt", trust_checkpoint=True)
    assert (folder / "marker").exists()


def test_trusted_checkpoint_may_hold_other_classes():
    network = nn.Linear(**LINEAR)
    torch.save({"state_dict": network.state_dict(), "settings": Settings()}, "trained.pt")
    with pytest.raises(DataError, match=r"loading calls .*Settings\): .* trust_checkpoint: true"):
        load("trained.pt")
    assert torch.equal(load("trained.pt", trust_checkpoint=True).weight, network.weight)


def write_zip(path, names):
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"x")


def change(path, change_content):
    path.write_bytes(change_content(path.read_bytes()))


HEADER = b'{"weight":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4000000000000]}}'
BROKEN = {
    "empty.pt": lambda path: path.write_bytes(b""),
    "page.pt": lambda path: path.write_text("<!DOCTYPE html>\n<html></html>"),
    "pointer.pt": lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"),
    "noise.pt": lambda path: path.write_bytes(bytes(range(256)) * 4),
    "half.pt": lambda path: change(path, lambda content: content[: len(content) // 2]),
    "cut.pt": lambda path: change(path, lambda content: content[:-1]),
    "hole.pt": lambda path: change(path, lambda content: content[:100] + bytes(50) + content[150:]),
    "folder.pt": lambda path: path.mkdir(),
    "outside.pt": lambda path: write_zip(path, ["../../data.pkl", "../evil"]),
    "other.pt": lambda path: write_zip(path, ["hello.txt"]),
    "list.pt": lambda path: torch.save([1, 2], path),
    "numbers.pt": lambda path: torch.save({1: torch.zeros(2)}, path),
    "pickle.pt": lambda path: path.write_bytes(pickle.dumps({"weight": RunsACommand()}, protocol=2)),
    "empty.safetensors": lambda path: path.write_bytes(b""),
    "noise.safetensors": lambda path: path.write_bytes(bytes(range(256)) * 4),
    "cut.safetensors": lambda path: change(path, lambda content: content[:-5]),
    "endless.safetensors": lambda path: path.write_bytes((2**60).to_bytes(8, "little") + b"{}"),
    "huge.safetensors": lambda path: path.write_bytes(len(HEADER).to_bytes(8, "little") + HEADER + bytes(24)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_checkpoint_is_named_in_one_line(folder, name):
    path = folder / name
    if name.startswith(("half", "cut", "hole")):
        save = save_file if path.suffix == ".safetensors" else torch.save
        save(nn.Linear(**LINEAR).state_dict(), path)
    BROKEN[name](path)
    with pytest.raises(DataError, match=rf"^weights '{name}' .*: ") as caught:
        load(name)
    assert "\n" not in str(caught.value)
    assert not (folder / "marker").exists()


@pytest.mark.parametrize("sample", ["nul\0", "x" * 300, "-option", "=1+1", "@a", "a\u202eb", "a\u2028b", " a", "a\t"])
def test_ids_that_can_mislead_are_refused(folder, sample):
    (found,) = manifest_problems(folder, f"id,path\nfirst,x\n{sample},x\n")
    assert found.startswith("m.csv: line 3, column id: ")
    assert found.isprintable()


# Reserved names, final dots and ids that differ in case only work wherever the file system allows them.
NAMES = [
    "$\\frac{$", "{x} {wildcards.model}", "two\nlines", "n" * 400, "<b>&amp;</b>", "=1+1", 'a "quoted", name', "",
    "日本 🐈", "%(a)s \\N{DASH}",
]  # fmt: skip
IDS = [
    "a..b", "CON", "x" * 128, "001", "Cat", "cat", "nan", "a.", "../up", "/etc/passwd", "a/b", "a\\b", "x" * 200, "ä",
    "a b", "'a'", "a;b", "$(touch marker)", "{x}", "*", "~", ".hidden", ".", "..", "a:b", "%s", "<b>&amp;</b>", "日本",
]  # fmt: skip
# As in "side" of a manifest that others made.
COLUMNS = ["$\\frac{", "{x}", "two\nlines", " ", "=cmd()", "日本"]


def test_titles_are_drawn_as_they_are(tmp_path):
    image, maps = np.zeros((3, 8, 8)), {"gradcam": np.zeros((1, 8, 8))}
    for name in NAMES:
        figure = sample_figure(image, maps, "x" * 128, f"predicted {explained(0, [name])}", dpi=80)
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # glyphs that the font lacks
            figure.savefig(tmp_path / "figure.png")
        width, height = figure.get_size_inches() * 80
        title = figure.texts[0].get_window_extent()
        assert title.width <= width
        assert title.height < height / 2


@pytest.mark.slow
def test_every_allowed_name_works_in_a_run(tmp_path):
    project = Project.create(
        tmp_path,
        samples=len(IDS),
        execution="fused",
        shard_size=8,
        experiment="Test-1.x",
        models={"c0n-_x": {"factory": "tiny_network:Network", "class_names": NAMES}},
        targets=["label"],
        plots={"samples": IDS, "count": 4, "contact_sheets": ["first"]},
    )
    table = pd.DataFrame({"id": IDS, "path": [f"s{number}.png" for number in range(len(IDS))]})
    table["label"] = [number % len(NAMES[:5]) for number in range(len(IDS))]
    for number, column in enumerate(COLUMNS):
        table[column] = NAMES[number]
    odd = tmp_path / "data" / "a $(touch marker); {x}.png"
    odd.write_bytes(project.image(0).read_bytes())
    table.loc[0, "path"] = odd.name
    table.to_csv(project.manifest, index=False)
    project.run()
    results = tmp_path / "results" / "Test-1.x"
    assert verify(results)[1] == []
    assert open_maps(results / "c0n-_x.zarr").ids == IDS
    predictions = pd.read_csv(results / "c0n-_x" / "predictions.csv", keep_default_na=False, dtype=str)
    assert predictions["id"].tolist() == IDS
    # An apostrophe keeps spreadsheets from taking a text for a formula.
    shown = {"=cmd()": "'=cmd()", "=1+1": "'=1+1"}
    for column, name in zip(COLUMNS, NAMES, strict=False):
        assert predictions[shown.get(column, column)].tolist() == [shown.get(name, name)] * len(IDS)
    figures = results / "c0n-_x" / "figures" / "label" / "samples"
    assert {path.name for path in figures.iterdir()} == {f"{file_name(name)}.png" for name in IDS}
    assert not (tmp_path / "marker").exists()
    # Python may keep what it compiled.
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {
        ".snakemake", "config.yaml", "data", "results", "tiny_network.py"
    }  # fmt: skip
