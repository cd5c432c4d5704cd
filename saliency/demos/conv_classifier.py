"""A small convolutional classifier for any size of picture or volume, to be trained on the samples of a demo."""

from torch import Tensor, nn


class ConvClassifier(nn.Module):
    """Four convolutions with batch normalisation, one halving of the sides, global average pooling, one linear layer.

    Feature maps keep half of the input's resolution, so that Grad-CAM shows places rather than halves of small inputs.

    Parameters
    ----------
    ndim
        2 for pictures, 3 for volumes.
    channels, classes
        Channels of the input, and number of logits.
    width
        Channels of the first two convolutions; the others have twice as many.

    Examples
    --------
    >>> import torch
    >>> tuple(ConvClassifier(3, channels=1, classes=2)(torch.rand(4, 1, 14, 14, 14)).shape)
    (4, 2)
    """

    def __init__(self, ndim: int, channels: int, classes: int, width: int = 16) -> None:
        super().__init__()
        convolution = {2: nn.Conv2d, 3: nn.Conv3d}[ndim]
        normalisation = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[ndim]
        pooling = {2: nn.MaxPool2d, 3: nn.MaxPool3d}[ndim]

        def block(inputs: int, outputs: int) -> list[nn.Module]:
            return [convolution(inputs, outputs, 3, padding=1, bias=False), normalisation(outputs), nn.ReLU()]

        self.features = nn.Sequential(
            *block(channels, width),
            *block(width, width),
            pooling(2),
            *block(width, 2 * width),
            *block(2 * width, 2 * width),
        )
        self.classifier = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, classes]`` of ``x``, ``[n, channels, *spatial]``."""
        return self.classifier(self.features(x).flatten(2).mean(2))
