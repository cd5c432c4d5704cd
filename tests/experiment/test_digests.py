"""Digests decide what is made again: an update keeps those of shards, and unknown steps are refused."""

import json
import os
from pathlib import Path

import pytest

from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.resources import memory_mb, minutes
from saliency.experiment.steps import STEPS
from saliency.experiment.validation import complete_config
from saliency.files import code_versions

# Of version 0.1.0, for the experiment below: an update must not recompute shards. Maps of a target layer are made anew,
# since layers of tokens and with channels last were read as if they had channels first.
RELEASED = {
    ("prepare", None): "247681073329dc92fbb9989a14a40828",
    ("predict", None): "ee135f0b89b44a1ac64adb0a9ef1289d",
    ("target_class", "predicted"): "2083f2948150d5f4d8bd54942954a55e",
    ("guided_backprop", "predicted"): "d95a1791fff6970b41d0e029f0166f3a",
    ("target_class", "label"): "b6ecf74b5ba61a133b6ee06cb671a518",
    ("guided_backprop", "label"): "c3cc23413343cc758d1823b2ab34c744",
}


# Of a version without `freeze` and `pretrained`, for the same experiment with `train: {epochs: 2}`.
TRAINED = {"train": "7ee8952d9cf07c5465a03a10725caf13", "predict": "c06336d445fbd39798bfcf99ba1e009c"}


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return build({"target_layer": "layer4"}, targets=["predicted", "label"])


def build(model, **changes):
    for number in range(3):
        path = Path(f"s{number}.png")
        path.write_bytes(b"abc")
        os.utime(path, ns=(10**18, 10**18))
    rows = "".join(f"s{number},s{number}.png,{number},train\n" for number in range(3))
    Path("m.csv").write_text(f"id,path,label,split\n{rows}")
    config = {
        "experiment": "e",
        "manifest": "m.csv",
        "models": {"net": {"factory": "torch.nn:Linear"} | model},
        "shard_size": 2,
    }
    completed, problems = complete_config(config | changes)
    assert problems == []
    return Plan(completed)


def test_digests_of_shards_are_those_of_the_release_before(plan):
    digests = Digests(plan)
    found = {(step, target): digests.of(step, "net", 1, target) for step, target in RELEASED}
    assert found == RELEASED


def trained(**settings):
    digests = Digests(build({"train": {"epochs": 2} | settings}))
    return {
        step: digests.of(step, "net", *([] if step == "train" else [1])) for step in ("train", "predict", "prepare")
    }


def test_frozen_modules_and_the_start_are_trained_again_and_nothing_is_read_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = trained()
    assert {step: before[step] for step in TRAINED} == TRAINED
    Path("start.pt").write_bytes(b"abc")
    found = [before, trained(freeze=["a"]), trained(freeze=["b"]), trained(pretrained="start.pt")]
    Path("start.pt").write_bytes(b"abcd")
    found.append(trained(pretrained="start.pt"))
    for step in TRAINED:
        assert len({each[step] for each in found}) == len(found)
    assert len({each["prepare"] for each in found}) == 1


def test_what_is_taken_of_a_checkpoint_and_its_parts_count(tmp_path, monkeypatch):
    """Not the keys as they are by default, so that results of before stay."""

    def described(weights="w.pt", **keys):
        digests = Digests(build({"weights": weights, **keys}))
        return digests.of("inspect_model", "net"), digests.of("predict", "net", 0), digests.of("prepare", "net", 0)

    monkeypatch.chdir(tmp_path)
    Path("w.pt").write_bytes(b"abc")
    before = described()
    assert described(weights_key=None, weights_prefix=None, weights_strict=True) == before
    for keys in ({"weights_key": "ema"}, {"weights_prefix": ""}, {"weights_strict": False}):
        found = described(**keys)
        assert [one == other for one, other in zip(found, before, strict=True)] == [False, False, True]
    index = Path("w.safetensors.index.json")
    index.write_text(json.dumps({"weight_map": {"a": "1.safetensors", "b": "2.safetensors", "c": "2.safetensors"}}))
    for number in (1, 2):
        Path(f"{number}.safetensors").write_bytes(b"abc")
    before = described(index.name)
    assert described(index.name) == before
    Path("2.safetensors").write_bytes(b"abcd")
    assert [one == other for one, other in zip(described(index.name), before, strict=True)] == [False, False, True]

    def trained(**keys):
        plan = build({"train": {"epochs": 2, "pretrained": "w.pt"}, **keys}, targets=["predicted", "label"])
        return Digests(plan).of("train", "net")

    found = [trained(), trained(weights_key="ema"), trained(weights_prefix="a"), trained(weights_strict=False)]
    assert len(set(found)) == 4


