"""Faithfulness and the randomisation test of an experiment: in one process, and in a run of Snakemake."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from saliency import GuidedGradCAM
from saliency.audit.checks.check import CheckJob
from saliency.audit.checks.registered import checks
from saliency.exceptions import DataError
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.resources import memory_mb, minutes
from saliency.experiment.selection import Selection
from saliency.experiment.validation import complete_config
from saliency.metrics.faithfulness import faithfulness
from saliency.metrics.randomisation import randomisation_test
from saliency.networks.load import load_model
from tests.helpers.shards import files_of_shards, fused_store
from tests.helpers.workflow_project import Project, jobs

AUDIT = {
    "seed": 3,
    "faithfulness": {"samples": 4, "steps": 3, "baselines": ["mean", "noise"]},
    "randomisation": {"samples": 4},
}
# Beside faithfulness.
ASKED = ("randomisation", "stability", "methods")
NORMALISATION = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)


def completed(project):
    config, problems = complete_config(project.config)
    assert not problems
    return config


def files(project, config, check):
    plan = Plan(config)
    return files_of_shards(plan, project.store, "predicted", plan.shards_of(Selection(plan).checked(check)))


def check(name, project, config, descriptions, outputs, read=None):
    """Do a check, as its job does."""
    target = "predicted" if checks()[name].per_target else ""
    read = read or files(project, config, name)
    checks()[name].write(CheckJob(config, "tiny", target, read, descriptions, outputs))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with all shards; the sample s1 cannot be read."""
    folder = tmp_path_factory.mktemp("made")
    project = Project.create(folder, audit=AUDIT, execution="fused", on_error="skip")
    project.image(1).write_bytes(b"")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        config = completed(project)
        yield project, config, fused_store(config, "tiny", project.store, folder)


def seen(project, rows):
    """What the network sees, without the workflow."""
    pixels = []
    for row in rows:
        image = Image.open(project.image(row)).resize((38, 32), Image.Resampling.BILINEAR).crop((4, 1, 34, 31))
        pixels.append(torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255)
    return (torch.stack(pixels) - NORMALISATION[0]) / NORMALISATION[1]


def test_chosen_samples_depend_on_the_seed_and_the_number_only(made):
    _, config, _ = made
    rows = Selection(Plan(config)).checked("faithfulness")
    assert len(rows) == 4
    assert (np.diff(rows) > 0).all()
    assert np.array_equal(rows, Selection(Plan(config)).checked("randomisation"))
    others = [
        Selection(Plan(config | {"audit": config["audit"] | {"seed": seed}})).checked("faithfulness")
        for seed in range(20)
    ]
    assert len({tuple(other) for other in others}) == 5


def test_faithfulness_equals_the_metric_called_by_hand(made, tmp_path):
    project, config, descriptions = made
    rows = Selection(Plan(config)).checked("faithfulness")
    assert 1 in rows
    rows = rows[rows != 1]
    out = {name: tmp_path / "out" / name for name in ("table", "curves", "figure")}
    check("faithfulness", project, config, descriptions, out)
    table, curves = pd.read_csv(out["table"]), pd.read_csv(out["curves"])
    assert len(table) == len(rows) * 2 * 4
    assert table["id"].unique().tolist() == [f"s{row}" for row in rows]
    assert len(curves) == 2 * 4 * 4
    with Image.open(out["figure"]) as figure:
        assert min(figure.size) > 300

    model, x = load_model("tiny_network:Network", {}, None), seen(project, rows)
    method = GuidedGradCAM(model, "second")
    with method.forward_pass(x) as forward:
        classes = forward.scores.argmax(1)
        maps = forward.maps(classes)
    cam = torch.nn.functional.interpolate(maps["gradcam"][:, None], (30, 30), mode="bilinear")[:, 0]
    orders = {name: maps[name].abs().sum(1).numpy() for name in ("guided_backprop", "guided_gradcam")}
    orders["gradcam"] = cam.numpy()
    points = []
    for number, row in enumerate(rows):
        one = slice(number, number + 1)
        # Of ties (a Grad-CAM has many zeros), the noise and the random order.
        seed = int(np.random.SeedSequence([3, row]).generate_state(1)[0])
        order = {name: values[one] for name, values in orders.items()}
        point, area = faithfulness(model, x[one].numpy(), order, classes[one].numpy(), ["mean", "noise"], 3, seed=seed)
        found = table[table["id"] == f"s{row}"].merge(area, on=["baseline", "ranking"])
        assert len(found) == 8
        for name in ("deletion_auc", "insertion_auc"):
            np.testing.assert_allclose(found[f"{name}_x"], found[f"{name}_y"], atol=2e-5)
        points.append(point)
    means = pd.concat(points).groupby(["baseline", "ranking", "fraction"])[["deletion", "insertion"]].mean()
    curves = curves.set_index(["baseline", "ranking", "fraction"]).sort_index()
    np.testing.assert_allclose(curves.index.get_level_values("fraction")[:4], [0, 1 / 3, 2 / 3, 1], atol=1e-6)
    np.testing.assert_allclose(curves, means, atol=2e-5)


