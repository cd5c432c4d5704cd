"""Groups by facts of the files: by hand, and as groups in which accuracy is tested."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from saliency.audit.evidence import Evidence
from saliency.audit.findings.class_in_group import ClassInGroupFinding
from saliency.audit.findings.group_accuracy import GroupAccuracyFinding
from saliency.audit.leakage.fact_groups import fact_groups
from saliency.audit.performance import performance
from tests.helpers.audit_data import THRESHOLDS


def test_parts_by_rank_keep_equal_values_together():
    # Thirds of 12 end after 4 and 8 values; 20 comes fourth to seventh, and 3 is nearer to 4 than 7 is.
    values = [10, 11, 12, 20, 20, 20, 20, 30, 31, 32, 33, 34]
    groups, _ = fact_groups(pd.DataFrame({"width": values[::-1]}))
    expected = ["at most 12 px"] * 3 + ["above 12 px and at most 30 px"] * 5 + ["above 30 px"] * 4
    assert groups["width"].tolist() == expected[::-1]
    mostly_zero, _ = fact_groups(pd.DataFrame({"border_top": [0] * 10 + [1, 2, 3, 4, 5]}))
    assert mostly_zero["border_top"].tolist() == ["at most 0 px"] * 10 + ["above 0 px"] * 5


def test_few_values_and_texts_stand_for_themselves():
    table = pd.DataFrame(
        {
            "jpeg_quality": [75, 90, np.nan, 95, 75, 90],
            "format": ["JPEG", "JPEG", "PNG", "JPEG", "JPEG", None],
            "mode": "RGB",
            "hash": list("abcdef"),
            "exif": np.nan,
        }
    )
    groups, repeated = fact_groups(table)
    assert set(groups) == {"jpeg_quality", "format"}
    assert groups["jpeg_quality"].tolist() == ["75", "90", np.nan, "95", "75", "90"]
    assert groups["format"].tolist() == ["JPEG", "JPEG", "PNG", "JPEG", "JPEG", np.nan]
    assert repeated == {}


def test_only_audited_samples_are_divided():
    audited = np.arange(12) < 6
    groups, _ = fact_groups(pd.DataFrame({"width": np.arange(12.0)}, index=np.arange(12) + 100), audited)
    assert groups["width"].index.tolist() == list(range(100, 112))
    assert groups["width"].isna().tolist() == (~audited).tolist()
    assert groups["width"].iloc[:6].unique().tolist() == [
        *("at most 1 px", "above 1 px and at most 3 px", "above 3 px"),
    ]


def test_facts_that_say_nearly_the_same_count_once():
    rng = np.random.default_rng(0)
    width = rng.permutation(200)
    table = pd.DataFrame(
        {
            "width": width,
            "height": -2 * width,
            "bytes": width + rng.normal(0, 100, 200),
            "sharpness": np.where(np.arange(200) < 150, width, np.nan),
        }
    )
    assert abs(stats.spearmanr(table["width"], table["bytes"]).statistic) < 0.9
    groups, repeated = fact_groups(table)
    assert set(groups) == {"width", "bytes", "sharpness"}
    assert repeated == {"height": "width"}


def test_rounding_in_the_seventh_digit_is_no_difference():
    sizes = np.array([0.9375, 1.2, 0.93750003, 1.2000001, 0.9374999, 1.2])
    groups, _ = fact_groups(pd.DataFrame({"voxel_size_i": sizes}))
    assert groups["voxel_size_i"].tolist() == ["0.938 mm", "1.2 mm"] * 3


def test_values_that_would_look_the_same_have_all_their_digits():
    groups, _ = fact_groups(pd.DataFrame({"bytes": [12_345.0, 12_346, 99_999] * 2}))
    assert groups["bytes"].tolist() == ["12345", "12346", "99999"] * 2


def pictures(seed, count=600):
    """Facts of pictures, and a network's predictions of three classes, which no fact has to do with."""
    rng = np.random.default_rng(seed)
    luminance = rng.beta(2, 2, count)
    facts = pd.DataFrame(
        {
            "bytes": np.exp(rng.normal(10, 0.3, count) + luminance),
            "luminance_mean": luminance,
            "luminance_spread": rng.random(count),
            "red_mean": np.clip(luminance + rng.normal(0, 0.02, count), 0, 1),
            "width": rng.choice([224, 256, 320], count),
            "sharpness": rng.lognormal(5, 1, count),
        }
    )
    label = rng.integers(0, 3, count)
    said = np.where(rng.random(count) < 0.85, label, rng.integers(0, 3, count))
    return facts, label, said, rng


