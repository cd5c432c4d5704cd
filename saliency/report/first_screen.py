"""What the page says first: what was audited, how good each model is, the worst consequence, what is not known."""

from collections.abc import Mapping, Sequence
from itertools import chain, combinations
from typing import Any

import numpy as np
import pandas as pd

from saliency.audit.checks.registered import checks
from saliency.audit.findings.words import counted
from saliency.experiment.plan import Plan
from saliency.experiment.selection import Selection, audited_rows
from saliency.report.comparison import accuracy, calibration, calibration_verdict, compared, correct_together, verdict
from saliency.report.links import model_settings, page_link, where_settings
from saliency.report.paired_transfer import paired_tests, transfer_verdict

# Classes, and classes in groups, in the plot of the lowest recalls.
MOST_CLASSES, MOST_GROUPS = 6, 6
# A paired test needs the same pictures under both models.
UNPAIRED = (
    "Their transfer tests are not compared by a paired test: each model's tests choose pictures by its own "
    "predictions, so that the two need not be tested on the same pairs. The check audit.paired_transfer tests the same "
    "pairs."
)


def learned_rows(plan: Plan, model: str) -> np.ndarray:
    """From which rows of the manifest a model that the run trains has learned, ``(n,)``, bool."""
    settings = plan.config["models"][model].get("train")
    if not settings:
        return np.zeros(len(plan.samples), dtype=bool)
    learned: np.ndarray = plan.samples[settings["split"]].eq("train").to_numpy()
    return learned


def judged_rows(plan: Plan, model: str) -> np.ndarray:
    """Audited rows by which a model is judged: those that it has not learned from, ``(n,)``, bool."""
    return audited_rows(plan.samples, plan.config["audit"]["where"]) & ~learned_rows(plan, model)


