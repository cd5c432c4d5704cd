"""How a report was made: what a reader needs to make it again, or to judge it."""

from collections.abc import Mapping
from typing import Any

import yaml

from saliency.experiment.config import input_config
from saliency.experiment.plan import Plan


def making(plan: Plan, cited: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names of what was used, and what it was.

    Parameters
    ----------
    plan
        The experiment.
    cited
        Of `saliency.report.citation.citation`.
    """
    said = [("Software", cited["software"]), ("SHA-256 of the results", cited["digest"])]
    for model in plan.models:
        settings = plan.config["models"][model]
        weights = settings["weights"] or "those of the factory"
        if settings.get("train"):
            weights = f"learned in this run, starting from {settings['train']['pretrained'] or 'those of the factory'}"
        about = f"{settings['factory']}{_flow(settings['kwargs'])}, weights: {weights}"
        said.append((f"Network {model}", about))
        said.append((f"Samples as {model} sees them", _flow(input_config(plan.config, model))))
    said.append(("Explained classes", ", ".join(plan.targets)))
    said.append(("Seed of the audit", str(plan.config["audit"]["seed"])))
    return said


def _flow(settings: Mapping[str, Any]) -> str:
    """Settings on one line, without those that are null.

    Examples
    --------
    >>> _flow({"crop": 128, "mean": [0.5], "window": None}), _flow({})
    ('{crop: 128, mean: [0.5]}', '')
    """
    given = {name: value for name, value in settings.items() if value is not None}
    return yaml.safe_dump(given, default_flow_style=True, sort_keys=False, width=10**6).strip() if given else ""
