"""The workflow as a module of another: renamed, with a prefix, twice, on files that the other's rules make."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import yaml

from saliency.store.verify import verify
from tests.helpers.workflow_project import ROOT, Project, file_digests, jobs

# `first` gets all of its files from rules: the manifest, the pictures, and the weights that `second` trains.
PARENT = f'''
configfile: "parent.yaml"

module first:
    snakefile: "{ROOT}/workflow/Snakefile"
    config: config["first"]

use rule * from first as first_*

use rule fused from first as first_fused with:
    resources:
        mem_mb=1234
    message: "All maps, with {{resources.mem_mb}} MB"

module second:
    snakefile: "{ROOT}/workflow/Snakefile"
    config: config
    prefix: "second"

use rule * from second as second_*

rule all:
    default_target: True
    input:
        rules.first_all.input,
        rules.second_all.input,
        "counted.txt",

rule table:
    input: "data/manifest.csv"
    output: "tables/made.csv"
    shell: "sed '2,$s|,s|,../made/s|' {{input}} > {{output}}"

rule picture:
    input: "data/{{name}}.png"
    output: "made/{{name}}.png"
    shell: "cp {{input}} {{output}}"

rule checkpoint_of_second:
    input: "second/results/test/tiny/weights.safetensors"
    output: "nets/net.safetensors"
    shell: "cp {{input}} {{output}}"

rule count:
    input: "second/results/test/tiny/predictions.csv"
    output: "counted.txt"
    params: config["lines"]
    shell: "echo {{params}} > {{output}}; wc -l < {{input}} >> {{output}}"
'''


# As docs/module.md has it, with the other way to say where results go.
HOSTED = """
configfile: "parent.yaml"

module saliency:
    snakefile:
        github("OWNER/nip-saliency", path="workflow/Snakefile", tag="v1")
    config:
        config["saliency"]
    replace_prefix: {"results/": "maps/"}

use rule * from saliency as saliency_*

rule everything:
    default_target: True
    input:
        rules.saliency_all.input,
"""


class Parent(Project):
    """A project whose Snakefile is a workflow of its own."""

    def command(self, *arguments):
        command = super().command(*arguments)
        begin = command.index("--snakefile")
        return [*command[:begin], *command[begin + 4 :]]


@pytest.mark.slow
def test_two_modules_leave_the_bytes_of_a_direct_run(tmp_path):
    network = {"factory": "tiny_network:Network", "class_names": ["a", "b", "c", "d", "e"]}
    train = {"epochs": 1, "split": "site"}
    trained = {"models": {"tiny": network | {"train": train}}, "audit": {"transfer": None, "degradation": None}}
    direct = Project.create(tmp_path / "direct", samples=2, report={}, **trained)
    direct.manifest.write_text(direct.manifest.read_text().replace("site 0", "train").replace("site 1", "test"))
    parent = Parent(direct.copy(tmp_path / "parent").folder)
    first = direct.config | {
        "manifest": "tables/made.csv", "execution": "fused", "audit": None, "report": None,
        "models": {"tiny": network | {"weights": "nets/net.safetensors"}},
        "made_by_rules": ["tables/", "made", "nets/net.safetensors"],
    }  # fmt: skip
    given = direct.config | {"first": first, "lines": "counted:"}
    (parent.folder / "parent.yaml").write_text(yaml.safe_dump(given))
    (parent.folder / "Snakefile").write_text(PARENT)
    direct.run()

    said = parent.run("tables/made.csv")
    assert "a rule has yet to make the manifest 'tables/made.csv': this run makes it and no maps" in said
    assert "config of module second: left to other rules: first, lines" in said
    assert "All maps, with 1234 MB" in parent.run("--dry-run", "results/test/tiny.zarr/status/c.0")
    parent.run()
    assert not jobs(parent.run("--dry-run"))
    assert (parent.folder / "counted.txt").read_text().split() == ["counted:", "3"]

    expected = direct.result_digests()
    second = file_digests(parent.folder / "second" / "results" / "test")
    found = {name: value for name, value in second.items() if not name.startswith("logs/")}
    # Both say where the trained weights lie.
    folders = {direct.folder: direct.results, parent.folder: parent.folder / "second" / "results" / "test"}
    described = [json.loads((folder / "tiny" / "model.json").read_text()) for folder in folders.values()]
    assert described[0] | {"weights": None} == described[1] | {"weights": None}
    for name in ("provenance.json", "tiny/model.json"):
        assert found.pop(name) != expected.pop(name)
    assert found == expected
    assert verify(folders[parent.folder])[1] == []
    (parent.folder / "tiny_network.py").write_text("")
    # In a process of its own: other tests' modules of that name are not there.
    command = [sys.executable, "-m", "saliency", "verify", str(folders[parent.folder])]
    told = subprocess.run(command, cwd=parent.folder, env=parent.environment(), capture_output=True, text=True)
    assert told.returncode == 1, told
    assert "out of date" in told.stdout
    shutil.copy(direct.folder / "tiny_network.py", parent.folder)
    assert parent.digests() == {
        name.removeprefix("tiny.zarr/"): value for name, value in expected.items() if name.startswith("tiny.zarr/")
    }

    # A rule's file that is made again is noticed, as with any input.
    shutil.copy(direct.image(1), direct.image(0))
    shutil.copy(direct.image(1), parent.image(0))
    planned = jobs(parent.run("--dry-run", "--rerun-triggers", "mtime"))
    assert "All maps, with 1234 MB" in planned


@pytest.mark.slow
def test_workflow_from_github_with_results_elsewhere(tmp_path, monkeypatch):
    """Git itself takes the address for that of a repository on this machine."""
    direct = Project.create(tmp_path / "direct", samples=2, execution="fused")
    parent = Parent(direct.copy(tmp_path / "parent").folder)
    (parent.folder / "parent.yaml").write_text(yaml.safe_dump({"saliency": direct.config}))
    (parent.folder / "Snakefile").write_text(HOSTED)
    repository = tmp_path / "repository"
    shutil.copytree(ROOT / "workflow", repository / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "-m", "all"], ["tag", "v1"]):
        subprocess.run(["git", *command], cwd=repository, check=True)
    settings = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repository.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/OWNER/nip-saliency",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for name, value in settings.items():
        monkeypatch.setitem(os.environ, name, value)

    parent.run()
    direct.run()

    expected, found = direct.result_digests(), file_digests(parent.folder / "maps" / "test")
    # It says where the results lie.
    assert expected.pop("provenance.json") != found.pop("provenance.json")
    assert {name: value for name, value in found.items() if not name.startswith("logs/")} == expected
    assert not (parent.folder / "results").exists()
    assert verify(parent.folder / "maps" / "test")[1] == []
    assert not jobs(parent.run("--dry-run"))
