"""What the config says of the networks' outputs, and where it contradicts itself or asks for what they do not have."""

from collections.abc import Sequence
from typing import Any

from saliency.experiment.config import Config

_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
# By ``outputs`` of a model: what stands in the manifest's column ``label``.
LABELS = {"logits": "class", "probabilities": "class", "multilabel": "classes", "regression": "numbers"}
# What fits there, and what it is called.
PATTERNS = {
    "class": (r"[0-9]{0,9}", "a class index (0, 1, …) or empty"),
    "classes": (
        r"(\?|[0-9]{1,9}(;[0-9]{1,9})*)?",
        "a list of class indices such as 1;4, empty for none of them, or ? for not known",
    ),
    "numbers": (
        rf"({_NUMBER}(;{_NUMBER})*)?",
        "a number, with ; between those of several values, or empty",
    ),
}
UNKNOWN = "?"
# The target that is one for each class that a label has.
EACH_LABEL = {"each": "label"}


def labels_are(config: Config) -> str:
    """What the column ``label`` holds, by `LABELS`; that of the first model, since all have to agree."""
    return LABELS[next(iter(config["models"].values()))["outputs"]]


def label_classes(label: str) -> tuple[int, ...] | None:
    """Class indices of a label of several classes; None where they are not known.

    Examples
    --------
    >>> label_classes("4;1"), label_classes(""), label_classes("?")
    ((4, 1), (), None)
    """
    return None if label == UNKNOWN else tuple(map(int, label.split(";"))) if label else ()


def label_numbers(label: str) -> tuple[float, ...] | None:
    """Numbers of a label of real values; None where they are not known.

    Examples
    --------
    >>> label_numbers("0.5;-3"), label_numbers("")
    ((0.5, -3.0), None)
    """
    return tuple(map(float, label.split(";"))) if label else None


def target_names(targets: Sequence[Any], labels: Sequence[str], labels_are: str = "class") -> list[str]:
    """Names of targets, as they appear in paths; ``each: label`` is one for each class that a label has.

    Parameters
    ----------
    targets
        Of the config.
    labels
        The manifest's, of all samples.
    labels_are
        As of `labels_are`.

    Examples
    --------
    >>> target_names(["predicted", 281, {"each": "label"}], ["4;1", "", "1"], "classes")
    ['predicted', 'class-281', 'label-1', 'label-4']
    """
    names: list[str] = []
    for target in targets:
        if isinstance(target, int):
            names.append(f"{'value' if labels_are == 'numbers' else 'class'}-{target}")
        elif isinstance(target, str):
            names.append(target)
        else:
            classes = {index for label in set(labels) for index in label_classes(label) or ()}
            names += [f"label-{index}" for index in sorted(classes)]
    return names


def output_problems(config: Config) -> list[str]:
    """List contradictions between what models return and what is asked of them, one line each.

    Parameters
    ----------
    config
        With defaults; sections that are broken may be left out.

    Examples
    --------
    >>> output_problems({"models": {"net": {"outputs": "probabilities", "ignore_lastlayer": True}}})[0]
    'models.net: outputs: probabilities, but ignore_lastlayer takes the scores before them: set outputs: logits'
    """
    models, targets = config.get("models", {}), config.get("targets", [])
    kinds = {name: LABELS[model["outputs"]] for name, model in models.items()}
    problems = [
        f"models.{name}: outputs: probabilities, but ignore_lastlayer takes the scores before them: set outputs: logits"
        for name, model in models.items()
        if model["outputs"] == "probabilities" and model["ignore_lastlayer"]
    ]
    different = {kind: name for name, kind in reversed(kinds.items())}
    if len(different) > 1:
        said = ", ".join(f"models.{name} has {models[name]['outputs']}" for name in sorted(different.values()))
        problems.append(f"models: their outputs need labels of different kinds ({said}): make an experiment of each")
    for name, kind in kinds.items():
        if kind == "class":
            continue
        outputs = f"models.{name} has outputs: {models[name]['outputs']}"
        if models[name].get("train"):
            problems.append(
                f"models.{name}.train: learns one class of each sample, but {outputs}: give weights instead"
            )
        if config.get("region") == "mask":
            problems.append(f"region: mask is for a score per pixel or voxel, but {outputs}, one for each sample")
        if kind == "numbers":
            problems += _of_values(config, outputs)
        elif "label" in targets:
            problems.append(f"targets: label is one class of each sample, but {outputs}: use {{each: label}}")
    if EACH_LABEL in targets and set(kinds.values()) == {"class"}:
        problems.append("targets: each: label is for models with outputs: multilabel: use label")
    return problems


def _of_values(config: Config, outputs: str) -> list[str]:
    """What a model of real values cannot be asked for."""
    problems = []
    named = [target for target in config.get("targets", []) if not isinstance(target, int)]
    if named:
        said = ", ".join(name if isinstance(name, str) else "each: label" for name in named)
        problems.append(f"targets: {said}: is a class, but {outputs}: give indices of values, such as [0]")
    if config.get("audit") is not None:
        problems.append(f"audit: is about classes, but {outputs}: set audit: null")
    sheets = config.get("plots", {}).get("contact_sheets", [])
    if wrong := [sheet for sheet in sheets if sheet in ("misclassified", "least_confident")]:
        problems.append(
            f"plots.contact_sheets: {', '.join(wrong)}: is about classes, but {outputs}: set it to [first, random]"
        )
    return problems
