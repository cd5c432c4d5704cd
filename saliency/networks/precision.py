"""The precision in which a network computes."""

import torch
from torch import Tensor, nn

# Complex numbers whose two parts have a precision.
COMPLEX = {torch.float32: torch.complex64, torch.float64: torch.complex128}


def in_precision(network: nn.Module, device: str, dtype: torch.dtype) -> nn.Module:
    """Move a network to a device and to a precision; what is complex stays complex, which ``network.to`` makes real.

    Parameters
    ----------
    network
        Changed in place.
    device
        Name of the device.
    dtype
        ``torch.float32`` or ``torch.float64``.

    Examples
    --------
    >>> network = nn.Module()
    >>> network.register_buffer("phase", torch.tensor([1j], dtype=torch.complex128))
    >>> in_precision(network, "cpu", torch.float32).phase
    tensor([0.+1.j])
    """
    if not any(value.is_complex() for values in (network.parameters(), network.buffers()) for value in values):
        return network.to(device, dtype)

    def moved(value: Tensor) -> Tensor:
        if value.is_complex():
            return value.to(device, COMPLEX[dtype])
        return value.to(device, dtype if value.is_floating_point() else None)

    return network._apply(moved)
