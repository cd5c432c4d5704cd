"""Tables and provenance of a finished run."""

import platform
import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd

from saliency.config import Config, read_class_names
from saliency.inputs import Status
from saliency.paths import file_sha256
from saliency.plan import Plan
from saliency.shards import read_shard, write_atomically
from saliency.store import plan_specs, read_descriptions

OUTPUT_NOT_FINITE = "the output is not finite"
LABEL_OUTSIDE = "the label is outside the model's classes"
# What a spreadsheet may take for a formula: https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = re.compile(r"[=+\-@\t\n＝＋－＠]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
PACKAGES = ("nip-saliency", "torch", "numpy", "zarr", "numcodecs", "pillow", "pandas", "snakemake")


def spreadsheet_safe(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula; numbers stay numbers.

    Carriage returns become line feeds: not every CSV writer puts quotes around them, and what follows one would begin a
    new cell.

    Examples
    --------
    >>> [spreadsheet_safe(text) for text in ("=1+1", "-3.5", "@home", "a=b")]
    ["'=1+1", '-3.5', "'@home", 'a=b']
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Encode a table as CSV that is safe to open in a spreadsheet: cells and column names are `spreadsheet_safe`."""
    safe = table.rename(columns=spreadsheet_safe)
    for name in safe:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            safe[name] = safe[name].map(spreadsheet_safe)
    return safe.to_csv(index=False, float_format="%.6f").encode()


def probabilities(scores: np.ndarray, outputs: str) -> np.ndarray:
    """Turn scores into probabilities.

    Parameters
    ----------
    scores
        ``(n, classes)``.
    outputs
        "logits" (softmax; the logistic function where there is one class), "probabilities" (as they are), or "sums"
        over the regions of a dense model, which have no probability.

    Returns
    -------
    ndarray
        ``(n, classes)``, NaN where the scores are, and everywhere for "sums".

    Examples
    --------
    >>> probabilities(np.array([[0.0, np.log(3)]]), "logits").round(2)
    array([[0.25, 0.75]])
    >>> probabilities(np.array([[0.0]]), "logits")
    array([[0.5]])
    """
    if outputs == "sums":
        return np.full(scores.shape, np.nan)
    if outputs == "probabilities":
        return scores
    scores = scores.astype(np.float64)
    # Failed samples are NaN and stay so; NumPy would warn of them.
    with np.errstate(invalid="ignore"):
        if scores.shape[1] == 1:
            return np.exp(-np.logaddexp(0, -scores))
        shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)


def predictions_table(
    samples: pd.DataFrame,
    labels: np.ndarray,
    status: np.ndarray,
    logits: np.ndarray,
    class_names: Sequence[str] = (),
    outputs: str = "logits",
    label_explained: bool = False,
) -> pd.DataFrame:
    """One row per sample: what the network said, and what the manifest knows.

    Parameters
    ----------
    samples
        The manifest.
    labels, status
        ``(n,)``; a label of -1 is none.
    logits
        ``(n, classes)``, NaN for failed samples.
    class_names
        May be empty.
    outputs
        As in `probabilities`.
    label_explained
        Whether the class that ``label`` names is explained, and so has to be one of the model's.

    Returns
    -------
    DataFrame
        ``id, label, predicted_class, predicted_name, probability, correct, status``, then the manifest's other columns.
        With a single score per sample the predicted class is 1 from a probability of 0.5, else 0. ``probability`` is
        that of the predicted class.
    """
    shares = probabilities(logits, outputs)
    valid = np.isfinite(logits).all(axis=1)
    if logits.shape[1] == 1:
        predicted = (shares[:, 0] >= 0.5).astype(int)
        probability = np.where(predicted == 1, shares[:, 0], 1 - shares[:, 0])
    else:
        predicted = np.where(valid[:, np.newaxis], logits, -np.inf).argmax(axis=1)
        probability = shares[np.arange(len(shares)), predicted]
    known = labels >= 0
    outside = label_explained & valid & (labels >= logits.shape[1])
    reasons = [
        Status(value).reason or ("" if good else OUTPUT_NOT_FINITE) for value, good in zip(status, valid, strict=True)
    ]
    table = pd.DataFrame(
        {
            "id": samples["id"].to_numpy(),
            "label": pd.array(np.where(known, labels, 0), dtype="Int64"),
            "predicted_class": pd.array(predicted, dtype="Int64"),
            "predicted_name": [class_names[index] if index < len(class_names) else "" for index in predicted],
            "probability": probability,
            "correct": pd.array(predicted == labels, dtype="boolean"),
            "status": [reason or "ok" for reason in reasons],
        }
    )
    table.loc[~known, ["label", "correct"]] = pd.NA
    table.loc[~valid, ["predicted_class", "probability", "correct"]] = pd.NA
    table.loc[outside, "status"] = LABEL_OUTSIDE
    table.loc[outside, "correct"] = pd.NA
    table.loc[~valid, "predicted_name"] = ""
    further = samples.drop(columns=["id", "label"], errors="ignore").reset_index(drop=True)
    return pd.concat([table, further], axis=1)


def write_predictions(config: Config, model: str, store: Path, description: Path, output: Path) -> None:
    """Write ``predictions.csv`` of a model from its ``status`` and ``logits`` shards."""
    plan = Plan(config)
    specs = plan_specs(plan, model, [description])
    parts = {"status": [], "logits": []}
    for shard in plan.shards:
        for name, values in parts.items():
            values.append(read_shard(store / plan.shard_key(name, shard), len(plan.rows(shard)), specs[name]))
    settings = config["models"][model]
    table = predictions_table(
        plan.samples,
        plan.labels(plan.samples),
        np.concatenate(parts["status"]),
        np.concatenate(parts["logits"]),
        read_class_names(settings["class_names"]),
        "sums" if read_descriptions([description])["dense"] else settings["outputs"],
        "label" in plan.targets,
    )
    write_atomically(output, csv_bytes(table))


def shard_digests(plan: Plan) -> dict[str, dict[str, str]]:
    """Digest of each shard, by model and by the shard's path in the store."""
    steps = {
        "inputs": "prepare",
        "status": "prepare",
        "affine": "prepare",
        "region": "prepare",
        "logits": "predict",
        "class": "target_class",
    }
    digests: dict[str, dict[str, str]] = {model: {} for model in plan.models}
    for model, found in digests.items():
        for array in plan.arrays:
            target, _, name = array.rpartition("/")
            for shard in plan.shards:
                step = steps.get(name, name)
                found[plan.shard_key(array, shard)] = plan.digest(step, model, shard, target or None)
    return digests


def provenance(config: Config, descriptions: Sequence[str | Path]) -> dict[str, object]:
    """Everything that the results follow from.

    Parameters
    ----------
    config
        The completed config.
    descriptions
        JSON descriptions, each in a folder that has the model's name.

    Returns
    -------
    dict
        ``config``, ``models`` (weights' SHA-256, target layer, …), ``digests`` of each shard, ``manifest_sha256``,
        ``versions`` and ``platform``.
    """
    plan = Plan(config)
    paths = [Path(path) for path in descriptions]
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "config": config,
        "manifest_sha256": file_sha256(plan.manifest),
        "models": {
            model: read_descriptions(path for path in paths if path.parent.name == model) for model in plan.models
        },
        "digests": shard_digests(plan),
        "versions": versions,
        "platform": platform.platform(),
    }
