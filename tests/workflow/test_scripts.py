"""The workflow's scripts and rules: what they may not do, and what they say."""

import ast
import subprocess

import pytest

from tests.helpers.workflow_project import ROOT, Project

SCRIPTS = sorted((ROOT / "workflow" / "scripts").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_read_no_fact_from_a_rules_name_or_a_path(script):
    read = {node.attr for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.Attribute)}
    assert not read & {"rule", "parents", "stem", "suffix", "parts", "relative_to", "partition", "split"}
    assert len(script.read_text().splitlines()) <= 20


def test_planning_imports_none_of_the_heavy_libraries():
    rules = "".join((ROOT / "workflow" / "rules" / f"{name}.smk").read_text() for name in ("config", "common"))
    imports = "; ".join(line for line in rules.splitlines() if line.startswith("from saliency"))
    heavy = ("torch", "PIL", "zarr", "matplotlib", "scipy", "sklearn", "nibabel")
    code = f"import sys; {imports}; sys.exit(', '.join(name for name in {heavy} if name in sys.modules) or None)"
    subprocess.run(["python", "-c", code], check=True, cwd=ROOT)


def refused(tmp_path, folder):
    """What a run says with a folder first on the path."""
    project = Project.create(tmp_path / "project")
    environment = project.environment() | {"PYTHONPATH": str(folder)}
    command = project.command("--dry-run")
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("hides", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["last", "first"])
def test_another_package_of_the_same_name_is_named(hides, tmp_path):
    """Whichever of the two was installed last: its files stand where the other's stood, or come before them."""
    other = tmp_path / "other"
    (other / "saliency-0.2.1.dist-info").mkdir(parents=True)
    metadata = "Metadata-Version: 2.1\nName: saliency\nVersion: 0.2.1\n"
    (other / "saliency-0.2.1.dist-info" / "METADATA").write_text(metadata)
    if hides:
        (other / "saliency").mkdir()
        (other / "saliency" / "__init__.py").write_text("")
    said = refused(tmp_path, other)
    assert "the Python package 'saliency' (of Google PAIR) is installed" in said
    assert "pip uninstall saliency" in said


@pytest.mark.slow
def test_a_module_of_the_same_name_is_named(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "saliency.py").write_text("")
    assert f"'{other}/saliency.py' is another package or module 'saliency', and hides this project's" in refused(
        tmp_path, other
    )


def test_findings_link_to_samples_whatever_the_experiment_is_called(tmp_path):
    """Montages lie in a folder of their own, and once were taken for figures of samples in `results/samples/`."""
    rows = ["id,path", *(f"v{number},v{number}.nii" for number in range(2))]
    (tmp_path / "data").mkdir()
    project = Project(tmp_path)
    project.manifest.write_text("\n".join(rows) + "\n")
    for number in range(2):
        (tmp_path / "data" / f"v{number}.nii").touch()
    project.write_config(
        experiment="samples", input={"mode": "3D", "crop": 8}, models={"tiny": {"factory": "torch.nn:Conv3d"}}, audit={}
    )
    planned = project.run("--dry-run")
    (reason,) = [line for line in planned.splitlines() if line.startswith("Reason") and "findings.md" in line]
    assert "figures/predicted/samples/v0.png" in reason
    assert "montages" not in reason
