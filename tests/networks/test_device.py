"""What jobs set up before they compute."""

import platform
import subprocess
import sys

import pytest
import torch
from torch import nn

from saliency.exceptions import DataError
from saliency.networks.device import choose_device
from saliency.networks.runner import Runner

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


def test_one_of_several_cards(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [choose_device(name) for name in ("auto", "cuda", "cuda:1", "cpu")] == ["cuda", "cuda", "cuda:1", "cpu"]
    with pytest.raises(
        DataError, match=r"device: cuda:2 is configured, but torch finds 2 CUDA device\(s\), counted from"
    ):
        choose_device("cuda:2")


class TooLarge(nn.Linear):
    """A network for which no device has room."""

    def to(self, *_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has")


def test_network_that_memory_does_not_hold_is_one_line():
    config = {"threads": 1, "device": "cpu", "precision": "float32", "models": {"m": {}}}
    with pytest.raises(
        DataError, match=r"^models\.m: memory does not suffice for the network on cpu \(CUDA out .*GiB\.\)"
    ):
        Runner(config, "m", built=TooLarge(1, 1)).network  # noqa: B018
