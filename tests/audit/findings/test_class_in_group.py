import numpy as np
import pandas as pd
import pytest
from scipy import stats

from saliency.audit.evidence import Evidence
from saliency.audit.findings.class_in_group import ClassInGroupFinding
from saliency.audit.findings.class_performance import ClassPerformanceFinding
from saliency.audit.findings.group_accuracy import GroupAccuracyFinding
from saliency.audit.performance import performance
from tests.helpers.audit_data import THRESHOLDS

# Class 1 is glioma: 3 of 42 are found at source A, 80 of 120 at source B, and the others are said to be class 0.
LABEL = np.repeat([1, 1, 0, 0], [42, 120, 60, 140])
SAID = np.repeat([1, 0, 1, 0, 0], [3, 39, 80, 40, 200])
SOURCE = np.repeat(["*A*", "{B}", "*A*", "{B}"], [42, 120, 60, 140])


def evidence(audited=None):
    samples = pd.DataFrame({"id": [f"s{row}" for row in range(362)], "label": LABEL, "predicted_class": SAID,
                            "probability": np.linspace(1, 0.5, 362), "correct": LABEL == SAID,
                            "source": SOURCE})  # fmt: skip
    chosen = np.ones(362, dtype=bool) if audited is None else audited
    columns = (["source"], []) if audited is None else ([], ["source"])
    table = performance(samples, chosen, *columns, ["none", "<glioma>"])
    return Evidence(samples[chosen].reset_index(drop=True), performance=table)


def p_adjusted(known, **row):
    table = known.performance
    return table.loc[np.logical_and.reduce([table[name] == value for name, value in row.items()]), "p_adjusted"].item()


def test_recall_that_falls_with_the_source():
    known = evidence()
    (found,) = [
        finding for finding in ClassInGroupFinding.find(known, THRESHOLDS) if finding.numbers["measure"] == "recall"
    ]
    p = p_adjusted(known, measure="recall", group="*A*", **{"class": 1})
    # Wilson's intervals, worked out from the formula.
    assert found.sentence == (
        "Class 1 (<glioma>), where source is *A*: the model finds 3 of 42 samples (7 %, 95 % interval 2 to 19 %); "
        f"elsewhere it finds 80 of 120 (67 %, 58 to 74 %) (corrected p {p:.1g})."
    )
    assert found.markdown.startswith(r"Class 1 \(\<glioma\>\), where source is \*A\*: ")
    assert p >= stats.fisher_exact([[3, 39], [80, 40]]).pvalue
    assert found.score == pytest.approx((80 / 120 - 3 / 42) * 42 / 362)
    assert found.samples == ["s3", "s4", "s5", "s6", "s7"]
    shown = {name: found.numbers[name] for name in ("label", "column", "group", "among")}
    assert shown == {"label": 1, "column": "source", "group": "*A*", "among": "audited"}
    assert "class" not in found.numbers


def test_precision_comes_with_how_frequent_the_class_is():
    (found,) = [
        finding
        for finding in ClassInGroupFinding.find(evidence(), THRESHOLDS | {"min_difference": 0.1})
        if finding.numbers["measure"] == "precision"
    ]
    # When the model says class 0, it is right in 60 of 99 samples at A, in 140 of 180 at B.
    assert (
        "where source is *A*: when the model says this class, it is right in 60 of 99 samples (61 %" in found.sentence
    )
    assert "Of the samples there, 59 % are of this class, and 54 % elsewhere" in found.sentence
    assert found.numbers["predicted"] == 0
    assert found.samples == ["s3", "s4", "s5", "s6", "s7"]


def test_accuracy_within_classes():
    (found,) = GroupAccuracyFinding.find(evidence(), THRESHOLDS)
    assert found.sentence.startswith("Where source is *A*: the model is right in 63 of 102 samples (62 %")
    gap = (63 - (42 * 80 / 120 + 60)) / 102
    assert f"its accuracy there is {-100 * gap:.0f} percentage points lower" in found.sentence
    assert found.score == pytest.approx(-gap * 102 / 362)
    assert {"class", "label", "predicted"}.isdisjoint(found.numbers)


def test_class_against_the_others():
    recall, precision = ClassPerformanceFinding.find(evidence(), THRESHOLDS)
    assert recall.sentence.startswith(
        "Class 1 (<glioma>): the model finds 83 of 162 samples (51 %, 95 % interval 44 to 59 %); of the other classes "
        "it finds 200 of 200 (100 %, 98 to 100 %) (corrected p "
    )
    assert precision.sentence.startswith(
        "Class 0 (none): when the model says this class, it is right in 200 of 279 samples (72 %, 95 % interval 66 to "
        "77 %); when it says another, in 83 of 83 (100 %, 96 to 100 %) (corrected p "
    )
    assert (recall.numbers["label"], precision.numbers["predicted"]) == (1, 0)
    assert "column" not in recall.numbers
    assert len(recall.samples) == 5


def test_all_samples_count_for_columns_that_chose_the_audited_ones():
    known = evidence(audited=SOURCE == "*A*")
    (found,) = [
        finding for finding in ClassInGroupFinding.find(known, THRESHOLDS) if finding.numbers["measure"] == "recall"
    ]
    assert "where source is *A*, of all samples of the manifest: the model finds 3 of 42 samples" in found.sentence
    assert found.numbers["among"] == "all"
    assert found.score == pytest.approx((80 / 120 - 3 / 42) * 42 / 102)


def test_of_facts_that_go_together_one_is_told():
    """The source again, as three facts: all of the small files, most of the dark pictures, some of the narrow ones."""
    small, narrow = SOURCE == "*A*", np.arange(362) % 3 == 0
    dark = np.where(np.arange(362) % 9 == 0, ~small, small)
    facts = {
        "luminance_mean": pd.Series(np.where(dark, "at most 0.2", "above 0.2")),
        "bytes": pd.Series(np.where(small, "at most 12 kB", "above 12 kB")),
        "width": pd.Series(np.where(narrow, "100 px", "200 px")),
    }
    samples = evidence().samples
    known = Evidence(samples, performance=performance(samples, np.ones(362, dtype=bool), [], facts=facts))
    (found,) = [
        finding for finding in ClassInGroupFinding.find(known, THRESHOLDS) if finding.numbers["measure"] == "recall"
    ]
    p = p_adjusted(known, measure="recall", column="bytes", group="at most 12 kB", **{"class": 1})
    assert found.sentence == (
        "Class 1, where the file size is at most 12 kB: the model finds 3 of 42 samples (7 %, 95 % interval 2 to 19 "
        f"%); elsewhere it finds 80 of 120 (67 %, 58 to 74 %) (corrected p {p:.1g}). It also differs by mean of "
        "luminance."
    )
    shown = {name: found.numbers[name] for name in ("label", "fact", "group", "among")}
    assert shown == {"label": 1, "fact": "bytes", "group": "at most 12 kB", "among": "audited"}
    (accuracy,) = GroupAccuracyFinding.find(known, THRESHOLDS | {"min_difference": 0.1})
    assert accuracy.sentence.startswith("Where the file size is at most 12 kB: the model is right in 63 of 102 samples")


@pytest.mark.parametrize("thresholds", [{"alpha": 1e-40}, {"min_difference": 0.9}])
def test_neither_unsure_nor_small_gaps_are_findings(thresholds):
    for kind in (ClassInGroupFinding, ClassPerformanceFinding, GroupAccuracyFinding):
        assert kind.find(evidence(), THRESHOLDS | thresholds) == []
        assert kind.find(Evidence(pd.DataFrame({"id": ["a"]})), THRESHOLDS) == []
