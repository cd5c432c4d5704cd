"""What jobs set up before they compute."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from saliency.networks.device import keep_freed_memory
if {keep}:
    keep_freed_memory()

def page_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    x = torch.ones(16, 64, 112, 112)
    for _ in range(8):
        x = x + 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

page_faults()
print(page_faults())
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such setting")
def test_freed_memory_is_used_again_without_asking_the_kernel():
    kept, returned = (
        int(subprocess.run([sys.executable, "-c", FAULTS.format(keep=keep)], capture_output=True, check=True).stdout)
        for keep in (True, False)
    )
    # Older versions find no place for a block in the hole that an equal one left, unless its neighbour is free as well.
    assert kept < returned / 2
