"""A copy of this repository's code to which a test adds a file, as somebody who extends it would."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.helpers.workflow_project import ROOT, Project


class PackageCopy:
    """Copy of the package and the workflow in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("saliency", "workflow"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "Snakefile", folder / "Snakefile")

    def add(self, path: str, content: str) -> None:
        """Add one file."""
        (self.folder / path).write_text(content)

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PYTHONWARN"))}
        return kept | {"PYTHONPATH": str(self.folder)}

    def python(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run Python with this copy on its path; return what it printed: first its output, then its messages."""
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=cwd or self.folder, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout + done.stderr

    def run(self, project: Project, *arguments: str) -> str:
        """Run this copy's workflow on a project."""
        snakefile = str(self.folder / "Snakefile")
        snakemake = ["-m", "snakemake", "--snakefile", snakefile, "--configfile", "config.yaml", "--cores", "2"]
        return self.python(*snakemake, *arguments, cwd=project.folder)
