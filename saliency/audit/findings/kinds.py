"""What an audit found: ranked sentences with their numbers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from saliency.audit.clusters import Clusters, over_represented
from saliency.audit.grid import place_name
from saliency.audit.groups import holm
from saliency.audit.shortcuts import Place


@dataclass(frozen=True)
class FindingSettings:
    """From which numbers on something is a finding.

    Attributes
    ----------
    alpha
        Level of the tests, after correction.
    min_effect
        Cliff's delta of a group; 0.33 is called medium (Romano et al., "Appropriate statistics for ordinal level data",
        2006).
    min_distance
        Total variation between a group's mean map and that of the rest.
    min_difference
        Between two accuracies, or two shares of a group.
    min_isolation
        Mean silhouette of a cluster that nothing else sets apart; 0.5 is called a reasonable structure (Kaufman &
        Rousseeuw, "Finding Groups in Data", 1990).
    max_zero
        Share of maps that are zero everywhere.
    most
        Number of findings that are reported.
    exemplars
        Number of samples that stand for a finding.
    """

    alpha: float = 0.05
    min_effect: float = 0.33
    min_distance: float = 0.1
    min_difference: float = 0.2
    min_isolation: float = 0.5
    max_zero: float = 0.05
    most: int = 20
    exemplars: int = 5


@dataclass(frozen=True)
class Finding:
    """One sentence, and what it rests on.

    Attributes
    ----------
    kind
        ``shortcut``, ``cluster``, ``group``, ``outside_mask``, ``zero_maps`` or ``accuracy``.
    score
        By which findings are ranked, 0 … 1: contrast times share of the class (shortcut), isolation times share
        (cluster), size of the effect (group), the share by which the energy in the mask falls short of the mask's area
        (outside_mask), share of the maps (zero_maps), difference of the accuracies (accuracy).
    template
        The sentence, with a place in braces for each of `names`.
    names
        Texts that come from the user's files.
    numbers
        What the sentence says, for programs; None where there is no such number.
    samples
        Ids that show it.
    """

    kind: str
    score: float
    template: str
    names: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, object] = field(default_factory=dict)
    samples: Sequence[str] = ()

    @property
    def sentence(self) -> str:
        """The sentence as plain text."""
        return self.template.format(**self.names)

    @property
    def markdown(self) -> str:
        """The sentence with what comes from files escaped."""
        return self.template.format(**{key: escape_markdown(name) for key, name in self.names.items()})


def escape_markdown(text: str) -> str:
    r"""Make text from a file stand for itself in Markdown: no emphasis, links, HTML or line breaks.

    Examples
    --------
    >>> print(escape_markdown("<b>site_1</b> [x](y)"))
    \<b\>site\_1\<\/b\> \[x\]\(y\)
    """
    return re.sub(r"([!-+./:-@\[-`{-~])", r"\\\1", re.sub(r"\s+", " ", text))


def shortcut_findings(
    places: Sequence[Place], samples: pd.DataFrame, groups: Mapping[str, pd.Series], settings: FindingSettings
) -> list[Finding]:
    """Findings for the places that `shortcuts.find_shortcuts` found.

    Parameters
    ----------
    places
        Of all classes.
    samples
        The rows that the places' positions count: ``id``, ``class``, ``name`` (of the class, may be ""), ``correct``.
    groups
        By column of the manifest, each row's group.
    """
    found = [place for place in places if place.found]
    of_class = {place.class_index: _rows(samples, place.class_index) for place in found}
    metadata = _metadata([(of_class[place.class_index], place.members) for place in found], groups, settings)
    findings = []
    for place, (note, names) in zip(found, metadata, strict=True):
        others = np.setdiff1d(of_class[place.class_index], place.members)
        accuracy, accuracy_others = _accuracy(samples, place.members), _accuracy(samples, others)
        rest = f", of the other {len(others)} of the class {_percent(accuracy_others)}" if len(others) else ""
        findings.append(
            Finding(
                "shortcut",
                min(1.0, place.share * place.contrast),
                f"{_class(place.class_index)}: {_percent(place.share)} of {place.samples} samples have on average "
                f"{_percent(place.energy)} of their energy at the {place.name} ({_percent(place.area)} of the area), "
                f"of another class at most {_percent(place.share_elsewhere)}. What these pictures show there sets "
                f"them apart from other classes (contrast {place.contrast:.2f}). Accuracy of these samples "
                f"{_percent(accuracy)}{rest}.{note}",
                {"class": _name(samples, place.class_index), **names},
                {
                    "class": place.class_index,
                    "samples": place.samples,
                    "members": len(place.members),
                    "share": place.share,
                    "share_elsewhere": place.share_elsewhere,
                    "place": place.name,
                    "begin": list(place.begin),
                    "end": list(place.end),
                    "area": place.area,
                    "energy": place.energy,
                    "contrast": place.contrast,
                    "accuracy": accuracy,
                    "accuracy_others": accuracy_others,
                },
                _ids(samples, place.members[: settings.exemplars]),
            )
        )
    return findings


def cluster_findings(
    clusters: Mapping[int, Clusters],
    shares: np.ndarray,
    samples: pd.DataFrame,
    groups: Mapping[str, pd.Series],
    settings: FindingSettings,
) -> list[Finding]:
    """Findings for clusters that are isolated, or whose metadata or accuracy differ from the rest of their class.

    Parameters
    ----------
    clusters
        By class, of the rows of that class, in order.
    shares
        ``(n, *grid)``: the maps, as they were clustered.
    samples, groups
        As for `shortcut_findings`.
    """
    entries = []
    for class_index, found in clusters.items():
        rows = _rows(samples, class_index)
        if found.count > 1:
            entries += [(class_index, found, rows, label, rows[found.labels == label]) for label in range(found.count)]
    metadata = _metadata([(rows, members) for _, _, rows, _, members in entries], groups, settings)
    p_accuracy = holm(np.array([_accuracy_test(samples, members, rows) for _, _, rows, _, members in entries]))
    findings = []
    for (class_index, found, rows, label, members), (note, names), p in zip(entries, metadata, p_accuracy, strict=True):
        others = np.setdiff1d(rows, members)
        accuracy, accuracy_others = _accuracy(samples, members), _accuracy(samples, others)
        differs = p < settings.alpha and abs(accuracy - accuracy_others) >= settings.min_difference
        isolation = float(found.isolation[label])
        if not (isolation >= settings.min_isolation or note or differs):
            continue
        excess = shares[members].mean(axis=0) - shares[others].mean(axis=0)
        cell = np.unravel_index(excess.argmax(), excess.shape)
        place = place_name((np.array(cell) + 0.5) / excess.shape)
        share = len(members) / len(rows)
        findings.append(
            Finding(
                "cluster",
                share * max(isolation, 0.0),
                f"{_class(class_index)}: {_percent(share)} of {len(rows)} samples form a cluster (silhouette "
                f"{isolation:.2f}) with more energy than the others at the {place}. Accuracy there "
                f"{_percent(accuracy)}, elsewhere in the class {_percent(accuracy_others)}.{note}",
                {"class": _name(samples, class_index), **names},
                {
                    "class": class_index,
                    "samples": len(rows),
                    "members": len(members),
                    "share": share,
                    "isolation": isolation,
                    "clusters": found.count,
                    "place": place,
                    "accuracy": accuracy,
                    "accuracy_others": accuracy_others,
                    "p_accuracy": float(p),
                },
                _ids(samples, rows[found.exemplars[label]]),
            )
        )
    return findings


def group_findings(tests: pd.DataFrame, maps: pd.DataFrame, settings: FindingSettings) -> list[Finding]:
    """One finding for each group in which a measure, or the mean map, differs from the rest.

    Parameters
    ----------
    tests
        As `groups.compare_groups` gives them.
    maps
        ``column, group, distance, p``: `mean_maps.mean_map_test` of each group; p is corrected here.
    settings
        See `FindingSettings`.
    """
    strong = tests[(tests["p_adjusted"] < settings.alpha) & (tests["effect"].abs() >= settings.min_effect)]
    maps = maps.assign(p_adjusted=holm(maps["p"].to_numpy(dtype=float)))
    moved = maps[(maps["p_adjusted"] < settings.alpha) & (maps["distance"] >= settings.min_distance)]
    findings = []
    for column, group in dict.fromkeys(
        [(row["column"], row["group"]) for table in (strong, moved) for _, row in table.iterrows()]
    ):
        rows = strong[(strong["column"] == column) & (strong["group"] == group)]
        rows = rows.loc[rows["effect"].abs().sort_values(ascending=False, kind="stable").index]
        sentences = [
            f"{row['measure']} is on average {row['mean']:.3g} in {row['count']} samples and {row['mean_rest']:.3g} in "
            f"the other {row['rest']} (Cliff's delta {row['effect']:.2f}, corrected p {row['p_adjusted']:.1g})."
            for _, row in rows.head(1).iterrows()
        ]
        if len(rows) > 1:
            sentences.append(f"Further measures that differ: {', '.join(rows['measure'][1:])}.")
        own = moved[(moved["column"] == column) & (moved["group"] == group)]
        sentences += [
            f"The mean map has {_percent(row['distance'])} of its energy at other places than that of the others "
            f"(corrected p {row['p_adjusted']:.1g})."
            for _, row in own.iterrows()
        ]
        findings.append(
            Finding(
                "group",
                float(max([*rows["effect"].abs(), *own["distance"]])),
                " ".join(["{column} {group}:", *sentences]),
                {"column": str(column), "group": str(group)},
                {
                    "column": str(column),
                    "group": str(group),
                    "measures": rows.drop(columns=["column", "group"]).to_dict("records"),
                    "map": own[["distance", "p_adjusted"]].to_dict("records"),
                },
            )
        )
    return findings


def class_findings(samples: pd.DataFrame, summary: pd.DataFrame, settings: FindingSettings) -> list[Finding]:
    """Findings on single classes: energy outside the mask, maps of zeros, and accuracy.

    Parameters
    ----------
    samples
        ``id, class, name, correct, zero_map``.
    summary
        Of the measures by class, as `groups.describe_groups` gives it; the classes are the groups.
    """
    findings = []
    ratios = summary[(summary["measure"] == "energy_ratio") & (summary["median_high"] < 1)]
    for _, row in ratios.iterrows():
        members = samples[samples["class"] == row["group"]]
        lowest = members.sort_values("energy_ratio", kind="stable").index[: settings.exemplars]
        findings.append(
            Finding(
                "outside_mask",
                float(1 - row["median"]),
                f"{_class(row['group'])}: the mask holds {row['median']:.2f} times the energy that an even map has "
                f"there (median of {row['count']} samples, interval {row['median_low']:.2f} to "
                f"{row['median_high']:.2f}).",
                {"class": _name(samples, row["group"])},
                {"class": int(row["group"]), **row.drop(["group", "measure"]).to_dict()},
                _ids(samples, samples.index.get_indexer(lowest)),
            )
        )
    known = [int(name) for name in sorted(samples["class"].dropna().unique())]
    positions = {name: _rows(samples, name) for name in known}
    everyone = np.flatnonzero(samples["class"].notna())
    p_accuracy = holm(np.array([_accuracy_test(samples, rows, everyone) for rows in positions.values()]))
    for (name, rows), p in zip(positions.items(), p_accuracy, strict=True):
        zero = samples["zero_map"].to_numpy(dtype=float, na_value=np.nan)[rows]
        share = float(np.nanmean(zero)) if np.isfinite(zero).any() else 0.0
        if share > settings.max_zero:
            findings.append(
                Finding(
                    "zero_maps",
                    share,
                    f"{_class(name)}: the map is zero everywhere in {_percent(share)} of {len(rows)} samples.",
                    {"class": _name(samples, name)},
                    {"class": name, "samples": len(rows), "share": share},
                    _ids(samples, rows[zero == 1][: settings.exemplars]),
                )
            )
        others = np.setdiff1d(everyone, rows)
        accuracy, accuracy_others = _accuracy(samples, rows), _accuracy(samples, others)
        if p < settings.alpha and abs(accuracy - accuracy_others) >= settings.min_difference:
            findings.append(
                Finding(
                    "accuracy",
                    abs(accuracy - accuracy_others),
                    f"{_class(name)}: {_percent(accuracy)} of {len(rows)} predictions of the class are correct, of the "
                    f"other classes {_percent(accuracy_others)} (corrected p {p:.1g}).",
                    {"class": _name(samples, name)},
                    {
                        "class": name,
                        "samples": len(rows),
                        "accuracy": accuracy,
                        "accuracy_others": accuracy_others,
                        "p_adjusted": float(p),
                    },
                )
            )
    return findings


def _metadata(
    entries: Sequence[tuple[np.ndarray, np.ndarray]], groups: Mapping[str, pd.Series], settings: FindingSettings
) -> list[tuple[str, dict[str, str]]]:
    """For rows of a class and the members among them: a sentence on what they have more of, and its names."""
    tables = [
        over_represented(
            np.isin(rows, members), {name: of.iloc[rows].reset_index(drop=True) for name, of in groups.items()}
        ).assign(entry=number)
        for number, (rows, members) in enumerate(entries)
    ]
    if not tables:
        return []
    table = pd.concat(tables, ignore_index=True)
    table["p_adjusted"] = holm(table["p"].to_numpy(dtype=float))
    table = table[
        (table["p_adjusted"] < settings.alpha) & (table["share"] - table["share_rest"] >= settings.min_difference)
    ]
    notes = []
    for number in range(len(entries)):
        note, names = "", {}
        for index, row in enumerate(table[table["entry"] == number].to_dict("records")):
            note += (
                f" {{column{index}}} {{group{index}}}: {_percent(row['share'])} of them, "
                f"{_percent(row['share_rest'])} of the others (corrected p {row['p_adjusted']:.1g})."
            )
            names |= {f"column{index}": str(row["column"]), f"group{index}": str(row["group"])}
        notes.append((note, names))
    return notes


def _rows(samples: pd.DataFrame, index: int) -> np.ndarray:
    return np.flatnonzero(samples["class"].eq(index).fillna(False).to_numpy(dtype=bool))


def _accuracy(samples: pd.DataFrame, rows: np.ndarray) -> float:
    correct = samples["correct"].to_numpy(dtype=float, na_value=np.nan)[rows]
    return float(np.nanmean(correct)) if np.isfinite(correct).any() else np.nan


def _accuracy_test(samples: pd.DataFrame, members: np.ndarray, everyone: np.ndarray) -> float:
    """P-value of Fisher's exact test, two-sided, of members against everyone else."""
    correct = samples["correct"].to_numpy(dtype=float, na_value=np.nan)
    inside, outside = correct[members], correct[np.setdiff1d(everyone, members)]
    counts = [[int((part == 1).sum()), int((part == 0).sum())] for part in (inside, outside)]
    return float(stats.fisher_exact(counts).pvalue) if all(map(sum, counts)) else np.nan


def _class(index: int) -> str:
    return f"Class {int(index)}{{class}}"


def _name(samples: pd.DataFrame, index: int) -> str:
    names = samples.loc[samples["class"] == index, "name"] if "name" in samples else []
    return f" ({names.iloc[0]})" if len(names) and names.iloc[0] else ""


def _ids(samples: pd.DataFrame, rows: np.ndarray) -> list[str]:
    return samples["id"].iloc[rows].astype(str).tolist()


def _percent(share: float) -> str:
    return "unknown" if np.isnan(share) else f"{100 * share:.0f} %"
