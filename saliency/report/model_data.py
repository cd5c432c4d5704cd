"""What the page knows about the samples and classes of one model: predictions, measures, clusters and mean maps."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from saliency.audit.grid import energy_shares, pool
from saliency.audit.grid_files import read_grids
from saliency.experiment.config import Config
from saliency.experiment.outputs import UNKNOWN, label_classes
from saliency.experiment.plan import Plan
from saliency.experiment.selection import audited_rows
from saliency.files.atomic_files import write_atomically
from saliency.metrics.table import measure_columns
from saliency.report.nearest import nearest_data
from saliency.report.scripts import codes, data_script, numbers, packed
from saliency.store.maps import open_maps

# Cells along each axis of a mean map, at most: those of classes with thousands of samples are smooth.
MEAN_CELLS = {2: 56, 3: 16}


def predictions_data(table: pd.DataFrame, several: bool = False) -> dict[str, object]:
    """Columns of ``metrics.parquet`` that say what the model made of each sample.

    Parameters
    ----------
    table
        Of one target.
    several
        Whether a sample can be of several classes: labels and predictions are lists of them then.
    """
    if several:
        said = table["predicted_classes"].mask(table["status"] != "ok", UNKNOWN)
        of_classes: dict[str, object] = {"label": _lists(table["label"]), "predicted": _lists(said)}
    else:
        of_classes = {"label": numbers(table["label"]), "predicted": numbers(table["predicted_class"])}
    return {
        **of_classes,
        "probability": numbers(table["probability"]),
        "correct": numbers(table["correct"]),
        "status": codes(table["status"].tolist()),
    }


def _lists(labels: pd.Series) -> list[list[int] | None]:
    found = map(label_classes, labels)
    return [None if of is None else list(of) for of in found]


def measures_data(table: pd.DataFrame, clusters: pd.DataFrame, columns: Sequence[str]) -> dict[str, object]:
    """Explained class, cluster and measures of each sample; measures that no sample has are left out.

    Measures are `packed`: of 100,000 samples, reading lists of all of them takes longer than drawing.

    Parameters
    ----------
    table
        Rows of ``metrics.parquet`` of one target.
    clusters
        ``clusters.csv``.
    columns
        Names of the measures.
    """
    cluster = table["id"].map(clusters.set_index("id")["cluster"]).where(lambda number: number >= 0)
    measures = [name for name in columns if table[name].notna().any()]
    return {
        "class": numbers(table["class"]),
        "cluster": numbers(cluster),
        "measures": {name: packed(table[name].to_numpy(dtype=float, na_value=np.nan)) for name in measures},
    }


def cluster_data(
    table: pd.DataFrame, clusters: pd.DataFrame, grids: np.ndarray, exemplars: int
) -> dict[int, list[dict[str, object]]]:
    """Describe the clusters of each class.

    Parameters
    ----------
    table
        Rows of ``metrics.parquet`` of one target.
    clusters
        ``clusters.csv``.
    grids
        ``(n, *grid)``: their maps of the audited method, pooled.
    exemplars
        How many samples stand for a cluster: those nearest to its mean map.

    Returns
    -------
    dict
        By class: the clusters with ``cluster``, ``count``, ``exemplars`` (rows of the table) and ``map``.
    """
    shares, valid = energy_shares(grids)
    rows = pd.Series(table.index, index=table["id"])
    found: dict[int, list[dict[str, object]]] = {}
    for _, members in clusters[clusters["cluster"] >= 0].groupby(["class", "cluster"]):
        of_cluster = rows[members["id"]].to_numpy()
        used = of_cluster[valid[of_cluster]]
        if not len(used):
            continue
        mean = shares[used].mean(axis=0)
        distance = np.abs(shares[used] - mean).reshape(len(used), -1).sum(axis=1)
        found.setdefault(int(members["class"].iloc[0]), []).append(
            {
                "cluster": int(members["cluster"].iloc[0]),
                "count": len(of_cluster),
                "exemplars": used[distance.argsort(kind="stable")[:exemplars]].tolist(),
                "map": small_map(mean),
            }
        )
    return found


def small_map(values: np.ndarray) -> dict[str, object]:
    """Write a mean map as levels: 0 is 0, 255 its largest value, which ``high`` gives.

    Examples
    --------
    >>> small_map(np.array([[0.0, 0.2], [0.8, 0.0]]))
    {'shape': [2, 2], 'high': 0.8, 'levels': 'AED/AA=='}
    """
    reduced = pool(values, [min(size, MEAN_CELLS[values.ndim]) for size in values.shape])
    high = float(reduced.max()) or 1.0
    levels = np.round(reduced / high * 255).astype(np.uint8)
    return {
        "shape": list(reduced.shape),
        "high": float(f"{high:.4g}"),
        "levels": base64.b64encode(levels.tobytes()).decode(),
    }


def mean_maps_data(root: Path) -> dict[str, object]:
    """Read ``mean_maps.zarr``: by class index a `small_map`."""
    maps = open_maps(root)
    names = [str(name) for name in maps.ids]
    return {
        name: small_map(mean)
        for name, mean in zip(names, np.asarray(maps["mean"]), strict=True)
        if np.isfinite(mean).all()
    }


def write_model_data(
    config: Config,
    model: str,
    metrics: Path,
    grids: Sequence[str | Path],
    audits: Mapping[str, Sequence[str | Path]],
    outputs: Mapping[str, Sequence[str | Path]],
) -> None:
    """Write the data of one model.

    Parameters
    ----------
    config, model
        The completed config, the model's name.
    metrics
        ``metrics.parquet``.
    grids
        NPZ files of all shards (`saliency.audit.grid_files.write_grids`).
    audits
        ``distributions``, ``groups``, ``clusters``, and ``mean_maps``, the ``zarr.json`` of the group: one file of each
        for each target.
    outputs
        Scripts to write: one of ``predictions``, and for each target one of ``measures``, ``nearest`` and ``classes``.
    """
    plan = Plan(config)
    table = pd.read_parquet(metrics)
    by_target = {name: part.reset_index(drop=True) for name, part in table.groupby("target")}
    audited = audited_rows(plan.samples, config["audit"]["where"])
    shards = list(map(Path, grids))
    columns = measure_columns(plan.ndim, plan.methods, plan.audited_method)

    def write(name: str, content: object, output: str | Path) -> None:
        write_atomically(Path(output), data_script(f"{model}/{name}", content))

    write(
        "predictions",
        predictions_data(by_target[plan.targets[0]], plan.labels_are == "classes"),
        outputs["predictions"][0],
    )
    for number, target in enumerate(plan.targets):
        files = {name: Path(paths[number]) for name, paths in audits.items()}
        of_target = by_target[target]
        clusters = pd.read_csv(files["clusters"], converters={"id": str})
        exemplars = config["audit"]["clusters"]["exemplars"]
        maps = np.concatenate(list(read_grids(shards, target)))
        write(f"{target}/measures", measures_data(of_target, clusters, columns), outputs["measures"][number])
        write(f"{target}/nearest", nearest_data(maps), outputs["nearest"][number])
        classes = {
            "audited": np.flatnonzero(audited).tolist() if not audited.all() else None,
            # A Zarr group is the folder of its zarr.json.
            "mean_maps": mean_maps_data(files["mean_maps"].parent),
            "clusters": cluster_data(of_target, clusters, maps, exemplars),
            "measures": _by_class(pd.read_csv(files["distributions"], dtype={"group": str})),
            "groups": _records(pd.read_csv(files["groups"], dtype={"column": str, "group": str})),
        }
        write(f"{target}/classes", classes, outputs["classes"][number])


def _by_class(distributions: pd.DataFrame) -> dict[int, list[dict[str, object]]]:
    wanted = ["measure", "count", "mean", "mean_low", "mean_high", "median"]
    # Accuracy is shown by itself.
    classes = distributions[(distributions["column"] == "class") & (distributions["measure"] != "correct")]
    return {int(str(name)): _records(part[wanted]) for name, part in classes.groupby("group")}


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    rounded = table.copy()
    for name in rounded.select_dtypes("number"):
        rounded[name] = pd.Series(numbers(rounded[name]), index=rounded.index, dtype=object)
    return [{str(name): value for name, value in row.items()} for row in rounded.to_dict("records")]
