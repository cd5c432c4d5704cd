import json

from jsonschema import Draft202012Validator

from saliency.audit.document import SCHEMA, to_json, to_markdown
from saliency.audit.findings.ranking import ranked_findings
from tests.helpers.audit_data import THRESHOLDS, dataset, evidence


def test_documents_are_valid_and_hold_the_same_findings():
    known = evidence(*dataset())
    findings, left_out = ranked_findings(known, THRESHOLDS)
    settings = {**known.settings, "findings": THRESHOLDS}
    document = json.loads(to_json(findings, left_out, known.tested, settings))
    sample = findings[0].samples[0]
    Draft202012Validator(SCHEMA).validate(document)
    scores = [finding["score"] for finding in document["findings"]]
    assert scores == sorted(scores, reverse=True)
    text = to_markdown(findings, left_out, known.tested, settings, {sample: "figures/a.png"})
    assert r"**possible shortcut** (score 0." in text
    assert r"Class 1 \(\<one\>\): " in text
    assert f"[{sample}](<figures/a.png>)" in text
    assert r"new\_one" in text


def test_without_findings_it_says_what_was_looked_at():
    known = evidence(*dataset(4, marked=0.0))
    text = to_markdown([], 0, known.tested, {**known.settings, "findings": THRESHOLDS})
    assert "\nNothing was found.\n" in text
    assert "\n- samples: 600\n- maps: 600\n- classes: 3\n" in text
    assert "\n- columns skipped id: 600 different values, more than 20\n" in text
    assert "\n- findings alpha: 0.05\n" in text


def test_findings_of_lower_rank_are_counted():
    findings, left_out = ranked_findings(evidence(*dataset()), THRESHOLDS | {"most": 1})
    assert left_out > 0
    assert f"\n{left_out} more findings have a lower rank and are left out.\n" in to_markdown(
        findings, left_out, {}, {}
    )
