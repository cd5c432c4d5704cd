import os
from pathlib import Path

import numpy as np
import pytest

from saliency import GuidedBackprop
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.selection import Selection
from saliency.experiment.validation import complete_config

CLASS_STEPS = ["target_class", "gradcam", "guided_backprop", "guided_gradcam"]
TARGETS = ["predicted", "label"]
EVERYTHING = {(step, None) for step in ("prepare", "predict")} | {(s, t) for s in CLASS_STEPS for t in TARGETS}
AFTER_PREPARE = EVERYTHING - {("prepare", None)}
GRADCAM = {(step, target) for step in ("gradcam", "guided_gradcam") for target in TARGETS}


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Makes the plan of five samples, three shards and two targets; shards are 0, 1 and 2."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    for number in range(5):
        Path(f"data/s{number}.png").write_bytes(b"abc")
    Path("weights.pth").write_bytes(b"abc")
    write_manifest(5)

    def plan(model=(), **changes):
        model = {"factory": "torch.nn:Linear", "weights": "weights.pth"} | dict(model)
        config = {"experiment": "e", "manifest": "data/m.csv", "targets": TARGETS, "shard_size": 2} | changes
        completed, problems = complete_config(config | {"models": {"net": model}})
        assert problems == []
        return Plan(completed)

    return plan


def write_manifest(samples, labels=(7, "", 0, 1, 2, 3), header="id,path,label"):
    rows = [f"s{number},s{number % 5}.png,{labels[number % 6]}" for number in range(samples)]
    Path("data/m.csv").write_text("\n".join([header, *rows]) + "\n")


def digests(plan):
    found = Digests(plan)
    return {
        (step, target, shard): found.of(step, "net", shard, target)
        for step, target in EVERYTHING
        for shard in plan.shards
    }


def changed(before, after):
    """Steps of shards whose digest is new or another one."""
    return {key for key, value in after.items() if before.get(key) != value}


def of_shards(steps, *shards):
    return {(*step, shard) for step in steps for shard in shards}


def test_digests_of_a_plan_are_stable_and_all_different(build):
    first = digests(build())
    assert first == digests(build())
    assert len(set(first.values())) == len(first) == 30


def test_file_of_another_time_changes_its_shard_only(build):
    before = digests(build())
    status = Path("data/s3.png").stat()
    os.utime("data/s3.png", ns=(status.st_atime_ns, status.st_mtime_ns + 1000))
    assert changed(before, digests(build())) == of_shards(EVERYTHING, 1)


def test_file_of_another_size_or_gone_changes_its_shard_only(build):
    before = digests(build())
    status = Path("data/s4.png").stat()
    Path("data/s4.png").write_bytes(b"abcd")
    os.utime("data/s4.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert changed(before, digests(build())) == of_shards(EVERYTHING, 2)
    Path("data/s0.png").unlink()
    assert changed(before, digests(build(on_error="skip"))) == of_shards(EVERYTHING, 0, 2)


@pytest.mark.parametrize(("samples", "shard"), [(5, 2), (4, 2)])
def test_appended_row_changes_the_last_shard_or_adds_one(build, samples, shard):
    write_manifest(samples)
    before = digests(build())
    write_manifest(samples + 1)
    assert changed(before, digests(build())) == of_shards(EVERYTHING, shard)


def test_renamed_sample_changes_its_shard_only(build):
    before = digests(build())
    Path("data/m.csv").write_text(Path("data/m.csv").read_text().replace("s2,", "renamed,"))
    assert changed(before, digests(build())) == of_shards(EVERYTHING, 1)


def test_label_changes_only_its_own_target(build):
    before, table = digests(build()), Digests(build()).of("predictions", "net")
    write_manifest(5, labels=(7, "", 0, 9, 2, 3))
    steps = {(step, "label") for step in CLASS_STEPS}
    assert changed(before, digests(build())) == of_shards(steps, 1)
    assert Digests(build()).of("predictions", "net") != table


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"model": {"target_layer": "layer4"}}, GRADCAM),
        ({"model": {"section_names": ["a", "b"]}}, GRADCAM),
        ({"input": {"mean": [0.5]}}, AFTER_PREPARE),
        ({"model": {"input": {"std": [0.5]}}}, AFTER_PREPARE),
        ({"batch_size": 3}, AFTER_PREPARE),
        ({"reduced_precision": "bfloat16"}, AFTER_PREPARE),
        ({"model": {"kwargs": {"in_features": 3}}}, AFTER_PREPARE),
        ({"model": {"weights": None}}, AFTER_PREPARE),
        ({"model": {"ignore_lastlayer": True}}, AFTER_PREPARE),
        ({"input": {"crop": 200}}, EVERYTHING),
        ({"model": {"input": {"interpolation": "nearest"}}}, EVERYTHING),
        ({"precision": "float64"}, EVERYTHING),
        ({"threads": 2, "device": "cpu", "execution": "fused", "on_error": "skip", "max_failed": 2,
          "plots": {"count": 1}}, set()),
        ({"model": {"output": 1}}, AFTER_PREPARE),
        ({"model": {"outputs": "probabilities"}}, AFTER_PREPARE),
        ({"model": {"class_names": ["a", "b"]}}, set()),
        ({"experiment": "another", "methods": ["gradcam"]}, set()),
        ({"targets": ["runner_up", "label", 3, "predicted"]}, set()),
    ],
)  # fmt: skip
def test_setting_changes_the_steps_that_it_concerns(build, settings, steps):
    assert changed(digests(build()), digests(build(**settings))) == of_shards(steps, 0, 1, 2)


