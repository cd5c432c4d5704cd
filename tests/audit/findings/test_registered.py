"""Kinds of finding are found where they lie: a new one is one new file."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

import saliency
from saliency.audit.evidence import Evidence
from saliency.audit.findings import registered
from saliency.audit.findings.registered import finding_keys, finding_kind, finding_kinds
from saliency.registry.key import Key
from tests.helpers.audit_data import THRESHOLDS, dataset, evidence, write_audit_inputs

TOY = '''
"""Classes with many samples."""

from saliency.audit.findings.finding import Finding, FindingKind
from saliency.audit.findings.words import class_words, percent
from saliency.registry.key import Key


class CrowdFinding(FindingKind):
    """The score is the class's share of all samples."""

    name = "crowd"
    title = "crowded class"
    summary = "A class has many samples."
    version = 3
    reads = frozenset()
    keys = (Key("min_crowd", "Share of the samples.", 0.3, {"type": "number"}),)

    @classmethod
    def find(cls, evidence, thresholds):
        """One finding for each crowded class."""
        findings = []
        for index in evidence.classes:
            rows = evidence.rows_of_class(index)
            share = len(rows) / len(evidence.samples)
            if share >= thresholds["min_crowd"]:
                begin, names = class_words(evidence, index)
                template = f"{begin}: {percent(share)} of all samples are here."
                findings.append(Finding(cls.name, share, template, names, {"class": index}, evidence.ids(rows[:2])))
        return findings
'''
RUN = """
import json
from pathlib import Path

from jsonschema import validate

import saliency
from saliency.audit.document import SCHEMA, write_findings
from saliency.audit.files import write_audit
from saliency.audit.findings.registered import finding_keys, finding_versions

config = json.loads(Path("config.json").read_text())
config["audit"]["findings"] = {key.name: key.default for key in finding_keys()} | config["audit"]["findings"]
names = ("evidence", "distributions", "groups", "maps", "clusters", "performance", "confusion", "calibration")
outputs = {name: Path("out", name) for name in names}
write_audit(config, "net", "predicted", Path("metrics.parquet"), [Path("0.npz")], outputs)
files = {"findings_json": Path("out/findings.json"), "findings_md": Path("out/findings.md")}
write_findings(config, "predicted", Path("metrics.parquet"), Path("out/evidence"), [], {}, **files)
validate(json.loads(files["findings_json"].read_text()), SCHEMA)
print(json.dumps([saliency.__file__, finding_versions()]))
"""


def test_defaults():
    assert {key.name: key.default for key in finding_keys()} == {
        "alpha": 0.05,
        "min_turned": 0.3,
        "min_per_area": 1.0,
        "min_excess": 0.15,
        "min_unmissed": 0.5,
        "min_lost": 0.2,
        "min_already": 0.8,
        "min_effect": 0.33,
        "min_distance": 0.1,
        "min_difference": 0.2,
        "min_isolation": 0.5,
        "max_zero": 0.05,
        "most": 20,
        "exemplars": 5,
    }


def test_unknown_kinds_are_errors():
    with pytest.raises(ValueError, match="no kind of finding 'short': choose from random_weights, transfer, removal"):
        finding_kind("short")


def test_thresholds_of_one_name_are_errors(monkeypatch):
    twice = type("Twice", (finding_kind("zero_maps"),), {"name": "twice", "keys": (Key("alpha", "…", 0.1),)})
    monkeypatch.setattr(registered, "finding_kinds", lambda: {"twice": twice})
    with pytest.raises(ValueError, match="finding 'twice': the threshold 'alpha' exists already"):
        finding_keys.__wrapped__()


def test_kinds_are_cheap_to_import():
    code = (
        "import sys; from saliency.audit.findings.registered import finding_kinds; finding_kinds(); "
        "print([name for name in ('matplotlib', 'PIL', 'scipy', 'sklearn', 'torch', 'zarr') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_kinds_read_what_they_say():
    known = evidence(*dataset(marked=0.5))
    empty = Evidence(known.samples)
    seen = set()
    for name, kind in finding_kinds().items():
        hidden = [field.name for field in fields(Evidence) if field.name not in {*kind.reads, "samples"}]
        found = kind.find(known, THRESHOLDS)
        assert kind.find(replace(known, **dict.fromkeys(hidden)), THRESHOLDS) == found
        if kind.reads and found:
            seen.add(name)
            assert kind.find(empty, THRESHOLDS) == []
    assert seen >= {"shortcut", "cluster", "group"}


def test_a_new_kind_is_one_new_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = write_audit_inputs(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    package = tmp_path / "code" / "saliency"
    shutil.copytree(Path(saliency.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "audit" / "findings" / "crowd.py").write_text(TOY)
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env=os.environ | {"PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    file, versions = json.loads(done.stdout)
    assert Path(file).parent == package
    assert versions == {name: kind.version for name, kind in finding_kinds().items()} | {"crowd": 3}
    document = json.loads((tmp_path / "out" / "findings.json").read_text())
    found = [finding for finding in document["findings"] if finding["kind"] == "crowd"]
    # 120 samples of three classes, every second of 240.
    assert [finding["sentence"] for finding in found] == [
        f"Class {index}: 33 % of all samples are here." for index in range(3)
    ]
    assert found[1]["samples"] == ["s1", "s7"]
    assert document["settings"]["findings"]["min_crowd"] == 0.3
    assert "**crowded class** (score 0.33): Class 0" in (tmp_path / "out" / "findings.md").read_text()
