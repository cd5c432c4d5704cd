"""What the column ``label`` of a manifest means: class indices, or the names of classes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from saliency.experiment.config import Config, read_class_names
from saliency.experiment.outputs import PATTERNS, UNKNOWN

SEPARATOR = ";"
# As pandas and Excel write indices of a column that also has empty cells.
_WHOLE = re.compile(r"([0-9]{1,9})\.0*")
# Of a sample without a label; what follows knows it by its empty label.
_NONE = re.compile(r"-1(\.0*)?")
# What other programs write for a value that is not there.
_ABSENT = frozenset({"nan", "na", "n/a", "#n/a", "null", "none", "<na>", "nat", "-", "?"})


@dataclass(frozen=True)
class Labels:
    """Labels as all that follows reads them.

    Attributes
    ----------
    values
        One for each sample: class indices as text, "" where there is none.
    names
        If the manifest has names instead of indices, those of the classes, in the order of their indices.
    in_alphabetical_order
        Whether `names` come from the labels themselves, since no ``class_names`` give their order.
    problems
        Rows of the table, each with what is wrong with its label.
    """

    values: list[str]
    names: list[str] = field(default_factory=list)
    in_alphabetical_order: bool = False
    problems: list[tuple[int, str]] = field(default_factory=list)


def plain_labels(labels: Iterable[str], labels_are: str) -> bool:
    """Whether labels have the form in which all that follows reads them.

    Examples
    --------
    >>> plain_labels(["0", ""], "class"), plain_labels(["0.0"], "class"), plain_labels(["cat"], "class")
    (True, False, False)
    """
    return all(re.fullmatch(PATTERNS[labels_are][0], label) for label in set(labels))


def settle_labels(labels: Sequence[str], labels_are: str, class_names: Mapping[str, Sequence[str]]) -> Labels:
    """Turn labels as people write them into class indices.

    Names become the positions of the classes in `class_names`. Without these, classes are numbered in the order of
    their names, as torchvision's ``ImageFolder`` numbers its folders; ``1.0`` becomes 1, and -1 becomes empty. What has
    the usual form stays as it is.

    Parameters
    ----------
    labels
        As in the manifest.
    labels_are
        A key of `saliency.experiment.outputs.PATTERNS`.
    class_names
        By model; of those that have some.

    Examples
    --------
    >>> found = settle_labels(["dog", "cat", ""], "class", {})
    >>> found.values, found.names
    (['1', '0', ''], ['cat', 'dog'])
    >>> settle_labels(["1.0", "-1"], "class", {}).values
    ['1', '']
    >>> settle_labels(["dog", "cow"], "class", {"net": ["dog", "cat"]}).problems
    [(1, "'cow' is not one of the class_names of models.net")]
    """
    different, said = set(labels), PATTERNS[labels_are][1]
    if labels_are == "numbers":
        wrong = [(row, label) for row, label in enumerate(labels) if not plain_labels([label], labels_are)]
        return Labels(list(labels), problems=[(row, f"{label!r} is not {said}") for row, label in wrong])
    parts_of = {label: _parts(label, labels_are) for label in different}
    named = {part for parts in parts_of.values() for part in parts if not _is_number(part)}
    names = list(next(iter(class_names.values()), []))
    numbered = any(_is_number(part) for parts in parts_of.values() for part in parts)
    alphabetical = not names and bool(named) and not numbered and not any(part.lower() in _ABSENT for part in named)
    if alphabetical:
        names = sorted(named)
    position = {name: index for index, name in reversed(list(enumerate(names)))}

    def settled(label: str) -> tuple[str, str]:
        indices = []
        for part in parts_of[label]:
            if _is_index(part) and position.get(part, int(part)) != int(part):
                return label, f"{part!r} is a class index, but class_names has that name at {position[part]}: rename it"
            if not _is_index(part) and part not in position:
                return label, _unknown(part, label, said, class_names, numbered)
            indices.append(part if _is_index(part) else str(position[part]))
        return SEPARATOR.join(indices) or (label if label == UNKNOWN and labels_are == "classes" else ""), ""

    found = {label: settled(label) for label in different}
    problems = [(row, found[label][1]) for row, label in enumerate(labels) if found[label][1]]
    return Labels([found[label][0] for label in labels], names if named else [], alphabetical, problems)


def _parts(label: str, labels_are: str) -> list[str]:
    """The classes of a label, with those written as ``1.0`` as indices."""
    if labels_are == "class":
        parts = ["" if _NONE.fullmatch(label.strip()) else label.strip()]
    else:
        parts = [] if label == UNKNOWN else [part.strip() for part in label.split(SEPARATOR)]
    whole = [(part, _WHOLE.fullmatch(part)) for part in parts]
    # Of an empty label there is no part, but an empty part among others is a mistake.
    return [] if parts == [""] else [found[1] if found else part for part, found in whole]


def _is_index(text: str) -> bool:
    return re.fullmatch("[0-9]{1,9}", text) is not None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.lower() not in _ABSENT


def _unknown(part: str, label: str, said: str, class_names: Mapping[str, Sequence[str]], numbered: bool) -> str:
    if class_names and not _is_number(part):
        models = ", ".join(f"models.{name}" for name in class_names)
        return f"{part!r} is not one of the class_names of {models}"
    if not part or _is_number(part):
        return f"{label!r} is not {said}"
    if part.lower() in _ABSENT:
        return f"{label!r} is not {said}: leave it empty, or name it in class_names if it is a class"
    mixed = "other rows have indices: use one of the two" if numbered else "a name, but other rows have no class name"
    return f"{label!r} is not {said}; {mixed}"


def class_names_of(config: Config, root: Path = Path()) -> dict[str, list[str]]:
    """Names of the classes by model, of those whose config has some."""
    models = config.get("models", {}).items()
    return {name: read_class_names(model["class_names"], root) for name, model in models if model["class_names"]}


def with_class_names(config: Config, names: Sequence[str]) -> Config:
    """Give the names of classes to the models that have none.

    Examples
    --------
    >>> with_class_names({"models": {"net": {"class_names": None}}}, ["cat", "dog"])
    {'models': {'net': {'class_names': ['cat', 'dog']}}}
    """
    if not names:
        return config
    models = {
        name: model if model["class_names"] else model | {"class_names": list(names)}
        for name, model in config["models"].items()
    }
    return config | {"models": models}


def order_problems(class_names: Mapping[str, Sequence[str]], settled: Labels) -> list[str]:
    """Say that names would be different classes for different models.

    Examples
    --------
    >>> order_problems({"a": ["cat", "dog"], "b": ["dog", "cat"]}, Labels(["0"], ["cat", "dog"]))
    ['models.a and models.b have different class_names, but the labels are names: use class indices as labels']
    """
    orders = {tuple(names): model for model, names in reversed(list(class_names.items()))}
    if not settled.names or len(orders) < 2:
        return []
    models = " and ".join(f"models.{name}" for name in sorted(orders.values()))
    return [f"{models} have different class_names, but the labels are names: use class indices as labels"]


def classes_problem(model: str, names: Sequence[str], classes: int) -> str | None:
    """Say that a network has another number of classes than labels that are names; None where it has not.

    Examples
    --------
    >>> classes_problem("net", ["cat", "dog"], 2)
    """
    if not names or len(names) == classes:
        return None
    return (
        f"models.{model}: the network has {classes} classes, but the labels of the manifest are names, of which "
        f"{len(names)} are known: list all {classes} in models.{model}.class_names, in the order of the network's "
        "outputs"
    )
