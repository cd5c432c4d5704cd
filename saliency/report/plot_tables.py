"""Tables of the audit and of its checks from which the page draws plots."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from saliency.report.scripts import numbers

# Groups and names may look like numbers, or like missing values.
_TEXTS = (
    *("id", "source", "target", "other", "group", "column", "among", "measure", "name", "label_name", "predicted_name"),
    *("baseline", "ranking", "method", "layer", "degradation", "words", "intervention", "variant", "verb", "note"),
)


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV file of the audit; empty cells are missing numbers, or empty texts."""
    table = pd.read_csv(path, dtype=dict.fromkeys(_TEXTS, str), keep_default_na=False, na_values=[""])
    texts = [name for name in table if table[name].dtype == object or name in _TEXTS]
    return table.fillna(dict.fromkeys(texts, ""))


def tables_of_models(
    tables: Mapping[str, Sequence[str | Path]], models: Sequence[str], targets: Sequence[str]
) -> dict[str, dict[str, dict[str, pd.DataFrame]]]:
    """Read the tables of each model.

    Parameters
    ----------
    tables
        By name: files of all targets of the first model, then of the next; those that do not depend on the target are
        there once for each model.
    models, targets
        Names.

    Returns
    -------
    dict
        By model, name and target. What does not depend on the target stands with the first one.
    """
    found: dict[str, dict[str, dict[str, pd.DataFrame]]] = {model: {} for model in models}
    for name, paths in tables.items():
        each = len(paths) // len(models)
        for number, model in enumerate(models):
            own = paths[number * each : (number + 1) * each]
            found[model][name] = dict(zip(targets, map(read_table, map(Path, own)), strict=False))
    return found


def plot_data(tables: Mapping[str, Mapping[str, pd.DataFrame]]) -> dict[str, dict[str, dict[str, list[Any]]]]:
    """Write tables by columns; of accuracy and recall in groups what plots show.

    Parameters
    ----------
    tables
        By name and target.
    """
    return {
        name: {target: _columns(_shown(name, table)) for target, table in of.items()} for name, of in tables.items()
    }


def _shown(name: str, table: pd.DataFrame) -> pd.DataFrame:
    if name != "performance":
        return table
    wanted = (table["source"] != "files") & (table["among"] == "audited") & (table["measure"] != "precision")
    return table.loc[wanted, ["measure", "column", "group", "class", "right", "count", "share", "low", "high"]]


def _columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """Columns as lists.

    Examples
    --------
    >>> _columns(pd.DataFrame({"group": ["a", ""], "share": [0.5, float("nan")]}))
    {'group': ['a', ''], 'share': [0.5, None]}
    """
    return {
        str(name): numbers(values) if pd.api.types.is_numeric_dtype(values) else [str(value) for value in values]
        for name, values in table.items()
    }