def test_target_layer_is_no_part_of_the_model(build):
    before, after = build(), build({"target_layer": "layer4"})
    before, after = Digests(before), Digests(after)
    assert before.of("inspect_model", "net") == after.of("inspect_model", "net")
    assert before.of("find_target_layer", "net") != after.of("find_target_layer", "net")


def test_replaced_weights_change_all_but_the_inputs(build):
    before = digests(build())
    Path("weights.pth").write_bytes(b"abcd")
    assert changed(before, digests(build())) == of_shards(AFTER_PREPARE, 0, 1, 2)


def test_raised_version_changes_the_step_and_what_follows(build, monkeypatch):
    before = digests(build())
    monkeypatch.setattr(GuidedBackprop, "version", 1000)
    steps = {(step, target) for step in ("guided_backprop", "guided_gradcam") for target in TARGETS}
    assert changed(before, digests(build())) == of_shards(steps, 0, 1, 2)


def test_step_without_or_with_a_needless_shard_is_refused(build):
    with pytest.raises(ValueError, match="step 'predict' works on a shard"):
        Digests(build()).of("predict", "net")
    with pytest.raises(ValueError, match="step 'predictions' does not work on a shard"):
        Digests(build()).of("predictions", "net", 0)


def test_shards_split_the_samples_in_order(build):
    plan = build()
    assert list(plan.shards) == [0, 1, 2]
    assert [plan.rows(shard)["id"].tolist() for shard in plan.shards] == [["s0", "s1"], ["s2", "s3"], ["s4"]]
    assert [list(build(shard_size=size).shards) for size in (1, 4, 5, 6)] == [[0, 1, 2, 3, 4], [0, 1], [0], [0]]


@pytest.mark.parametrize(
    ("settings", "precision", "samples"),
    [
        ({"crop": 256, "resize": 256}, "float32", 170),  # 3 * 256 * 256 * 4 B = 768 KiB, of 128 MiB
        ({"crop": 256, "resize": 256}, "float64", 85),
        ({"crop": None, "resize": [128, 256], "channels": 1, "mean": [0], "std": [1]}, "float32", 1024),
        ({"crop": 10_000, "resize": 10_000}, "float32", 1),
    ],
)
def test_automatic_shards_hold_128_mebibytes_of_input(build, settings, precision, samples):
    plan = build(shard_size="auto", input=settings, precision=precision)
    assert plan.shard_size == samples
    same = build(shard_size=samples, input=settings, precision=precision)
    assert Digests(plan).of("prepare", "net", 0) == Digests(same).of("prepare", "net", 0)


def test_automatic_shards_of_volumes_follow_the_largest_input(build):
    Path("data/m.csv").write_text("id,path,label\ns0,s0.png,1\n")
    volumes = {"mode": "3D", "crop": 64}
    assert build(shard_size="auto", input=volumes).shard_size == 128
    assert build(shard_size="auto", input=volumes, model={"input": {"crop": [128, 128, 64]}}).shard_size == 32


def test_paths_of_arrays_and_shards(build):
    plan = build(targets=["runner_up", 281], methods=["guided_gradcam"])
    keys = {"inputs": "inputs/c.3.0.0.0", "status": "status/c.3", "logits": "logits/c.3.0"}
    for target in ("runner_up", "class-281"):
        keys |= {
            f"{target}/class": f"{target}/class/c.3",
            f"{target}/gradcam": f"{target}/gradcam/c.3.0.0",
            f"{target}/guided_backprop": f"{target}/guided_backprop/c.3.0.0.0",
            f"{target}/guided_gradcam": f"{target}/guided_gradcam/c.3.0.0.0",
        }
    assert {array: plan.shard_key(array, 3) for array in plan.arrays} == keys
    assert plan.shard_key("logits", "{shard}") == "logits/c.{shard}.0"
    assert build(methods=["gradcam"]).methods == ["gradcam"]


def test_labels_are_indices_or_minus_one(build):
    labels = build().labels(build().samples)
    assert labels.dtype == np.int64
    assert labels.tolist() == [7, -1, 0, 1, 2]
    write_manifest(2, header="id,path,site")
    assert build(targets=["predicted"]).labels(build(targets=["predicted"]).samples).tolist() == [-1, -1]


def test_paths_are_relative_to_the_manifest(build):
    Path("data/m.csv").write_text("id,path\na,s0.png\nb,package://numpy/version.py\nc,package://no_such_package/x\n")
    plan = build(targets=["predicted"], on_error="skip")
    assert [found["path"] for found in plan.files(plan.samples, "net")] == [
        Path("data/s0.png"),
        Path(np.__file__).parent / "version.py",
        Path("package://no_such_package/x"),
    ]


def test_positions_of_samples_to_draw(build):
    write_manifest(20)
    plan = Selection(build())
    assert plan.positions("first", 3).tolist() == [0, 1, 2]
    assert plan.positions("first", 99).tolist() == plan.positions("all", 3).tolist() == list(range(20))
    drawn = [Selection(build(plots={"seed": seed})).positions("random", 5).tolist() for seed in range(30)]
    assert all(rows == sorted(set(rows)) and len(rows) == 5 for rows in drawn)
    assert {row for rows in drawn for row in rows} == set(range(20))
    assert len({tuple(rows) for rows in drawn}) > 25
    assert Selection(build(plots={"seed": 4})).positions("random", 5).tolist() == drawn[4]
    assert plan.positions("random", 99).tolist() == list(range(20))


@pytest.mark.parametrize(
    ("samples", "chosen"),
    [(["s4", "s1"], ["s1", "s4"]), ("first", ["s0", "s1"]), ("all", ["s0", "s1", "s2", "s3", "s4"])],
)
def test_chosen_samples_are_in_the_order_of_the_manifest(build, samples, chosen):
    assert Selection(build(plots={"samples": samples, "count": 2})).chosen["id"].tolist() == chosen
