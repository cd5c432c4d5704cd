"""Whether a device waits for the host: wall time of each further photograph in a fused job.

    python -m tests.benchmarks.pipeline
    python -m tests.benchmarks.pipeline --images FOLDER --counts 334 1002 --device-ms 10 --threads 2

The network waits for so many milliseconds a photograph in its forward pass, without using the processor, as a GPU lets
its host do; beside that it computes next to nothing, and its maps are as hard to compress as those of real networks.
Each job runs as a program of its own, on as many cores as it has `threads`, once for a few photographs, once for more:
their difference is what a further one takes, without the start. Each is repeated in turn; printed are medians.
The last row is the machine's own limit: two jobs of one thread at once, which share nothing.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn

from tests.benchmarks.end_to_end import photographs
from tests.benchmarks.markdown import markdown
from tests.helpers.workflow_project import ROOT, Project

SIDE = 224
# Of the photographs that are generated: as many as differ, and their pixels.
DIFFERENT, WIDTH, HEIGHT = 64, 500, 375


class WaitingNetwork(nn.Module):
    """Scores of pooled values, each weighted by a random number, so that gradients are noise.

    Parameters
    ----------
    milliseconds
        Waited for each sample of a batch.
    shape
        Of a sample, channels first; the sides of images and volumes are equal.
    """

    def __init__(self, milliseconds: float, shape: Sequence[int] = (3, SIDE, SIDE)) -> None:
        super().__init__()
        channels, side, *more = shape
        pool, convolution = (nn.AvgPool3d, nn.Conv3d) if len(more) == 2 else (nn.AvgPool2d, nn.Conv2d)
        self.seconds = milliseconds / 1000
        self.weights = nn.Parameter(torch.randn(1, *shape))
        self.pool, self.features, self.head = pool(side // 7), convolution(channels, 32, 1), nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Scores, ``[n, 10]``."""
        time.sleep(self.seconds * len(x))
        found: Tensor = self.head(torch.relu(self.features(self.pool(x * self.weights))).flatten(2).mean(2))
        return found


def write_photographs(folder: Path) -> list[Path]:
    """JPEG files with as much detail as photographs have."""
    generator = np.random.default_rng(0)
    files = []
    for number in range(DIFFERENT):
        coarse = Image.fromarray(generator.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        pixels = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), dtype=np.int16)
        grain = generator.normal(0, 6, pixels.shape).astype(np.int16)
        files.append(folder / f"{number}.jpg")
        Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8)).save(files[-1], quality=92)
    return files


def write_project(folder: Path, files: Sequence[Path], count: int, milliseconds: float, threads: int) -> None:
    """An experiment of one shard; files are taken again where there are fewer."""
    project = Project.create(folder, samples=0)
    rows = [f"s{number},{path}" for number, path in enumerate(islice(cycle(files), count))]
    project.manifest.write_text("\n".join(["id,path", *rows]) + "\n")
    network = {"factory": "tests.benchmarks.pipeline:WaitingNetwork", "kwargs": {"milliseconds": milliseconds}}
    project.write_config(
        input={"resize": 256, "crop": SIDE, "interpolation": "bilinear"},
        models={"network": network | {"target_layer": "features"}},
        shard_size=count,
        batch_size=32,
        execution="fused",
        threads=threads,
    )


def job(threads: int, core: int) -> None:
    """Do what the workflow's job does for the only shard, in the working directory, on cores from a certain one on."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[core : core + threads])
    from saliency.experiment.validation import complete_config
    from saliency.networks.describe import write_descriptions
    from saliency.steps.fused import fused
    from tests.helpers.shards import stored_shard

    config, _ = complete_config(Project(Path()).config, check=False)
    descriptions = [Path("model.json"), Path("target_layer.json")]
    write_descriptions(config, "network", dict(zip(("model", "target_layer"), descriptions, strict=True)))
    fused(stored_shard(config, "network", 0, Path("store"), descriptions))


def timed(folders: Sequence[Path], threads: int) -> tuple[float, float]:
    """Wall and processor seconds of jobs that run at the same time, each on cores of its own, for one of them."""
    began, processes = time.perf_counter(), []
    for number, folder in enumerate(folders):
        own = ["--job", str(threads), "--core", str(number * threads)]
        command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.pipeline", *own]
        processes.append(subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}))
    ended = [os.wait4(process.pid, 0) for process in processes]
    if any(status for _, status, _ in ended):
        raise SystemExit("a job failed")
    wall = time.perf_counter() - began
    for folder in folders:
        shutil.rmtree(folder / "store")
    return wall / len(folders), sum(used.ru_utime + used.ru_stime for _, _, used in ended) / len(folders)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="folder with JPEG files; they are generated where left out")
    parser.add_argument("--counts", type=int, nargs=2, default=[334, 1002], help="photographs of the two jobs")
    parser.add_argument("--device-ms", type=float, nargs="+", default=[0, 10], help="that the network waits")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--job", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        job(arguments.job, arguments.core)
        return
    rows = []
    with tempfile.TemporaryDirectory() as name:
        files = photographs(arguments.images) if arguments.images else write_photographs(Path(name))
        kinds = [(wait, threads, 1) for wait in arguments.device_ms for threads in arguments.threads]
        kinds.append((arguments.device_ms[0], 1, 2))
        for _ in range(arguments.repeats):
            for wait, threads, jobs in kinds:
                found = []
                for count in arguments.counts:
                    folders = [Path(name, f"{wait}-{threads}-{count}-{number}") for number in range(jobs)]
                    for folder in folders:
                        if not folder.exists():
                            write_project(folder, files, count, wait, threads)
                    found.append(timed(folders, threads))
                further = arguments.counts[1] - arguments.counts[0]
                wall, used = (1000 * (more - few) / further for few, more in zip(*found, strict=True))
                own = {"device, ms": wait, "threads": threads, "jobs": jobs}
                rows.append(own | {"wall, ms a photograph": wall, "processor, ms": used})
                print(rows[-1], file=sys.stderr, flush=True)
    table = pd.DataFrame(rows).groupby(["device, ms", "threads", "jobs"], sort=False).median().reset_index()
    table["wall, device = 1"] = (table["wall, ms a photograph"] / table["device, ms"]).where(table["device, ms"] > 0)
    alone = table["wall, ms a photograph"][0]
    table["throughput, first = 1"] = (alone / table["wall, ms a photograph"]).where(
        table["device, ms"] == table["device, ms"][0]
    )
    print(markdown(table.round(2).astype(object).where(table.notna(), "")))


if __name__ == "__main__":
    main()
