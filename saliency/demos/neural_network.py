"""A small network in two sections, for examples and tests."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class NeuralNetwork(nn.Module):
    """Three strided convolutions and two linear layers, ending in a sigmoid.

    Parameters
    ----------
    input_shape
        Shape of one sample, ``[c, h, w]`` or ``[c, d, h, w]``; its length decides between 2D and 3D.

    Examples
    --------
    >>> network = NeuralNetwork([1, 50, 50])
    >>> network.Linear_block[0].in_features, tuple(network(torch.rand(4, 1, 50, 50)).shape)
    (400, (4, 1))
    """

    def __init__(self, input_shape: Sequence[int]) -> None:
        super().__init__()
        channels, *spatial = input_shape
        convolution = {2: nn.Conv2d, 3: nn.Conv3d}[len(spatial)]
        self.ConvBlock = nn.Sequential(
            convolution(channels, 32, kernel_size=3, stride=2),
            nn.ReLU(inplace=True),
            convolution(32, 32, kernel_size=3, stride=2),
            nn.ReLU(inplace=True),
            convolution(32, 16, kernel_size=3, stride=2),
            nn.ReLU(inplace=True),
        )
        with torch.no_grad():
            features = self.ConvBlock(torch.zeros(1, *input_shape)).numel()
        self.Linear_block = nn.Sequential(
            nn.Linear(features, 100),
            nn.ReLU(inplace=True),
            nn.Linear(100, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scores ``[n, 1]`` of ``x``, ``[n, *input_shape]``."""
        return self.Linear_block(self.ConvBlock(x).flatten(1))
