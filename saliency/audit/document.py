"""findings.json and findings.md."""

import json
from collections.abc import Mapping, Sequence

from saliency.audit.findings.kinds import Finding, escape_markdown
from saliency.files.json_values import plain

TITLES = {
    "shortcut": "candidate for a shortcut",
    "cluster": "cluster",
    "group": "group that differs",
    "outside_mask": "energy outside the mask",
    "zero_maps": "maps of zeros",
    "accuracy": "accuracy of a class",
}

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
                    "kind": {"enum": list(TITLES)},
                    "score": {"type": "number", "minimum": 0},
                    "sentence": {"type": "string"},
                    "numbers": {"type": "object", "description": "what the sentence says; null is not known"},
                    "samples": {"type": "array", "items": {"type": "string"}, "description": "ids that show it"},
                },
            },
        },
        "left_out": {"type": "integer", "minimum": 0, "description": "findings of lower rank"},
        "tested": {"type": "object", "description": "how much was looked at, by what it is"},
        "settings": {"type": "object", "description": "the thresholds"},
    },
}


def rank(findings: Sequence[Finding], most: int) -> tuple[list[Finding], int]:
    """Sort by score, the highest first, and keep `most`; also return how many are left out."""
    ranked = sorted(findings, key=lambda finding: -finding.score)
    return ranked[:most], max(0, len(ranked) - most)


def to_json(
    findings: Sequence[Finding], left_out: int, tested: Mapping[str, object], settings: Mapping[str, object]
) -> str:
    """Write findings for programs; `SCHEMA` says what stands where. NaN becomes null.

    Examples
    --------
    >>> json.loads(to_json([Finding("accuracy", 0.3, "Class 1{class}: …", {"class": ""})], 0, {}, {}))["findings"][0]
    {'kind': 'accuracy', 'score': 0.3, 'sentence': 'Class 1: …', 'numbers': {}, 'samples': []}
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
    Looked at: classes 10.
    <BLANKLINE>
    Thresholds: alpha 0.05.
    <BLANKLINE>
    """
    lines = ["# Findings", ""]
    for number, finding in enumerate(findings, start=1):
        lines += [f"{number}. **{TITLES[finding.kind]}** (score {finding.score:.2f}): {finding.markdown}"]
        if finding.samples:
            lines += [f"   Samples: {', '.join(_link(name, links or {}) for name in finding.samples)}."]
    if not findings:
        lines += ["Nothing was found."]
    if left_out:
        lines += ["", f"{left_out} findings of lower rank are left out."]
    for title, entries in (("Looked at", tested), ("Thresholds", settings)):
        lines += ["", f"{title}: {', '.join(_entries(entries))}."]
    return "\n".join(lines) + "\n"


def _entries(entries: Mapping[str, object], prefix: str = "") -> list[str]:
    texts = []
    for key, value in entries.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            texts += _entries(value, f"{name} ")
        elif value is not None:
            text = f"{value:.3g}" if isinstance(value, float) else escape_markdown(str(value))
            texts.append(f"{escape_markdown(name)} {text}")
    return texts


def _link(name: str, links: Mapping[str, str]) -> str:
    return f"[{escape_markdown(name)}](<{links[name]}>)" if name in links else escape_markdown(name)
