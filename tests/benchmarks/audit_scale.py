"""Time and memory of the audit of one model, by number of samples.

python -m tests.benchmarks.audit_scale 1000 10000

The samples are random: ten classes, two sites, Grad-CAMs of 7 x 7, three channels. Each number runs in a process of its
own; memory is that of the whole process, and what its libraries take without any sample stands in the first line.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from saliency.audit.document import write_findings
from saliency.audit.files import write_audit
from saliency.audit.grid_files import write_grids
from saliency.audit.measure import write_parquet
from saliency.experiment.validation import complete_config
from saliency.methods.registered import methods
from saliency.metrics.table import measure_columns

SHARD = 256
OUTPUTS = ("evidence", "distributions", "groups", "maps", "clusters")


def make(samples: int) -> list[Path]:
    """Write a manifest, a table of measures and the shards' grids to the working directory."""
    rng = np.random.default_rng(0)
    classes, sites = np.arange(samples) % 10, np.where(np.arange(samples) % 2, "a", "b")
    manifest = pd.DataFrame({"id": [f"s{row}" for row in range(samples)], "path": "x.png", "site": sites})
    manifest.to_csv("manifest.csv", index=False)
    measures = {name: rng.random(samples) for name in measure_columns(2, list(methods()))} | {
        "zero_map": np.zeros(samples)
    }
    correct = pd.array(rng.random(samples) < 0.8, dtype="boolean")
    table = manifest.assign(target="predicted", name=classes.astype(str), correct=correct, **measures)
    write_parquet(table.assign(**{"class": classes}), Path("metrics.parquet"))
    paths = []
    for begin in range(0, samples, SHARD):
        count = min(SHARD, samples - begin)
        paths.append(Path(f"{begin // SHARD}.npz"))
        write_grids({"inputs": rng.random((count, 3, 28, 28)), "predicted": rng.random((count, 7, 7)) ** 4}, paths[-1])
    return paths


def run(samples: int) -> None:
    """Audit so many samples, in the working directory; print processor seconds and peak memory."""
    config, problems = complete_config(
        {
            "experiment": "scale",
            "manifest": "manifest.csv",
            "shard_size": SHARD,
            "models": {"net": {"factory": "torch.nn:Linear"}},
        },
        check=False,
    )
    if problems:
        raise SystemExit("\n".join(problems))
    began, taken = time.process_time(), 0.0
    if samples:
        grids = sorted(Path().glob("*.npz"), key=lambda path: int(path.stem))
        outputs = {name: Path("out", name) for name in OUTPUTS}
        metrics, found = Path("metrics.parquet"), {name: Path("out", name) for name in ("findings_json", "findings_md")}
        write_audit(config, "predicted", metrics, grids, outputs)
        write_findings(config, "predicted", metrics, outputs["evidence"], [], {}, **found)
        taken = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(f"{samples:8} {taken:8.1f} {peak:8.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", type=int, nargs="+")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        run(*arguments.samples)
        return
    print(" samples  core s       MB")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    for samples in [0, *arguments.samples]:
        with tempfile.TemporaryDirectory() as folder:
            command = "from tests.benchmarks.audit_scale import make; make({})"
            if samples:
                subprocess.run([sys.executable, "-c", command.format(samples)], cwd=folder, env=environment, check=True)
            command = [sys.executable, "-m", "tests.benchmarks.audit_scale", str(samples), "--here"]
            subprocess.run(command, cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    main()
