"""A pretrained 3D network for T1-weighted MRI that tells brain from background: deepbet's LinkNet.

Fisch et al., "deepbet: Fast brain extraction of T1-weighted MRI using Convolutional Neural Networks", 2023,
https://arxiv.org/abs/2308.07003. The weights are those of the package deepbet (MIT licence), which ships them as
TorchScript; its calls cannot be intercepted, so the network is built here from ordinary modules.
"""

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional


class Residual(nn.Module):
    """Two convolutions around which the input is added; the shape changes if `inputs` and `outputs` differ.

    Parameters
    ----------
    inputs, outputs
        Numbers of channels. Where they differ, each side of the volume is halved.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.double_conv = nn.Sequential(
            *_rectified(nn.Conv3d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)),
            nn.Conv3d(outputs, outputs, kernel_size=3, padding=1, bias=False),
            nn.InstanceNorm3d(outputs),
        )
        self.downsample = nn.Sequential()
        if stride == 2:
            self.downsample.append(nn.Conv3d(inputs, outputs, kernel_size=1, stride=stride, bias=False))
            self.downsample.append(nn.InstanceNorm3d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Features ``[n, outputs, d', h', w']`` of ``x``, ``[n, inputs, d, h, w]``."""
        return functional.relu(self.double_conv(x) + self.downsample(x))


class Down(nn.Sequential):
    """Two residual blocks, the first of which takes `inputs` to `outputs` channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.block1 = Residual(inputs, outputs)
        self.block2 = Residual(outputs, outputs)


class Up(nn.Sequential):
    """A bottleneck of ``inputs / 4`` channels with a transposed convolution of the given `stride` inside."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        hidden = inputs // 4
        self.conv1 = _rectified(nn.Conv3d(inputs, hidden, kernel_size=1, bias=False))
        self.tp_conv = _rectified(
            nn.ConvTranspose3d(hidden, hidden, 3, stride=stride, padding=1, output_padding=stride - 1, bias=False)
        )
        self.conv2 = _rectified(nn.Conv3d(hidden, outputs, kernel_size=1, bias=False))


class BrainNetwork(nn.Module):
    """Brain segmentation by a LinkNet: a residual encoder, and a decoder to which the encoder's features are added.

    The modules bear the names that deepbet's weights have.

    Notes
    -----
    deepbet gives the network volumes in RAS orientation, resampled (nearest neighbour) to 128 x 128 x 128 voxels for
    the weights ``bbox_model.pt`` and to 256 x 256 x 256 for ``model.pt``. Values are scaled so that the quantiles 0.005
    and 0.995 become 0 and 1, clipped to that range, standardised over the volume, and taken to mean 0.449 and standard
    deviation 0.226. Any other sides that are multiples of 32, at least 64, work too.

    Grad-CAM needs a named target layer here. An instance norm after a 1 x 1 x 1 convolution takes the mean off the
    gradient, and with it the channel weights, which are rounding errors for ``down3``, ``up0``, ``up1`` and ``up2``.
    ``up0.conv1`` (bottleneck, sides / 32), ``up3`` (sides / 4) and ``conv`` (sides / 2) have proper ones.

    Examples
    --------
    >>> tuple(BrainNetwork()(torch.rand(1, 1, 64, 64, 64)).shape)
    (1, 2, 64, 64, 64)
    """

    def __init__(self) -> None:
        super().__init__()
        self.init = _rectified(nn.Conv3d(1, 16, kernel_size=7, stride=2, padding=3, bias=False))
        self.init.append(nn.MaxPool3d(kernel_size=3, stride=2, padding=1))
        self.down0 = Down(16, 16)
        self.down1 = Down(16, 32)
        self.down2 = Down(32, 64)
        self.down3 = Down(64, 128)
        self.up0 = Up(128, 64, stride=2)
        self.up1 = Up(64, 32, stride=2)
        self.up2 = Up(32, 16, stride=2)
        self.up3 = Up(16, 16, stride=1)
        self.tp_conv1 = _rectified(nn.ConvTranspose3d(16, 8, kernel_size=3, stride=2, padding=1, output_padding=1))
        self.conv = _rectified(nn.Conv3d(8, 8, kernel_size=3, padding=1))
        self.tp_conv2 = nn.ConvTranspose3d(8, 2, kernel_size=2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Segment volumes.

        Parameters
        ----------
        x
            Volumes ``[n, 1, d, h, w]``.

        Returns
        -------
        Tensor
            Probabilities ``[n, 2, d, h, w]`` of background (channel 0) and brain (channel 1), from a softmax.
        """
        x0 = self.init(x)
        x1 = self.down0(x0)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        y = self.up0(self.down3(x3)) + x3
        y = self.up1(y) + x2
        y = self.up2(y) + x1
        y = self.up3(y) + x0
        return self.tp_conv2(self.conv(self.tp_conv1(y))).softmax(1)


class Standardised(nn.Module):
    """A network behind deepbet's last preprocessing step: each volume is taken to mean 0.449 and deviation 0.226.

    Parameters
    ----------
    network
        Takes the standardised volumes.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Output of the network for ``x``, ``[n, 1, d, h, w]``, with values in 0 … 1."""
        axes = tuple(range(1, x.ndim))
        standardised = (x - x.mean(axes, keepdim=True)) / x.std(axes, keepdim=True)
        return self.network(0.226 * standardised + 0.449)


def deepbet_bbox() -> nn.Module:
    """The network with which deepbet finds where the brain is, in volumes of 128 x 128 x 128 voxels.

    Returns
    -------
    nn.Module
        A :class:`BrainNetwork` with the weights ``bbox_model.pt`` of the package deepbet, as ``network`` of a
        :class:`Standardised`; in eval mode, on the CPU.

    Raises
    ------
    ImportError
        If deepbet is not installed.
    """
    # The package is not imported, as that would need its dependencies.
    spec = find_spec("deepbet")
    if spec is None or spec.origin is None:
        raise ImportError("the network's weights are in the package deepbet: pip install --no-deps deepbet")
    weights = Path(spec.origin).parents[1] / "data" / "models" / "bbox_model.pt"
    network = BrainNetwork()
    network.load_state_dict(torch.jit.load(weights, map_location="cpu").state_dict())
    return Standardised(network).eval()


def _rectified(convolution: nn.Conv3d | nn.ConvTranspose3d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.InstanceNorm3d(convolution.out_channels), nn.ReLU())
