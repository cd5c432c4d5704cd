"""The order in which convolutions lie in memory."""

import torch
from torch import Tensor, nn

from saliency.methods.passes.model_state import unchanged
from saliency.networks.load import log


def arrange_channels_last(network: nn.Module, example: Tensor) -> nn.Module:
    """Lay out a network's convolutions with channels last in memory, with which oneDNN computes faster.

    Parameters
    ----------
    network
        Changed in place. What cannot run like that stays as it is, for example where ``view`` flattens a feature map.
    example
        ``[1, c, *spatial]``: run through the network once.

    Examples
    --------
    >>> network = arrange_channels_last(nn.Sequential(nn.Conv2d(3, 8, 3)), torch.zeros(1, 3, 8, 8))
    >>> network(torch.zeros(1, 3, 8, 8)).is_contiguous(memory_format=torch.channels_last)
    True
    """
    convolutions = [parameter for parameter in network.parameters() if parameter.ndim == example.ndim]

    def arrange(memory_format: torch.memory_format) -> None:
        for weight in convolutions:
            weight.data = weight.data.contiguous(memory_format=memory_format)

    arrange(torch.channels_last if example.ndim == 4 else torch.channels_last_3d)
    try:
        with unchanged(network), torch.no_grad():
            network(example.clone())
    except RuntimeError as error:
        log.info("the network needs its channels first in memory: %s", str(error).partition("\n")[0])
        arrange(torch.contiguous_format)
    return network
