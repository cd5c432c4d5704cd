"""The smoke run of the benchmarks knows all of them."""

import ast

from tests.benchmarks.smoke import COMMANDS, MISSING
from tests.helpers.workflow_project import ROOT

MODULES = sorted((ROOT / "tests" / "benchmarks").glob("*.py"))


def is_command(source):
    """Whether a module does something where it is run."""
    nodes = ast.parse(source).body
    return any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in nodes) or "argparse" in source


def test_every_benchmark_is_in_the_smoke_run():
    commands = {path.stem for path in MODULES if is_command(path.read_text())}
    assert commands - {"smoke"} == set(COMMANDS)
    assert set(MISSING) <= set(COMMANDS)
