"""Eigen-CAM: what most of the activation has in common, whatever the class.

Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal Components", 2020,
https://arxiv.org/abs/2008.00299
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class EigenCAM(Method):
    """Eigen-CAM maps: not negative, at the target layer's resolution; parameters as in `Method`.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> output, cam = EigenCAM(NeuralNetwork([1, 50, 50]), target_layer=4)(torch.rand(4, 1, 50, 50), [0, 0, 0, 0])
    >>> tuple(cam.shape)
    (4, 1, 50, 50)
    """

    name = "eigencam"
    title = "Eigen-CAM"
    summary = "The first principal component of the features; it is the same for every class."
    formula = r"A = U \Sigma V^T, \quad M_i = \max\left(0, \sum_k A_{k,i} V_{k,1}\right)"
    when = "Seeing what a layer responds to, also where gradients vanish."
    when_not = "Any question about a class: it does not depend on one."
    version = 1
    grid = "features"
    channels = False
    signed = False
    needs = frozenset({"features"})
    cost = Cost(shard_copies=3, batch_copies=150, seconds=10)

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Eigen-CAM, ``[n, *feature_spatial]``; of the two signs the one with the larger sum."""
        import torch

        # Its squares need digits that float32 has not; the smaller of both Gram matrices has the same component.
        rows = given.features.flatten(2).double()
        positions = rows.shape[2]
        if positions <= rows.shape[1]:
            _, vectors = torch.linalg.eigh(rows.mT @ rows)
            component = vectors[..., -1]
            found = component * (rows @ component.unsqueeze(2)).norm(dim=1)
        else:
            _, vectors = torch.linalg.eigh(rows @ rows.mT)
            found = (vectors[..., -1:].mT @ rows).squeeze(1)
        found = found * torch.where(found.sum(dim=1, keepdim=True) < 0, -1.0, 1.0)
        return found.relu().to(given.features.dtype).unflatten(1, given.features.shape[2:])
