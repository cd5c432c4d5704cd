"""What torch computes on, and with how many digits."""

import ctypes
import os
import sys
from contextlib import AbstractContextManager, nullcontext

import torch

from saliency.exceptions import DataError

# Names of malloc.h: how much free memory at its end the heap may keep, and how many blocks may lie outside the heap.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def choose_device(wanted: str) -> str:
    """Name of the device that the config's ``device`` means here: "cpu", "cuda", or one of several such as "cuda:1".

    Raises
    ------
    DataError
        If `wanted` is a CUDA device that is not there.

    Examples
    --------
    >>> choose_device("cpu")
    'cpu'
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cpu":
        return wanted
    if not torch.cuda.is_available():
        raise DataError(f"device: {wanted} is configured, but torch finds no CUDA device here: use auto or cpu")
    number, count = torch.device(wanted).index or 0, torch.cuda.device_count()
    if number >= count:
        raise DataError(f"device: {wanted} is configured, but torch finds {count} CUDA device(s), counted from 0")
    return wanted


def device_name(device: str) -> str:
    """What a device is called in logs: "cpu", or the GPU's name.

    Examples
    --------
    >>> device_name("cpu")
    'cpu'
    """
    return device if device == "cpu" else torch.cuda.get_device_name(device)


def use_reproducible_algorithms(tf32: bool) -> None:
    """Let GPUs compute the same bits each time, as the CPU does.

    Where torch has nothing but an algorithm that adds up in any order, it warns.

    Parameters
    ----------
    tf32
        Whether convolutions and matrix products may round float32 to ten binary digits (torch's default for
        convolutions), which GPUs have fast units for.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Meant for finding reads of what was never written; it costs a pass over each new tensor.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined] # a property of the module
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32


def keep_freed_memory() -> None:
    """Let the C library keep the memory of freed tensors for the next ones, where it has a setting for that.

    Otherwise glibc hands each large block back to the kernel, which clears the pages of the next one; with batches of
    32 photographs that takes an eighth of a job's processor time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def reduced_precision(device: str, wanted: str | None) -> AbstractContextManager[object]:
    """Context manager under which convolutions and matrix products run in the config's ``reduced_precision``.

    Parameters
    ----------
    device
        As of `choose_device`.
    wanted
        "bfloat16", "float16", or None for no reduction; with "tf32", `use_reproducible_algorithms` has set it already.

    Examples
    --------
    >>> with reduced_precision("cpu", "bfloat16"):
    ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    torch.bfloat16
    """
    if wanted in (None, "tf32"):
        return nullcontext()
    return torch.autocast(torch.device(device).type, getattr(torch, wanted))


def is_out_of_memory(error: Exception) -> bool:
    """Whether an exception says that memory, of a device or the machine, does not suffice.

    Examples
    --------
    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes differ"))
    (True, False)
    """
    # torch has an exception of its own for devices, but not for the main memory.
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator" in str(error)
