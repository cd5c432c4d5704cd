"""Stability and the comparison of methods: values by hand from the network and the stored maps, tests by SciPy."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy import stats

from saliency import GradCAM, Gradient
from saliency.audit.checks.check import CheckJob
from saliency.audit.checks.registered import checks
from saliency.audit.paired import corrected, mean_interval, paired_differences, told_apart
from saliency.audit.probes.methods import method_tables
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.resources import minutes
from saliency.experiment.selection import Selection
from saliency.experiment.validation import complete_config
from saliency.networks.load import load_model
from saliency.store.codec import read_shard
from saliency.store.layout import plan_specs
from tests.helpers.shards import files_of_shards, fused_store
from tests.helpers.workflow_project import Project

AUDIT = {"seed": 3, "stability": {"samples": 4, "repeats": 3, "noise": 0.2}, "methods": {"samples": 4}, "tolerance": 0}
SETTINGS = {"methods": ["gradient", "gradcam"], "execution": "fused", "on_error": "skip"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with all shards and masks; the sample s1 cannot be read, and s2 has no mask."""
    folder = tmp_path_factory.mktemp("made")
    project = Project.create(folder, audit=AUDIT, **SETTINGS)
    project.image(1).write_bytes(b"")
    mask = np.zeros((40, 48), dtype=np.uint8)
    mask[10:30, 8:20] = 1
    Image.fromarray(mask).save(folder / "data" / "mask.png")
    table = pd.read_csv(project.manifest, dtype=str, keep_default_na=False)
    table["mask"] = ["mask.png", "mask.png", "", "mask.png", "mask.png"]
    table.to_csv(project.manifest, index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        config, problems = complete_config(project.config)
        assert problems == []
        yield project, config, fused_store(config, "tiny", project.store, folder)


def done(name, made, folder, **read):
    project, config, descriptions = made
    plan = Plan(config)
    rows = Selection(plan).checked(name)
    files = files_of_shards(plan, project.store, "predicted", plan.shards_of(rows)) | read
    outputs = {output: folder / file for output, file in checks()[name].files().items()}
    checks()[name].write(CheckJob(config, "tiny", "predicted", files, descriptions, outputs))
    return rows[rows != 1], {output: pd.read_csv(path) for output, path in outputs.items()}


def test_stability_is_the_correlation_with_maps_of_noisy_samples(made, tmp_path):
    rows, tables = done("stability", made, tmp_path)
    table = tables["table"]
    assert list(table) == ["id", "method", "draw", "spearman"]
    assert len(table) == len(rows) * 2 * 3
    model = load_model("tiny_network:Network", {}, None)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
    for row in rows:
        image = Image.open(made[0].image(row)).resize((38, 32), Image.Resampling.BILINEAR).crop((4, 1, 34, 31))
        x = (torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255 - mean) / std
        seed = int(np.random.SeedSequence([3, row]).generate_state(1)[0])
        drawn = np.random.default_rng(seed).standard_normal((3, 3, 30, 30))
        noisy = x + torch.from_numpy(0.2 * x.numpy().std() * drawn).float()
        index = int(model(x[None]).argmax())
        for name, kind in (("gradient", Gradient), ("gradcam", GradCAM)):
            explain = kind(model) if name == "gradient" else kind(model, "second")
            first = explain(x[None], index)[1].abs().sum(1).flatten()
            others = explain(noisy, index)[1].abs().sum(1).flatten(1)
            found = table[(table["id"] == f"s{row}") & (table["method"] == name)]
            expected = [stats.spearmanr(first, other).statistic for other in others]
            np.testing.assert_allclose(found["spearman"], expected, atol=2e-3)


def test_localisation_of_each_method_and_the_other_checks_tables(made, tmp_path):
    rows, stable = done("stability", made, tmp_path)
    faithfulness = pd.DataFrame(
        [
            {"id": f"s{row}", "baseline": base, "ranking": name, "deletion_auc": value + extra, "insertion_auc": 0.5}
            for row in rows
            for base, extra in (("mean", 0), ("blur", 0.2))
            for name, value in (("gradient", 0.1), ("gradcam", 0.3), ("random", 0.5))
        ]
    )  # fmt: skip
    randomisation = pd.DataFrame(
        [
            {"depth": depth, "layer": "", "method": name, "id": f"s{row}", "spearman_absolute": value}
            for row in rows
            for name, values in (("gradient", [1, 0.8, 0.4]), ("gradcam", [1, 0.2, np.nan]))
            for depth, value in enumerate(values)
        ]
    )
    faithfulness.to_csv(tmp_path / "faithfulness.csv", index=False)
    randomisation.to_csv(tmp_path / "randomisation.csv", index=False)
    read = {name: [tmp_path / f"{name}.csv"] for name in ("faithfulness", "stability", "randomisation")}
    _, tables = done("methods", made, tmp_path, **read)
    table = tables["table"].set_index(["measure", "method"])
    means = table["mean"]
    assert means["deletion_auc"].round(6).to_dict() == {"gradient": 0.2, "gradcam": 0.4, "random": 0.6}
    assert means["randomisation"].round(6).to_dict() == {"gradient": 0.6, "gradcam": 0.2}
    assert means["passes"].to_dict() == {"gradient": 1, "gradcam": 1}
    for name, own in stable["table"].groupby("method"):
        per_sample = own.groupby("id")["spearman"].mean()
        assert means[("stability", name)] == pytest.approx(per_sample.mean())
    # 40 x 48 pixels are resized to 32 x 38 and cropped to the middle 30 x 30.
    mask = np.asarray(Image.open("data/mask.png").resize((38, 32), Image.Resampling.NEAREST))[1:31, 4:34] > 0
    masked = [row for row in rows if row != 2]
    plan = Plan(made[1])
    shares, hits = [], []
    spec = plan_specs(plan, "tiny", made[2])["predicted/gradient"]
    for row in masked:
        path = made[0].store / plan.shard_key("predicted/gradient", row // 2)
        values = np.abs(read_shard(path, len(plan.rows(row // 2)), spec)[row % 2]).sum(axis=0)
        shares.append(values[mask].sum() / values.sum())
        hits.append(bool(mask[np.unravel_index(values.argmax(), values.shape)]))
    assert table.loc[("energy_in_mask", "gradient"), "count"] == len(masked)
    assert means[("energy_in_mask", "gradient")] == pytest.approx(np.mean(shares), rel=1e-5)
    assert means[("pointing_hit", "gradient")] == np.mean(hits)
    words = tables["best"].set_index("measure")["words"]
    # Of four samples no test finds anything.
    assert words["deletion_auc"] == "By deletion, no method is better than another here."


def test_pairs_are_those_of_scipy_and_the_best_is_said():
    rng = np.random.default_rng(0)
    quality = {"gradcam": 0.7, "layercam": 0.69, "gradient": 0.3}
    values = pd.DataFrame({("stability", name): mean + 0.1 * rng.standard_normal(60) for name, mean in quality.items()})
    table, pairs, best = method_tables(values, {}, 2000, 0, 0.05)
    for pair in pairs.to_dict("records"):
        first, second = (values[("stability", pair[end])] for end in ("method", "other"))
        assert pair["p"] == stats.wilcoxon(first, second).pvalue
        assert pair["difference"] == pytest.approx((first - second).mean())
        low, high = pair["low"], pair["high"]
        sem = (first - second).std() / np.sqrt(60)
        assert (high - low) / (2 * 1.96 * sem) == pytest.approx(1, abs=0.1)
    p = np.sort(pairs["p"])
    assert np.sort(pairs["p_adjusted"]) == pytest.approx(np.maximum.accumulate([3 * p[0], 2 * p[1], p[2]]).clip(max=1))
    interval = table.set_index("method").loc["gradcam", ["low", "high"]].to_numpy(dtype=float)
    own = values[("stability", "gradcam")]
    assert interval == pytest.approx(own.mean() + np.array([-1.96, 1.96]) * own.sem(), abs=0.005)
    assert best["words"].tolist() == [
        "By stability, no single method is the best here: Grad-CAM and LayerCAM are not told apart."
    ]
    apart = values.drop(columns=[("stability", "layercam")])
    assert method_tables(apart, {}, 200, 0, 0.05)[2]["words"].tolist() == [
        "By stability, Grad-CAM is better than every other one here."
    ]
    lower = apart.rename(columns={"stability": "randomisation"}, level=0)
    assert method_tables(lower, {}, 200, 0, 0.05)[2]["method"].tolist() == ["gradient"]


def test_missing_values_leave_a_sample_out_of_a_pair_only():
    values = {"a": np.array([1.0, 2.0, np.nan, 4.0]), "b": np.array([0.0, np.nan, 3.0, 1.0]), "c": np.full(4, np.nan)}
    pairs = corrected(paired_differences(values, 100, 0))
    assert pairs["count"].tolist() == [2, 0, 0]
    assert pairs["difference"].tolist()[0] == 2
    assert np.isnan(pairs["p_adjusted"].tolist()[1:]).all()
    assert told_apart({"a": 1.0, "b": 2.0, "c": np.nan}, pairs, True, 0.05) == (["b", "a"], False)
    assert np.isnan(mean_interval(np.array([1.0]), 100, 0)).all()


def test_equal_methods_are_told_apart_in_few_of_many_runs():
    rng = np.random.default_rng(1)
    told = 0
    for run in range(60):
        values = {name: rng.standard_normal(30) for name in "abc"}
        means = {name: float(each.mean()) for name, each in values.items()}
        told += told_apart(means, corrected(paired_differences(values, 100, run)), True, 0.05)[1]
    # 3 are expected at most; 10 or more would come about in one of a thousand runs.
    assert told < 10


def test_digests_follow_what_is_read(made):
    _, config, _ = made

    def digest(**audit):
        changed = config | {"audit": config["audit"] | audit}
        return Digests(Plan(changed)).of("methods", "tiny", None, "predicted")

    before = digest()
    assert digest(min_count=11) == digest(border=0.2) == before
    changes = [
        *({"tolerance": 2}, {"stability": None}, {"resamples": 200}),
        {"stability": AUDIT["stability"] | {"noise": 0.3}},
        {"faithfulness": {"samples": 2, "steps": 5, "baselines": ["mean"]}},
        {"findings": config["audit"]["findings"] | {"alpha": 0.01}},
    ]
    assert len({before, *(digest(**change) for change in changes)}) == 1 + len(changes)


def test_time_grows_with_the_passes_of_the_methods(made):
    _, config, _ = made
    costly = config | {"methods": ["gradient", "smoothgrad"]}
    costly["audit"] = config["audit"] | {"stability": config["audit"]["stability"] | {"samples": 5, "repeats": 3000}}
    cheap = costly | {"methods": ["gradient"]}
    # 50 passes of SmoothGrad, beside the one that both have.
    assert minutes(Plan(costly), "stability", "tiny") > 10 * minutes(Plan(cheap), "stability", "tiny")