def model_card(
    plan: Plan, model: str, predictions: pd.DataFrame, targets: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What the first screen says of a model.

    Parameters
    ----------
    plan, model
        The experiment, and which of its models.
    predictions
        ``predictions.csv``.
    targets
        Of the model, as `saliency.report.overview.target_findings` gives them.

    Returns
    -------
    dict
        ``name``, ``accuracy`` (`saliency.report.comparison.accuracy`, of `judged_rows`), ``learned`` (audited samples
        that the model has learned from, which do not count), ``wrong`` and ``all`` (links), ``worst``, the consequence
        with the highest score, or None, ``consequences`` and ``signs`` (their numbers), and ``looked``.
    """
    judged = judged_rows(plan, model)
    audited = audited_rows(plan.samples, plan.config["audit"]["where"])
    shown = model_settings(plan, model) | where_settings(plan)
    found = [finding for target in targets for finding in target["findings"]]
    consequences = sorted((one for one in found if one["consequence"]), key=lambda one: -one["score"])
    return {
        "name": model,
        "accuracy": accuracy(predictions["correct"], judged),
        "learned": int((audited & ~judged).sum()),
        "wrong": page_link("gallery", None, shown | {"correct": "wrong", "sort": "probability", "order": "down"}),
        "all": page_link("gallery", None, shown),
        "worst": consequences[0] if consequences else None,
        "consequences": len(consequences),
        "signs": len(found) - len(consequences),
        "looked": [sentence for target in targets for sentence in target["looked"]],
    }


def comparisons(
    plan: Plan,
    predictions: Mapping[str, pd.DataFrame],
    names: Mapping[str, Sequence[str]],
    answers: Mapping[str, pd.DataFrame],
) -> list[dict[str, Any]]:
    """Compare each two models, on the samples by which both are judged; all tests of the run are corrected together.

    Parameters
    ----------
    plan
        The experiment.
    predictions
        ``predictions.csv`` by model.
    names
        Of the classes, by model.
    answers
        What `saliency.audit.probes.paired_transfer` wrote, by model; empty without the check.

    Returns
    -------
    list of dict
        ``models`` (two names), ``sentences``, the first of which says which is right more often, ``differ``, the one on
        how often they predict different classes, "" where there is none, ``link``, and ``transfer``: the sentence on
        what turns pictures in one of them alone, and the link to these pictures, or None.
    """
    pairs = list(combinations(plan.models, 2))
    # The probability of the most probable class says nothing of a list of classes.
    one = plan.labels_are == "class"
    rights, probabilities, transfers = [], [], []
    for first, second in pairs:
        rows = judged_rows(plan, first) & judged_rows(plan, second)
        rights.append(compared(predictions[first], predictions[second], rows))
        probabilities.append(calibration(predictions[first], predictions[second], rows) if one else {"p": np.nan})
        usable = set(plan.samples["id"][rows])
        tested = first in answers and second in answers
        transfers.append(paired_tests(answers[first], answers[second], usable) if tested else [])
    correct_together([*rights, *probabilities, *chain.from_iterable(transfers)])
    found = []
    for pair, right, probability, tests in zip(pairs, rights, probabilities, transfers, strict=True):
        # Numbers of other classes cannot be compared.
        same = list(names[pair[0]]) == list(names[pair[1]])
        differ = f"They predict different classes for {counted(right['differ'], 'sample')}." if same else ""
        said = [verdict(pair, right), differ, calibration_verdict(pair, probability)]
        sentence, test = transfer_verdict(pair, tests, names[pair[0]])
        said.append(sentence)
        if plan.config["audit"]["transfer"] is not None and not tests:
            said.append(UNPAIRED)
        found.append(
            {
                "models": list(pair),
                "sentences": [text for text in said if text],
                "differ": differ,
                "transfer": {"sentence": sentence, "link": _turned_link(plan, pair, test)} if test else None,
                "link": page_link("compare", None, model_settings(plan, pair[0]) | {"other": pair[1]}),
            }
        )
    return found


def _turned_link(plan: Plan, pair: tuple[str, str], test: Mapping[str, Any]) -> str:
    """Address of the pictures that turn in one model alone, with the other one beside it."""
    more = int(test["difference"] < 0)
    shown = {"model": pair[more], "other": pair[1 - more], "col.id": test["targets"][more]}
    return page_link("gallery", None, shown)


def recall_rows(plan: Plan, tables: Mapping[str, pd.DataFrame], names: Sequence[str]) -> list[dict[str, Any]]:
    """The lowest recalls: of classes, and of classes in groups of the manifest.

    Parameters
    ----------
    plan
        The experiment.
    tables
        By model: ``performance.csv`` of its first target.
    names
        Of the classes.

    Returns
    -------
    list of dict
        ``name``, ``group`` (whether of a class in a group), ``link``, and ``models``: by name of a model its ``right``,
        ``count``, ``share``, ``low`` and ``high``.
    """
    found: dict[tuple[int, str, str], dict[str, dict[str, Any]]] = {}
    for model, table in tables.items():
        own = table[(table["measure"] == "recall") & (table["source"] != "files") & (table["among"] == "audited")]
        own = own[own["count"] > 0]
        for row in own.to_dict("records"):
            key = (int(row["class"]), row["column"], row["group"])
            found.setdefault(key, {})[model] = {name: row[name] for name in ("right", "count", "share", "low", "high")}
    # Of few samples a share says little: the upper end of its interval is what is sure.
    lowest = sorted(found, key=lambda key: (min(of["high"] for of in found[key].values()), key))
    few = plan.config["audit"]["min_count"]
    classes = [key for key in lowest if not key[1]][:MOST_CLASSES]
    groups = [key for key in lowest if key[1] and max(of["count"] for of in found[key].values()) >= few][:MOST_GROUPS]
    return [
        {
            "name": _class_name(key[0], names) + (f", {key[1]} = {key[2]}" if key[1] else ""),
            "group": bool(key[1]),
            "link": page_link("gallery", None, _settings(plan, key)),
            "models": found[key],
        }
        for key in (*classes, *groups)
    ]


def _settings(plan: Plan, key: tuple[int, str, str]) -> dict[str, str | Sequence[str]]:
    label, column, group = key
    return {
        "label": str(label),
        "correct": "labelled",
        **where_settings(plan),
        **({f"col.{column}": group} if column else {}),
    }


def _class_name(index: int, names: Sequence[str]) -> str:
    name = names[index] if index < len(names) else ""
    return f"{name} ({index})" if name and name != str(index) else f"class {index}"


def not_tested(plan: Plan, told: Sequence[Mapping[str, Any]], labelled: bool) -> list[str]:
    """Say what is not known, in sentences.

    Parameters
    ----------
    plan
        The experiment.
    told
        ``tested`` of ``findings.json`` of each model's first target.
    labelled
        Whether any sample has a label.
    """
    audit, selection = plan.config["audit"], Selection(plan)
    said = []
    left = len(plan.samples) - len(selection.audited)
    if left:
        said.append(f"{counted(left, 'sample')} of the manifest {'is' if left == 1 else 'are'} not audited.")
    if not labelled:
        said.append("No audited sample has a label: how often the model is right is not known.")
    for name, check in checks().items():
        if check.of_several and len(plan.models) < 2:
            continue
        if audit[name] is None:
            said.append(f"It was not tested {check.question}: the config leaves out audit.{name}.")
        else:
            said += dict.fromkeys(text for of in told if of.get(name) and (text := check.missed(of[name])))
    if not selection.audit_columns:
        said.append("The manifest has no column that groups the samples: sites or devices, say, were not compared.")
    if plan.mask_column is None:
        said.append("The manifest has no masks: it was not measured whether the maps lie on the object.")
    said.append("A mark that no test above adds, removes or groups by can decide without being found.")
    return said
