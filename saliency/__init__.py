"""Saliency maps for whole datasets: Guided Backpropagation, Grad-CAM and Guided Grad-CAM in 2D and 3D.

>>> import torch
>>> from saliency import GradCAM, NeuralNetwork
>>> output, cam = GradCAM(NeuralNetwork([1, 50, 50]))(torch.rand(4, 1, 50, 50))
>>> tuple(cam.shape)
(4, 1, 50, 50)
"""

from importlib import import_module
from importlib.metadata import version

# Looked up on first use: the workflow imports parts of this package to plan its jobs, and must not wait for torch.
_HOME = {
    "GradCAM": "gradcam",
    "GuidedBackprop": "guided_backprop",
    "GuidedGradCAM": "guided_gradcam",
    "NeuralNetwork": "neural_network",
    "open_maps": "store",
    "saliency": "methods",
    "saliency_plot": "plot",
}

__all__ = [
    "GradCAM",
    "GuidedBackprop",
    "GuidedGradCAM",
    "NeuralNetwork",
    "open_maps",
    "saliency",
    "saliency_plot",
]
__version__ = version("nip-saliency")


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'saliency' has no attribute {name!r}")
    return getattr(import_module(f"saliency.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
