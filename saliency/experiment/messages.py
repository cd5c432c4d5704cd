"""Messages about samples, one line each."""

from saliency.experiment.config import file_columns
from saliency.experiment.plan import Plan
from saliency.files.paths import REMOTE, SCHEME


def name_problem(plan: Plan, model: str, row: int, problem: str) -> str:
    """Say which sample and which files a problem is about, in one line."""
    names = [plan.columns[column][row] for column in file_columns(plan.config, model)]
    files = (name if name.startswith((SCHEME, *REMOTE)) else str(plan.path(name)) for name in names)
    return f"sample '{plan.columns['id'][row]}': {', '.join(files)}: {problem}"


def label_problem(plan: Plan, label: int, classes: int, line: int) -> str:
    """Say that the model has no class of a label, and on which line of the manifest the label stands."""
    return (
        f"label {label} is outside the model's classes 0 … {classes - 1}: correct it in line {line} of "
        f"{plan.manifest}, or leave it empty"
    )
