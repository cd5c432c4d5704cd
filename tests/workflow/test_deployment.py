"""The files in `workflow/envs` name the same packages, versions and commands as `pyproject.toml`, and each other."""

import re
import subprocess
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.helpers.workflow_project import ROOT

ENVIRONMENTS = ROOT / "workflow" / "envs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [
    *PROJECT["dependencies"],
    *(line for name in ("cluster", "demo", "s3", "test") for line in EXTRAS[name]),
]
# What packages are called in conda-forge, where that is another name.
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
DOCKERFILE = (ENVIRONMENTS / "Dockerfile").read_text(encoding="utf-8")
# The header, then names and texts of the sections in turn.
DEFINITION = re.split(r"^%(\w+)\n", (ENVIRONMENTS / "saliency.def").read_text(encoding="utf-8"), flags=re.MULTILINE)
SECTIONS = dict(zip(DEFINITION[1::2], DEFINITION[2::2], strict=True))


def constraints() -> dict[str, Version]:
    lines = (ENVIRONMENTS / "constraints.txt").read_text(encoding="utf-8").splitlines()
    matches = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines if not line.startswith("#")]
    assert all(matches), "a line is not name==version"
    return {canonicalize_name(match[1]): Version(match[2]) for match in matches}


@pytest.mark.parametrize("line", [line for line in REQUIREMENTS if not line.startswith(PROJECT["name"])])
def test_a_tested_version_of_every_requirement(line):
    requirement = Requirement(line)

    assert constraints()[canonicalize_name(requirement.name)] in requirement.specifier


def test_constraints_leave_the_platform_open():
    assert not [name for name in constraints() if re.match("cuda|nvidia|triton", name)]


def test_conda_environment_has_what_the_package_needs():
    """Except Snakemake, which starts the jobs from outside."""
    environment = yaml.safe_load((ENVIRONMENTS / "saliency.yaml").read_text(encoding="utf-8"))

    requirements = [Requirement(line) for line in PROJECT["dependencies"] if not line.startswith("snakemake")]
    expected = {CONDA_NAMES.get(line.name, line.name): line.specifier for line in requirements}
    found = {name: SpecifierSet(versions) for name, versions in map(str.split, environment["dependencies"])}
    assert found == expected | {"python": SpecifierSet(PROJECT["requires-python"])}


def test_every_job_with_a_script_names_the_conda_environment():
    rules = [
        rule
        for path in sorted((ROOT / "workflow" / "rules").glob("*.smk"))
        for rule in re.split(r"^ *(?=rule \w+:)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    ]
    scripts = [rule for rule in rules if re.search(r"^ *script:", rule, flags=re.MULTILINE)]

    assert len(scripts) > 20
    without = [rule.splitlines()[0] for rule in scripts if not re.search(r'conda:\s+"../envs/saliency.yaml"', rule)]
    assert without == []


def test_both_images_are_made_alike():
    assert re.search(r"^FROM (.*)$", DOCKERFILE, flags=re.MULTILINE)[1] in DEFINITION[0].split()
    assert re.search(r"^RUN (.*)$", DOCKERFILE, flags=re.MULTILINE)[1] in SECTIONS["post"]
    entry_point = re.search(r"^ENTRYPOINT (.*)$", DOCKERFILE, flags=re.MULTILINE)[1]
    assert " ".join(yaml.safe_load(entry_point)) in SECTIONS["runscript"]


def test_both_images_hold_the_same_files():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line.removeprefix("!") for line in ignored if line.startswith("!")]

    assert ignored[0] == "*"
    assert all((ROOT / name).exists() for name in kept)
    assert SECTIONS["files"].split() == [word for name in kept for word in (name, f"/opt/nip-saliency/{name}")]


@pytest.mark.parametrize("section", ["post", "environment", "runscript"])
def test_shell_commands_of_the_apptainer_image(section):
    script = "#!/bin/sh -e\n" + SECTIONS[section]  # as Apptainer runs them
    done = subprocess.run(["shellcheck", "-"], input=script, stdout=subprocess.PIPE, text=True, timeout=60)

    assert done.returncode == 0, done.stdout
