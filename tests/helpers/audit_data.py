"""Samples, maps and pictures of which it is known what an audit should find."""

from pathlib import Path

import numpy as np
import pandas as pd

from saliency.audit.clusters import ClusterSettings
from saliency.audit.evidence import Evidence
from saliency.audit.findings.finding import Finding
from saliency.audit.findings.ranking import ranked_findings
from saliency.audit.findings.registered import finding_keys
from saliency.audit.measure import write_parquet
from saliency.audit.run import AuditSettings, audit
from saliency.experiment.config import Config
from saliency.experiment.validation import complete_config
from saliency.methods.registered import methods
from saliency.metrics.table import measure_columns

THRESHOLDS = {key.name: key.default for key in finding_keys()}
# What `saliency.audit.files.write_audit` writes.
AUDIT_TABLES = (
    *("evidence", "distributions", "groups", "maps", "clusters"),
    *("performance", "confusion", "calibration"),
)
FAST = AuditSettings(clusters=ClusterSettings(max_clusters=4), resamples=100, permutations=199)


def dataset(
    seed: int = 0, grid: tuple[int, ...] = (6, 6), marked: float = 0.9, count: int = 600
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Three classes of noise; in class 1, `marked` of the pictures have a mark in cell 0, and the maps point at it."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % 3
    bears = (classes == 1) & (rng.random(count) < marked)
    inputs = rng.random((count, 1, *[4 * cells for cells in grid])) * 0.5
    maps = rng.gamma(0.5, size=(count, *grid))
    corner = (slice(0, 4),) * len(grid)
    inputs[(bears, 0, *corner)] = np.indices([4] * len(grid)).sum(axis=0) % 2
    maps[(bears, *[0] * len(grid))] += 15
    correct = rng.random(count) < np.where(bears, 1.0, 0.6)
    samples = pd.DataFrame(
        {
            "id": [f"s{number}" for number in range(count)],
            "class": pd.array(classes, dtype="Int64"),
            "name": ["*zero*", "<one>", ""] * (count // 3),
            "correct": pd.array(correct, dtype="boolean"),
            "zero_map": 0.0,
            "energy_ratio": np.nan,
            "spread": rng.random(count),
            "scanner": np.where(bears, "new_one", rng.choice(["old", "new_one"], count)),
        }
    )
    return samples, maps, inputs


def evidence(samples: pd.DataFrame, maps: np.ndarray, inputs: np.ndarray) -> Evidence:
    """What an audit of a `dataset` computes."""
    return audit(samples, maps, inputs, ["correct", "spread", "energy_ratio"], ["scanner", "id"], FAST).evidence


def findings(*of_dataset: pd.DataFrame | np.ndarray) -> list[Finding]:
    """Findings of a `dataset`."""
    return ranked_findings(evidence(*of_dataset), THRESHOLDS)[0]


def write_audit_inputs(folder: Path, count: int = 240) -> Config:
    """Write the files that an audit reads, ``m.csv``, ``metrics.parquet`` and ``0.npz``; return the config.

    Maps of class 1 lie in the lower right corner, where its pictures hold a pattern; other maps lie anywhere. Every
    second sample is of the split ``test``, and is audited. The working directory has to be `folder`.
    """
    generator = np.random.default_rng(0)
    classes = np.arange(count) % 3
    maps = generator.random((count, 8, 8)) ** 4
    maps[classes == 1] *= 0.01
    maps[classes == 1, 6:, 6:] = 1
    inputs = generator.random((count, 1, 32, 32))
    inputs[classes == 1, :, 26:30, 26:30] = np.indices((4, 4)).sum(0) % 2
    rows = ["id,path,label,split"]
    rows += [f"s{row},x.png,{classes[row]},{'test' if row % 2 else 'train'}" for row in range(count)]
    (folder / "m.csv").write_text("\n".join(rows) + "\n")
    config, problems = complete_config(
        {"experiment": "e", "manifest": "m.csv", "models": {"net": {"factory": "torch.nn:Linear"}}, "on_error": "skip",
         "audit": {"where": {"split": "test"}, "permutations": 99, "resamples": 100}},
    )  # fmt: skip
    assert problems == []
    table = pd.DataFrame({"id": [f"s{row}" for row in range(count)], "target": "predicted", "class": classes,
                          "name": classes.astype(str), "correct": pd.array([True] * count, dtype="boolean"),
                          "label": classes, "predicted_class": classes, "probability": 0.9,
                          "split": ["train", "test"] * (count // 2),
                          **dict.fromkeys(measure_columns(2, list(methods())), np.nan)})  # fmt: skip
    table["zero_map"] = 0.0
    write_parquet(table, folder / "metrics.parquet")
    np.savez(folder / "0.npz", inputs=inputs, predicted=maps)
    return config
