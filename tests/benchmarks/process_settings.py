"""What the settings of a job's process save: those of Python's collector, and those of the C library's memory.

    python -m tests.benchmarks.process_settings
    python -m tests.benchmarks.process_settings --models r3d_18 --batch 4

Start: a Python that imports torchvision, Zarr and pandas, and ends. Maps: three batches of predictions and both maps,
in one thread, channels last. Each with the settings and without, in turn; printed are medians of processor times.
"""

import argparse
import subprocess
import sys

import pandas as pd

from tests.benchmarks.imports import ROOT, seconds
from tests.benchmarks.markdown import markdown

START = """
if {set}:
    from saliency.job import spare_long_lived_objects
    spare_long_lived_objects()
import pandas, torchvision.models, zarr
"""
MAPS = """
import resource, sys, time, torch
from tests.helpers.networks import torchvision_model
from saliency import GuidedGradCAM
from saliency.networks.device import keep_freed_memory
from saliency.networks.memory_format import arrange_channels_last
from tests.benchmarks.networks import noise

if {set}:
    keep_freed_memory()
torch.set_num_threads(1)
x = noise("{model}", {batch}, "cpu")
method = GuidedGradCAM(arrange_channels_last(torchvision_model("{model}"), x[:1]))

def explain():
    with method.forward_pass(x) as forward:
        forward.maps(forward.scores.argmax(1))

explain()
before = time.process_time()
for _ in range(3):
    explain()
print(1000 * (time.process_time() - before) / 3 / {batch}, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def maps_cost(code: str) -> tuple[float, float]:
    """Milliseconds of processor time of a sample, and peak memory in MB."""
    found = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, text=True)
    milliseconds, peak = map(float, found.split())
    return milliseconds, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=["resnet18"])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    starts, maps = [], []
    for _ in range(arguments.repeats):
        for settings in (True, False):
            starts.append({"settings": settings, "start and end, s": seconds(START.format(set=settings), ROOT, 1)})
            for model in arguments.models:
                cost, peak = maps_cost(MAPS.format(set=settings, model=model, batch=arguments.batch))
                maps.append({"model": model, "settings": settings, "ms a sample": cost, "peak MB": peak})
    print(markdown(pd.DataFrame(starts).groupby("settings", sort=False).median().round(2).reset_index()))
    if maps:
        print(f"\nBatches of {arguments.batch}\n")
        print(markdown(pd.DataFrame(maps).groupby(["model", "settings"], sort=False).median().round(1).reset_index()))


if __name__ == "__main__":
    main()