def test_fewer_bits_make_a_method_and_what_is_made_of_it_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    steps = ["prepare", "predict", "target_class", "guided_backprop", "gradcam", "guided_gradcam"]
    before, after = (
        {name: Digests(build({}, **changes)).of(name, "net", 1, "predicted") for name in steps}
        for changes in ({}, {"keep_bits": {"gradcam": 7}})
    )
    assert {name for name in steps if before[name] != after[name]} == {"gradcam", "guided_gradcam"}


def test_other_axes_of_the_network_leave_what_was_read(tmp_path, monkeypatch):
    """What is stored is in the axes of the scanner."""
    monkeypatch.chdir(tmp_path)
    steps = ["prepare", "predict", "target_class", "guided_backprop", "gradcam"]
    found = {
        axes: {name: Digests(build({}, input=volumes)).of(name, "net", 1, "predicted") for name in steps}
        for axes in (None, "RAS", "SPL", "LPS")
        if (volumes := {"mode": "3D", "crop": 8, **({"orientation": axes} if axes else {})})
    }
    assert found[None] == found["RAS"]
    for axes in ("SPL", "LPS"):
        assert {name for name in steps if found[axes][name] == found["RAS"][name]} == {"prepare"}
    assert found["SPL"]["predict"] != found["LPS"]["predict"]


def test_unknown_steps_and_arrays_raise(plan):
    digests = Digests(plan)
    with pytest.raises(ValueError, match="there is no step 'predikt'"):
        digests.of("predikt", "net", 0)
    with pytest.raises(ValueError, match="there is no step 'audits'"):
        digests.of("audits", "net")
    for estimate in (memory_mb, minutes):
        with pytest.raises(ValueError, match="there is no step 'predikt'"):
            estimate(plan, "predikt", "net")
    with pytest.raises(ValueError, match="a store has no array 'gradcamm'"):
        plan.shard_key("predicted/gradcamm", 0)


def test_every_step_has_a_rule_of_its_name():
    rules = "\n".join(path.read_text() for path in Path(__file__).parents[2].joinpath("workflow/rules").glob("*.smk"))
    assert {step for step in STEPS if f"rule {step}:" not in rules} == set()


def test_what_is_expected_of_a_model_makes_nothing_but_its_description_again(plan):
    one, other = (
        Digests(plan),
        Digests(build({"target_layer": "layer4", "expect": {"accuracy": 0.9}}, targets=["label"])),
    )
    assert one.of("inspect_model", "net") != other.of("inspect_model", "net")
    for step in ("prepare", "predict", "gradcam"):
        target = "label" if step == "gradcam" else None
        assert one.of(step, "net", 1, target) == other.of(step, "net", 1, target)


NETWORK_STEPS = ("inspect_model", "find_target_layer", "train", "predict", "target_class", "guided_backprop", "gradcam")


def test_code_of_the_network_counts_in_its_steps_and_a_version_of_your_own_instead(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own_network.py").write_text("import own_blocks\n")
    Path("own_blocks.py").write_text("")

    def found(**keys):
        steps = {}
        for settings in ({}, {"train": {"epochs": 2}}):
            digests = Digests(build({"factory": "own_network:Network"} | settings | keys))
            for step in ("prepare", "zarr_metadata", *NETWORK_STEPS):
                of_model = step in ("inspect_model", "find_target_layer", "train", "zarr_metadata")
                if settings or step != "train":
                    target = "predicted" if step in NETWORK_STEPS[-3:] else None
                    steps[step, bool(settings)] = digests.of(step, "net", None if of_model else 1, target)
        return steps

    before = found()
    assert found() == before
    Path("own_blocks.py").write_text("# edited")
    edited = found()
    assert {step for step, _ in before if edited[step, True] == before[step, True]} == {"prepare"}
    assert [step for step in before if edited[step] == before[step]] == [("prepare", False), ("prepare", True)]
    named, nothing = found(code="1"), found(code="")
    Path("own_network.py").write_text("# edited")
    assert found() != edited
    assert (found(code="1"), found(code="")) == (named, nothing)
    assert named != nothing != before
    # As before code counted.
    monkeypatch.setattr(Digests, "_code", lambda *_: [])
    assert found() == nothing


def test_an_upgraded_package_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("w.pt").write_bytes(b"abc")
    before = Digests(build({})).of("predict", "net", 0)
    monkeypatch.setattr(code_versions, "version", lambda _: "99.0")
    after = Digests(build({}))
    assert after.of("predict", "net", 0) != before
    assert Digests(build({"code": ""})).of("predict", "net", 0) == before
