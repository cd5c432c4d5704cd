"""A job's process: what it imports is left alone, what it leaves behind is not, and its log says with what it ran."""

import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from saliency.files.callables import load_callable
from saliency.files.made_with import read_made_with
from saliency.job import leave_scripts_folder
from tests.helpers.workflow_project import ROOT

JOB = """
import atexit, gc, weakref
atexit.register(lambda: print(gc.get_freeze_count() > 10_000))
from saliency.job import job_log

class Node:
    pass

with job_log("job.log"):
    import pandas
    freed = []
    for _ in range(10_000):
        node = Node()
        node.itself = node
        weakref.finalize(node, freed.append, 1)
    print(len(freed) > 5_000)
"""


def test_collector_passes_over_imports_at_exit_and_still_frees_what_a_job_makes(tmp_path):
    done = subprocess.run([sys.executable, "-c", JOB], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
    facts = read_made_with(tmp_path / "job.log")
    assert facts["torch"] == version("torch")
    assert facts["processor"].split()[0] == platform.machine()


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "workflow" / "scripts").glob("*.py")))
def test_the_users_module_is_not_hidden_by_a_script_of_its_name(name, tmp_path, monkeypatch):
    """Snakemake puts the folder of the script at the end of the path, and the user's folder is found after it."""
    monkeypatch.chdir(tmp_path)
    Path(f"{name}.py").write_text("VALUE = 'the user'\n")
    running = tmp_path / ".snakemake" / "scripts" / "tmp1a2b3c4d.train.py"
    running.parent.mkdir(parents=True)
    script = ROOT / "workflow" / "scripts" / "train.py"
    running.write_bytes(b"preamble\n" + script.read_bytes())
    monkeypatch.setattr(sys, "argv", [str(running.relative_to(tmp_path))])
    monkeypatch.setattr(sys, "path", [*sys.path, str(script.parent)])
    monkeypatch.delitem(sys.modules, name, raising=False)
    leave_scripts_folder()
    assert str(script.parent) not in sys.path
    assert load_callable(f"{name}:VALUE", "factory") == "the user"
    monkeypatch.delitem(sys.modules, name)


def test_a_script_of_that_name_elsewhere_stays_on_the_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    running = tmp_path / ".snakemake" / "scripts" / "tmp1a2b3c4d.train.py"
    running.parent.mkdir(parents=True)
    running.write_text("preamble\nsource\n")
    for folder, text in (("user", "of the user\n"), ("empty", "")):
        Path(folder).mkdir()
        Path(folder, "train.py").write_text(text)
    monkeypatch.setattr(sys, "argv", [str(running)])
    monkeypatch.setattr(sys, "path", ["user", "empty"])
    leave_scripts_folder()
    assert sys.path == ["user", "empty"]
