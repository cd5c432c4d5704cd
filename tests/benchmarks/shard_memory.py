"""Peak memory of a fused job by the samples of its shard: photographs, and volumes.

    python -m tests.benchmarks.shard_memory
    python -m tests.benchmarks.shard_memory --photographs 256 2048 --volumes 16

Photographs of 224 x 224 in batches of 32, volumes of 128 x 128 x 128 in those of the default, one thread, and a network
that computes little; all maps are stored. Each shard is a program of its own, whose peak the kernel counts.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from tests.benchmarks.markdown import markdown
from tests.benchmarks.pipeline import write_photographs, write_project
from tests.helpers.workflow_project import ROOT, Project

VOLUME_SIDE = 128


def write_volumes(folder: Path, count: int) -> None:
    """An experiment of one shard of volumes of noise, all of which are one file."""
    generator = np.random.default_rng(0)
    project = Project.create(folder, samples=0)
    noise = generator.gamma(2, 100, (VOLUME_SIDE,) * 3).astype(np.float32)
    nib.save(nib.Nifti1Image(noise, np.eye(4)), folder / "data" / "noise.nii")
    rows = [f"s{number},noise.nii" for number in range(count)]
    project.manifest.write_text("\n".join(["id,path", *rows]) + "\n")
    kwargs = {"milliseconds": 0, "shape": [1, *[VOLUME_SIDE] * 3]}
    network = {"factory": "tests.benchmarks.pipeline:WaitingNetwork", "kwargs": kwargs, "target_layer": "features"}
    project.write_config(
        input={"mode": "3D", "crop": VOLUME_SIDE},
        models={"network": network},
        shard_size=count,
        batch_size=None,
        execution="fused",
    )


def peak(folder: Path) -> dict[str, object]:
    """Peak memory and processor time of the job in a project's folder."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.pipeline", "--job", "1"]
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)})
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("a job failed")
    size = sum(path.stat().st_size for path in (folder / "store").rglob("*") if path.is_file())
    shutil.rmtree(folder / "store")
    return {
        "peak MB": round(used.ru_maxrss / 1024),
        "shard's files, MB": round(size / 1e6),
        "processor s": round(used.ru_utime + used.ru_stime),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=int, nargs="*", default=[256, 2048, 8192])
    parser.add_argument("--volumes", type=int, nargs="*", default=[16, 128])
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        files = write_photographs(Path(name))
        for kind, counts in [("photographs", arguments.photographs), ("volumes", arguments.volumes)]:
            for count in counts:
                folder = Path(name, f"{kind}-{count}")
                if kind == "volumes":
                    write_volumes(folder, count)
                else:
                    write_project(folder, files, count, 0, 1)
                rows.append({"samples": kind, "in the shard": count, **peak(folder)})
                print(rows[-1], file=sys.stderr, flush=True)
    print(markdown(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