def table_of(facts, label, said):
    groups, _ = fact_groups(facts)
    samples = pd.DataFrame({"id": [f"s{row}" for row in range(len(label))], "label": label, "predicted_class": said,
                            "probability": np.linspace(1, 0.5, len(label)), "correct": label == said})  # fmt: skip
    return samples, performance(samples, np.ones(len(label), dtype=bool), [], facts=groups)


def found(facts, label, said):
    samples, table = table_of(facts, label, said)
    known = Evidence(samples, performance=table)
    kinds = (ClassInGroupFinding, GroupAccuracyFinding)
    return [finding for kind in kinds for finding in kind.find(known, THRESHOLDS)]


def mislabelled(facts, label, rng):
    """Of dark pictures of class 1, 60 % are said to be of class 2."""
    dark = facts["luminance_mean"].to_numpy() <= np.quantile(facts["luminance_mean"], 1 / 3)
    return np.where(dark & (label == 1) & (rng.random(len(label)) < 0.6), 2, label)


def test_wrong_labels_of_dark_pictures_are_named():
    facts, label, said, rng = pictures(0)
    label = mislabelled(facts, label, rng)
    samples, table = table_of(facts, label, said)
    (finding,) = [one for one in found(facts, label, said) if one.numbers.get("predicted") == 1]
    # The third of the pictures that is darkest, and what scikit-learn's precision is made of there.
    darkest = np.sort(facts["luminance_mean"])[199]
    here = (facts["luminance_mean"] <= darkest).to_numpy() & (said == 1)
    right, rest = (label == 1)[here], (label == 1)[~here & (said == 1)]
    assert finding.sentence.startswith(
        f"Class 1, where the mean of luminance is at most {darkest:.3g}: when the model says this class, it is right "
        f"in {right.sum()} of {len(right)} samples ({100 * right.mean():.0f} %"
    )
    assert f"elsewhere in {rest.sum()} of {len(rest)}" in finding.sentence
    shown = {name: finding.numbers[name] for name in ("fact", "group", "among")}
    assert shown == {"fact": "luminance_mean", "group": f"at most {darkest:.3g}", "among": "audited"}
    assert "column" not in finding.numbers
    row = table[(table["column"] == "luminance_mean") & (table["measure"] == "precision") & (table["class"] == 1)].iloc[
        0
    ]
    counts = [[right.sum(), (~right).sum()], [rest.sum(), (~rest).sum()]]
    assert table["p"].min() <= stats.fisher_exact(counts).pvalue
    assert row["source"] == "files"
    assert set(samples["id"]) >= set(finding.samples)


@pytest.mark.slow
def test_planted_gap_is_found_and_exchanged_facts_are_quiet():
    planted = quiet = 0
    for seed in range(20):
        facts, label, said, rng = pictures(seed)
        label = mislabelled(facts, label, rng)
        planted += any(one.numbers["fact"] == "luminance_mean" for one in found(facts, label, said))
        exchanged = facts.iloc[rng.permutation(len(facts))].reset_index(drop=True)
        quiet += not found(exchanged, label, said)
    assert planted >= 19
    assert quiet >= 19


@pytest.mark.slow
def test_p_values_are_valid_where_facts_say_nothing():
    tables = []
    for seed in range(60):
        facts, label, said, rng = pictures(seed, count=90)
        order = rng.permutation(len(label))
        _, table = table_of(facts, label[order], said[order])
        tables.append(table.loc[table["source"] == "files", ["measure", "p"]])
    for _, part in pd.concat(tables).dropna().groupby("measure"):
        p = part["p"].to_numpy()
        for level in (0.01, 0.05, 0.1, 0.3, 0.5):
            # Tests of one table are not independent, so that their number counts for half.
            assert (p <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / (len(p) / 2))
