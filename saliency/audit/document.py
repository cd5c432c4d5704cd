"""findings.json and findings.md: what was found in one target of a model, for programs and for readers."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from saliency.audit.checks.registered import checks as registered_checks
from saliency.audit.evidence import Evidence
from saliency.audit.findings.finding import Finding
from saliency.audit.findings.ranking import ranked_findings
from saliency.audit.findings.registered import finding_kind, finding_kinds
from saliency.audit.findings.words import escape_markdown
from saliency.audit.groups import grouping_columns
from saliency.audit.samples import audited_samples
from saliency.experiment.config import Config
from saliency.experiment.plan import Plan
from saliency.experiment.selection import Selection
from saliency.files.atomic_files import write_atomically
from saliency.files.json_values import plain

log = logging.getLogger(__name__)

# JSON schema (2020-12) of findings.json.
SCHEMA = {
    "type": "object",
    "required": ["version", "findings", "left_out", "tested", "settings"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": 1},
        "findings": {
            "description": "ranked by score",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["kind", "score", "sentence", "numbers", "samples"],
                "additionalProperties": False,
                "properties": {
                    "kind": {"enum": list(finding_kinds())},
                    "score": {"type": "number", "minimum": 0},
                    "sentence": {"type": "string"},
                    "numbers": {"type": "object", "description": "what the sentence says; null is not known"},
                    "samples": {"type": "array", "items": {"type": "string"}, "description": "ids that show it"},
                    "row": {
                        "type": "array",
                        "prefixItems": [{"type": "string"}, {"type": "integer", "minimum": 0}],
                        "items": False,
                        "description": "a check, and the row of its table on which it rests, from 0 on",
                    },
                },
            },
        },
        "left_out": {"type": "integer", "minimum": 0, "description": "findings of lower rank"},
        "tested": {"type": "object", "description": "how much was looked at, by what it is"},
        "settings": {"type": "object", "description": "the thresholds"},
    },
}


def to_json(
    findings: Sequence[Finding], left_out: int, tested: Mapping[str, object], settings: Mapping[str, object]
) -> str:
    """Write findings for programs; `SCHEMA` says what stands where. NaN becomes null.

    Examples
    --------
    >>> json.loads(to_json([Finding("zero_maps", 0.3, "Class 1{class}: …", {"class": ""})], 0, {}, {}))["findings"][0]
    {'kind': 'zero_maps', 'score': 0.3, 'sentence': 'Class 1: …', 'numbers': {}, 'samples': []}
    """
    document = {
        "version": 1,
        "findings": [
            {
                "kind": finding.kind,
                "score": finding.score,
                "sentence": finding.sentence,
                "numbers": finding.numbers,
                "samples": list(finding.samples),
                **({"row": finding.row} if finding.row else {}),
            }
            for finding in findings
        ],
        "left_out": left_out,
        "tested": tested,
        "settings": settings,
    }
    return json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_markdown(
    findings: Sequence[Finding],
    left_out: int,
    tested: Mapping[str, object],
    settings: Mapping[str, object],
    links: Mapping[str, str] | None = None,
) -> str:
    """Write findings for readers.

    Parameters
    ----------
    findings
        Ranked.
    left_out
        Number of findings of lower rank.
    tested
        How much was looked at.
    settings
        Thresholds.
    links
        By sample id: where its figure is, relative to the file.

    Examples
    --------
    >>> print(to_markdown([], 0, {"classes": 10, "largest_contrast": None}, {"alpha": 0.05}))
    # Findings
    <BLANKLINE>
    Nothing was found.
    <BLANKLINE>
    ## What was looked at
    <BLANKLINE>
    - classes: 10
    <BLANKLINE>
    ## Thresholds
    <BLANKLINE>
    - alpha: 0.05
    <BLANKLINE>
    """
    lines = ["# Findings", ""]
    for number, finding in enumerate(findings, start=1):
        lines += [f"{number}. **{finding_kind(finding.kind).title}** (score {finding.score:.2f}): {finding.markdown}"]
        if finding.samples:
            lines += [f"   Samples: {', '.join(_link(name, links or {}) for name in finding.samples)}."]
    if not findings:
        lines += ["Nothing was found."]
    if left_out:
        lines += ["", f"{left_out} more findings have a lower rank and are left out."]
    for title, entries in (("What was looked at", tested), ("Thresholds", settings)):
        lines += ["", f"## {title}", "", *(f"- {entry}" for entry in _entries(entries))]
    return "\n".join(lines) + "\n"


def _entries(entries: Mapping[str, object], prefix: str = "") -> list[str]:
    texts = []
    for key, value in entries.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            texts += _entries(value, f"{name} ")
        elif value is not None:
            text = f"{value:.3g}" if isinstance(value, float) else escape_markdown(str(value))
            texts.append(f"{escape_markdown(name)}: {text}")
    return texts


def _link(name: str, links: Mapping[str, str]) -> str:
    return f"[{escape_markdown(name)}](<{links[name]}>)" if name in links else escape_markdown(name)


def write_findings(
    config: Config,
    target: str,
    metrics: Path,
    evidence: Path,
    figures: Sequence[Path],
    checks: Mapping[str, Path],
    *,
    findings_json: Path,
    findings_md: Path,
) -> None:
    """Look for findings in what `saliency.audit.files.write_audit` computed, and write them.

    Parameters
    ----------
    config
        The completed config.
    target
        Name.
    metrics
        The model's ``metrics.parquet``.
    evidence
        ``evidence.json`` of the target.
    figures
        Of single samples, ``ID.png``, to which the findings link.
    checks
        By name of a check, or of what is known of the files alone, that findings read: its CSV file.
    findings_json, findings_md
        Files to write.

    Raises
    ------
    DataError
        If no sample is audited.
    """
    plan, thresholds = Plan(config), config["audit"]["findings"]
    samples, _ = audited_samples(plan, metrics, target)
    groups, _ = grouping_columns(samples, Selection(plan).audit_columns, config["audit"]["min_count"])
    # Ids and groups may look like numbers, or like missing values.
    texts = dict.fromkeys(("id", "source", "target", "other", "group", "other_group"), str)
    tables = {
        name: pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""]) for name, path in checks.items()
    }
    known = Evidence.from_json(evidence.read_text(encoding="utf-8"), samples, groups, tables)
    findings, left_out = ranked_findings(known, thresholds)
    links = {plan.sample_of_file[path.stem]: os.path.relpath(path, findings_md.parent) for path in figures}
    told = {name: check.told(tables[name], thresholds) for name, check in registered_checks().items() if name in tables}
    described = (findings, left_out, {**known.tested, **told}, {**known.settings, "findings": thresholds})
    write_atomically(findings_json, to_json(*described).encode())
    write_atomically(findings_md, to_markdown(*described, links).encode())
    log.info("%d findings, %d of lower rank left out", len(findings), left_out)
