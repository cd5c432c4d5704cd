"""A whole audit: from a table, maps and pictures to what findings are told from."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from saliency.audit.clusters import ClusterSettings, cluster_maps
from saliency.audit.evidence import MAP_TEST_COLUMNS, Evidence
from saliency.audit.grid import energy_shares
from saliency.audit.grid_files import DiskArray
from saliency.audit.groups import compare_groups, describe_groups, grouping_columns
from saliency.audit.mean_maps import mean_map_test
from saliency.audit.shortcuts import ShortcutSettings, find_shortcuts
from saliency.experiment.keys.audit_settings import STATISTICS_KEYS
from saliency.registry.key import default_of


@dataclass(frozen=True)
class AuditSettings:
    """Thresholds and sizes of an audit.

    Attributes
    ----------
    shortcuts, clusters
        Of each part.
    min_count
        Smaller groups are not tested.
    resamples, permutations
        Of the bootstrap and of the test of mean maps.
    seed
        Of both.
    """

    shortcuts: ShortcutSettings = field(default_factory=ShortcutSettings)
    clusters: ClusterSettings = field(default_factory=ClusterSettings)
    min_count: int = default_of(STATISTICS_KEYS, "min_count")
    resamples: int = default_of(STATISTICS_KEYS, "resamples")
    permutations: int = default_of(STATISTICS_KEYS, "permutations")
    seed: int = default_of(STATISTICS_KEYS, "seed")


@dataclass(frozen=True)
class Audit:
    """Results of `audit`.

    Attributes
    ----------
    evidence
        What findings are told from.
    clusters
        ``(n,)``: number of each sample's cluster in its class, -1 for those in none.
    distributions
        ``column``, then measures by group as of `groups.describe_groups`: of ``all`` samples, by ``class``, by whether
        they are ``correct``, by ``cluster`` (``class/number``), and by each of the manifest's columns.
    """

    evidence: Evidence
    clusters: np.ndarray
    distributions: pd.DataFrame


def audit(
    samples: pd.DataFrame,
    maps: np.ndarray,
    inputs: np.ndarray | DiskArray,
    measures: Sequence[str],
    columns: Sequence[str],
    settings: AuditSettings = AuditSettings(),
) -> Audit:
    """Audit the maps of one target.

    Parameters
    ----------
    samples
        One row per sample: ``id``, ``class`` (the explained class, NaN where there is none), ``name`` (of the class),
        ``correct``, ``zero_map``, the columns `measures` and `columns`.
    maps
        ``(n, *grid)``: the audited method's maps, pooled to a small grid (`grid.pool`); NaN where a sample failed.
    inputs
        ``(n, c, *fine)``: the pictures, pooled to a multiple of the grid (`grid.pool`).
    measures
        Columns with numbers that are described and compared.
    columns
        Columns of the manifest by which samples are grouped.
    settings
        See `AuditSettings`.
    """
    samples = samples.reset_index(drop=True)
    shares, valid = energy_shares(maps)
    valid &= samples["class"].notna().to_numpy()
    classes = samples["class"].fillna(-1).to_numpy(dtype=int)
    groups, skipped = grouping_columns(samples, columns, settings.min_count)
    present = [name for name in measures if samples[name].notna().any()]
    tests = compare_groups(samples, groups, present, strata=samples["class"])
    map_tests = _map_tests(shares, valid, classes, groups, settings)
    places = find_shortcuts(shares, valid, classes, inputs, settings.shortcuts)
    names = np.unique(classes[valid])
    clusters = {
        int(name): cluster_maps(shares[classes == name], valid[classes == name], settings.clusters) for name in names
    }
    numbers = np.full(len(samples), -1)
    for name, found in clusters.items():
        numbers[classes == name] = found.labels
    split = np.isin(classes, [name for name, found in clusters.items() if found.count > 1]) & (numbers >= 0)
    clustered = pd.Series([f"{name}/{number}" for name, number in zip(classes, numbers, strict=True)]).where(split)
    distributions = _distributions(samples, {"cluster": clustered, **groups}, present, settings)
    summary = distributions[distributions["column"] == "class"].drop(columns="column")
    distributions["group"] = distributions["group"].map(str)
    tested = {
        "samples": len(samples),
        "maps": int(valid.sum()),
        "classes": len(names),
        "classes_with_a_place": len(places),
        "largest_contrast": max((place.contrast for place in places), default=None),
        "classes_clustered": sum(found.count > 0 for found in clusters.values()),
        "clusters": sum(found.count for found in clusters.values() if found.count > 1),
        "columns": len(groups),
        "columns_skipped": skipped,
        "measures": len(present),
        "tests_of_groups": int(tests["p"].notna().sum()),
    }
    evidence = Evidence(
        samples, groups, places, clusters, tests, map_tests, summary, tested=tested, settings=asdict(settings)
    )
    return Audit(evidence, numbers, distributions)


def _distributions(
    samples: pd.DataFrame, groups: dict[str, pd.Series], measures: Sequence[str], settings: AuditSettings
) -> pd.DataFrame:
    judged = samples["correct"].map({True: "yes", False: "no"})
    every = pd.Series("all", index=samples.index)
    tables = []
    explained = samples["class"].astype("Int64").astype(object)
    for column, members in {"all": every, "class": explained, "correct": judged, **groups}.items():
        # Accuracy is the mean of ``correct``.
        described = ["correct", *measures] if column != "correct" else measures
        table = describe_groups(samples, members, described, resamples=settings.resamples, seed=settings.seed)
        table.insert(0, "column", column)
        tables.append(table)
    return pd.concat([table for table in tables if len(table)], ignore_index=True)


def _map_tests(
    shares: np.ndarray, valid: np.ndarray, classes: np.ndarray, groups: dict[str, pd.Series], settings: AuditSettings
) -> pd.DataFrame:
    rows = []
    for column, members in groups.items():
        known = valid & members.notna().to_numpy()
        names = sorted(members[known].unique())
        # Of two groups, the second would be the same test.
        for group in names[: 1 if len(names) == 2 else None]:
            member = (members == group).to_numpy()[known]
            distance, p = mean_map_test(shares[known], member, classes[known], settings.permutations, settings.seed)
            rows.append({"column": column, "group": group, "distance": distance, "p": p})
    return pd.DataFrame(rows, columns=list(MAP_TEST_COLUMNS))
