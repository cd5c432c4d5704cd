"""Clusters of a class's maps that are set apart: by the maps themselves, by accuracy, or by what the manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from saliency.audit.findings.comparison import accuracy_test, metadata_sentences
from saliency.audit.findings.finding import SHARE, Finding, FindingKind
from saliency.audit.findings.words import class_words, percent
from saliency.audit.grid import place_name
from saliency.audit.groups import holm
from saliency.registry.key import Key

if TYPE_CHECKING:
    from saliency.audit.evidence import Evidence


class ClusterFinding(FindingKind):
    """The score is the cluster's isolation, its mean silhouette, times its share of the class.

    Notes
    -----
    A mean silhouette of 0.5 is called a reasonable structure (Kaufman & Rousseeuw, "Finding Groups in Data", 1990).
    """

    name = "cluster"
    title = "cluster of maps"
    summary = "Some maps of a class are alike and set apart from the others: the model may decide in another way."
    version = 2
    reads = frozenset({"clusters", "groups"})
    precedence = 20
    keys = (Key("min_isolation", "Mean silhouette of a cluster that nothing else sets apart.", 0.5, SHARE),)

    @classmethod
    def find(cls, evidence: Evidence, thresholds: Mapping[str, Any]) -> list[Finding]:
        """One finding for each cluster that is isolated, or differs from its class in metadata or accuracy."""
        entries = []
        for class_index, found in evidence.clusters.items():
            rows = evidence.rows_of_class(class_index)
            if found.count > 1:
                entries += [
                    (class_index, found, rows, label, rows[found.labels == label]) for label in range(found.count)
                ]
        metadata = metadata_sentences(evidence, [(rows, members) for _, _, rows, _, members in entries], thresholds)
        tests = holm(np.array([accuracy_test(evidence, members, rows) for _, _, rows, _, members in entries]))
        findings = []
        for (class_index, found, rows, label, members), (note, names), p in zip(entries, metadata, tests, strict=True):
            others = np.setdiff1d(rows, members)
            accuracy, accuracy_others = evidence.accuracy(members), evidence.accuracy(others)
            apart = abs(accuracy - accuracy_others) >= thresholds["min_difference"]
            isolation = float(found.isolation[label])
            if not (isolation >= thresholds["min_isolation"] or note or (p < thresholds["alpha"] and apart)):
                continue
            place = place_name(found.centres[label])
            share = len(members) / len(rows)
            begin, class_name = class_words(evidence, class_index)
            findings.append(
                Finding(
                    cls.name,
                    share * max(isolation, 0.0),
                    f"{begin}: the maps of {percent(share)} of {len(rows)} samples form a cluster (silhouette "
                    f"{isolation:.2f}). They have more energy at the {place} than the other maps of the class: the "
                    f"model may decide in another way in these samples. Accuracy is {percent(accuracy)} in the cluster "
                    f"and {percent(accuracy_others)} in the rest of the class.{note}",
                    {**class_name, **names},
                    {
                        "class": class_index,
                        "cluster": label,
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
                    evidence.ids(rows[found.exemplars[label]]),
                )
            )
        return findings