def test_randomisation_equals_the_metric_called_by_hand(made, tmp_path):
    project, config, descriptions = made
    rows = Selection(Plan(config)).checked("randomisation")
    rows = rows[rows != 1]
    out = {name: tmp_path / "out" / name for name in ("table", "figure")}
    check("randomisation", project, config, descriptions, out)
    table = pd.read_csv(out["table"], keep_default_na=False, na_values={"ssim": "", "spearman": ""})
    model = load_model("tiny_network:Network", {}, None)
    expected = randomisation_test(model, seen(project, rows), ["head", "second", "first"], "second", seed=3)
    assert table["layer"].unique().tolist() == ["", "head", "second", "first"]
    assert table["id"].tolist() == [f"s{rows[row]}" for row in expected["row"]]
    assert table["method"].tolist() == expected["method"].tolist()
    for name in ("spearman", "spearman_absolute", "ssim"):
        np.testing.assert_allclose(table[name], expected[name], atol=1e-3)
    with Image.open(out["figure"]) as figure:
        assert min(figure.size) > 300

    wrong = config["audit"] | {"randomisation": {"samples": 4, "layers": ["head", "third"]}}
    with pytest.raises(DataError, match=r"that is called third: choose from first, second, head$"):
        check("randomisation", project, config | {"audit": wrong}, descriptions, out)


def test_samples_and_models_without_a_result(made, tmp_path):
    project, config, descriptions = made
    out = {name: tmp_path / "out" / name for name in ("table", "curves", "figure")}
    (tmp_path / "dense.json").write_text('{"dense": true}')
    dense = [*descriptions, tmp_path / "dense.json"]
    with pytest.raises(DataError, match=r"audit\.faithfulness: .*models\.tiny has a score per pixel .*: null"):
        check("faithfulness", project, config, dense, out)
    # Of one chosen sample, which is the one that cannot be read.
    seeds = ({"seed": seed, "faithfulness": config["audit"]["faithfulness"] | {"samples": 1}} for seed in range(99))
    audit = next(
        audit for audit in seeds if Selection(Plan(config | {"audit": audit})).checked("faithfulness").tolist() == [1]
    )
    with pytest.raises(DataError, match="none of the 1 chosen samples has a result"):
        check(
            "faithfulness",
            project,
            config | {"audit": audit},
            descriptions,
            out,
            files(project, config, "faithfulness"),
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "makes_again"),
    [
        ({"audit": AUDIT | {"seed": 4}}, {"faithfulness", "randomisation"}),
        ({"audit": AUDIT | {"faithfulness": {"samples": 4, "steps": 5}}}, {"faithfulness"}),
        ({"audit": AUDIT | {"randomisation": {"samples": 4, "layers": ["head"]}}}, {"randomisation"}),
        ({"audit": AUDIT | {"min_count": 11}}, set()),
        ({"methods": ["gradcam"]}, {"faithfulness", "randomisation"}),
        ({"threads": 2}, set()),
    ],
)
def test_digests(tmp_path, monkeypatch, change, makes_again):
    project = Project.create(tmp_path, audit=AUDIT)
    monkeypatch.chdir(tmp_path)

    def digests(config):
        plan = Plan(config)
        targets = {"faithfulness": "predicted", "randomisation": None}
        return {name: Digests(plan).of(name, "tiny", target=target) for name, target in targets.items()}

    before = digests(completed(project))
    project.write_config(**{"audit": AUDIT} | change)
    after = digests(completed(project))
    assert {name for name in before if before[name] != after[name]} == makes_again


def test_more_samples_ask_for_more(tmp_path, monkeypatch):
    project = Project.create(tmp_path, samples=1, audit=AUDIT, input={"resize": 512, "crop": 512})
    monkeypatch.chdir(tmp_path)
    (project.folder / "data" / "manifest.csv").write_text(
        "id,path\n" + "".join(f"s{number},s0.png\n" for number in range(50))
    )
    few = Plan(completed(project))
    project.write_config(
        audit={"faithfulness": {"samples": 50}, "randomisation": {"samples": 50}}, input={"resize": 512, "crop": 512}
    )
    many = Plan(completed(project))
    for check in AUDIT.keys() - {"seed"}:
        assert minutes(many, check, "tiny") > minutes(few, check, "tiny")
    # Faithfulness holds one shard, whatever the number of samples.
    assert memory_mb(many, "faithfulness", "tiny") == memory_mb(few, "faithfulness", "tiny")
    assert memory_mb(many, "randomisation", "tiny") > memory_mb(few, "randomisation", "tiny")


@pytest.mark.slow
def test_run_of_snakemake(tmp_path):
    checks = {
        *("Delete and insert pixels (predicted)", "Randomise the layers (tiny)"),
        *("Add noise and explain again (predicted)", "Compare the methods (predicted)"),
    }
    project = Project.create(tmp_path, samples=2, execution="fused", audit={"seed": 1})
    assert not checks & set(jobs(project.run()))
    before = project.digests()
    project.write_config(
        execution="fused", audit={"seed": 1, "faithfulness": {"steps": 2}} | {name: {} for name in ASKED}
    )
    done = set(jobs(project.run()))
    assert checks | {"Record the provenance"} <= done
    assert not [message for message in done if message.startswith(("All maps", "Measure", "Look for findings"))]
    assert project.digests() == before
    audit = project.results / "tiny" / "audit"
    assert {str(path.relative_to(audit)) for path in audit.rglob("*.*")} >= {
        *("randomisation.csv", "randomisation.png"),
        *(f"predicted/faithfulness{end}" for end in (".csv", "_curves.csv", ".png")),
        *(f"predicted/{name}.csv" for name in ("stability", "methods", "methods_pairs", "methods_best")),
    }
    assert "Nothing to be done" in project.run()
    (audit / "randomisation.csv").unlink()
    assert set(project.planned()) == {"Randomise the layers (tiny)", "Compare the methods (predicted)"}
    compared = pd.read_csv(audit / "predicted" / "methods.csv")
    # There are no masks.
    assert compared["measure"].unique().tolist() == [
        *("deletion_auc", "insertion_auc", "stability", "randomisation", "passes"),
    ]
