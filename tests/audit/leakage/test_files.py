"""From photographs to the tables of what gives the answer away, without a network."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from saliency.audit.facts.registered import fact_versions
from saliency.audit.leakage.fact_table import join_facts, write_fact_table, write_facts
from saliency.audit.leakage.files import write_duplicates, write_facts_test
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """24 photographs in shards of 16; label 1 is larger, s3 is s4 again, s5 cannot be read, and s0 to s3 are learnt."""
    folder = tmp_path_factory.mktemp("project")
    rng = np.random.default_rng(0)
    rows = ["id,path,label,split"]
    for number in range(24):
        path = folder / f"00{number}.png"
        side = 72 if number % 2 else 36
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)
        rows.append(f"00{number},{path.name},{number % 2},{'train' if number < 4 else 'test'}")
    (folder / "004.png").write_bytes((folder / "003.png").read_bytes())
    (folder / "005.png").write_bytes(b"no picture")
    (folder / "m.csv").write_text("\n".join(rows) + "\n")
    config = {
        "experiment": "e", "manifest": "m.csv", "shard_size": 16, "audit": {"where": {"split": "test"}},
        "models": {"net": {"factory": "torch.nn:Linear"}},
    }  # fmt: skip
    before = Path.cwd()
    os.chdir(folder)
    completed, problems = complete_config(config)
    assert problems == []
    for shard in range(2):
        write_facts(completed, shard, folder / f"{shard}.parquet")
    yield folder, completed
    os.chdir(before)


def shards(folder):
    return [folder / f"{shard}.parquet" for shard in range(2)]


def test_facts_of_all_samples_are_joined(project):
    folder, _ = project
    write_fact_table(shards(folder), folder / "facts.csv")
    table = pd.read_csv(folder / "facts.csv", dtype={"id": str, "hash": str})
    assert table["id"].tolist() == [f"00{number}" for number in range(24)]
    assert table["width"][[0, 1, 23]].tolist() == [36, 72, 72]
    assert table.loc[5].drop("id").isna().all()
    assert table["bytes"][7] == (folder / "007.png").stat().st_size
    assert table["hash"].dropna().str.fullmatch("[0-9a-f]{16}").all()


def test_a_shard_without_texts_is_joined(project, tmp_path):
    folder, _ = project
    table = pd.read_parquet(folder / "1.parquet")
    empty = table.drop(columns="id").assign(**dict.fromkeys(table.columns.drop("id"), np.nan))
    empty.insert(0, "id", table["id"])
    empty.to_parquet(tmp_path / "1.parquet")
    joined = join_facts([folder / "0.parquet", tmp_path / "1.parquet"])
    assert joined["format"].isna().sum() == 9
    assert joined["format"][0] == "PNG"


def test_files_tell_the_label_of_audited_samples(project, monkeypatch):
    folder, config = project
    for name, value in (("told_by_facts.TREES", 10), ("told_by_facts.REPEATS", 1), ("files.PERMUTATIONS", 3)):
        monkeypatch.setattr(f"saliency.audit.leakage.{name}", value)
    predictions = pd.DataFrame({"id": [f"00{number}" for number in range(24)], "label": np.arange(24) % 2,
                                "predicted_class": 0, "probability": 1.0, "correct": True, "status": "ok"})  # fmt: skip
    predictions.to_csv(folder / "predictions.csv", index=False)
    write_facts_test(config, shards(folder), folder / "predictions.csv", folder / "facts_test.csv")
    results = pd.read_csv(folder / "facts_test.csv").query("fact == 'all'").set_index("asked")
    # Of 20 audited samples one cannot be read.
    assert results.loc["label", ["samples", "p"]].tolist() == [19, 0.25]
    assert results.loc["label", "balanced_accuracy"] > 0.8
    assert results.loc["prediction", "note"] == "no two classes with 5 samples that have facts"


def test_duplicates_across_splits_and_labels_are_listed(project):
    folder, config = project
    write_duplicates(config, shards(folder), folder / "duplicates.csv")
    found = pd.read_csv(folder / "duplicates.csv", dtype=str)
    assert found[["id", "other", "bits", "column"]].to_numpy().tolist() == [
        ["003", "004", "0", "split"],
        ["003", "004", "0", "label"],
    ]


def test_digests_follow_files_versions_and_settings(project):
    folder, config = project

    def of(name, versions=None, **audit):
        changed = {**config, "audit": {**config["audit"], **audit}}
        digests = Digests(Plan(changed), facts=fact_versions() if versions is None else versions)
        return digests.of(name, "net" if name == "facts_test" else None, 1 if name == "facts" else None)

    names = ("facts", "facts_table", "duplicates", "facts_test")
    before = {name: of(name) for name in names}
    assert [name for name in names if of(name, {**fact_versions(), "colours": 2}) == before[name]] == []
    assert [name for name in names if of(name, seed=1) != before[name]] == ["facts_test"]
    assert [name for name in names if of(name, where={}) != before[name]] == ["duplicates", "facts_test"]
    assert [name for name in names if of(name, min_count=3) != before[name]] == []
    os.utime(folder / "0023.png", ns=(1, 1))
    assert [name for name in names if of(name) == before[name]] == []
