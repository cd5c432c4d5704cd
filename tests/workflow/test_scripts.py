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
    rules = (ROOT / "workflow" / "rules" / "common.smk").read_text()
    imports = "; ".join(line for line in rules.splitlines() if line.startswith("from saliency"))
    heavy = ("torch", "PIL", "zarr", "matplotlib", "scipy", "sklearn", "nibabel")
    code = f"import sys; {imports}; sys.exit(', '.join(name for name in {heavy} if name in sys.modules) or None)"
    subprocess.run(["python", "-c", code], check=True, cwd=ROOT)


def test_another_package_of_the_same_name_is_named(tmp_path):
    other = tmp_path / "other" / "saliency-0.2.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: saliency\nVersion: 0.2.1\n")
    project = Project.create(tmp_path / "project")
    environment = project.environment() | {"PYTHONPATH": str(other.parent)}
    command = project.command("--dry-run")
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert "the Python package 'saliency' (of Google PAIR) is installed" in said
    assert "pip uninstall saliency" in said


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
