"""One map from those of several target layers."""

from collections.abc import Sequence
from math import prod

from torch import Tensor

from saliency.methods.upsampling import upsample


def averaged(maps: Sequence[Tensor]) -> Tensor:
    r"""Average the maps of several layers, each divided by its largest absolute value, on the finest of their grids.

    .. math:: M = \frac{1}{L} \sum_l \mathrm{upsample}\left(\frac{M_l}{\max |M_l|}\right)

    Layers differ in the size of their gradients, so that without the division one of them would decide alone. Maps of
    zeros stay zeros. The only map of one layer is returned as it is.

    Parameters
    ----------
    maps
        Of each layer, ``[n, *feature_spatial]``.

    Returns
    -------
    Tensor
        ``[n, *feature_spatial]`` of the layer with the most positions.

    Examples
    --------
    >>> import torch
    >>> averaged([torch.tensor([[[0.0, 4.0]]]), torch.tensor([[[1.0, 1.0, 2.0, 2.0]]])])
    tensor([[[0.2500, 0.3750, 0.8750, 1.0000]]])
    """
    if len(maps) == 1:
        return maps[0]
    finest = max((found.shape[1:] for found in maps), key=prod)
    shares = []
    for found in maps:
        largest = found.abs().flatten(1).amax(dim=1).view(-1, *[1] * (found.ndim - 1))
        shares.append(upsample(found / largest.where(largest > 0, 1), finest).squeeze(1))
    return sum(shares[1:], start=shares[0]) / len(shares)
