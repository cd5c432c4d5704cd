"""Saliency maps for whole datasets: Guided Backpropagation, Grad-CAM and Guided Grad-CAM in 2D and 3D.

>>> import torch
>>> from saliency import GradCAM, NeuralNetwork
>>> output, cam = GradCAM(NeuralNetwork([1, 50, 50]))(torch.rand(4, 1, 50, 50))
>>> tuple(cam.shape)
(4, 1, 50, 50)
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saliency.demos.neural_network import NeuralNetwork as NeuralNetwork
    from saliency.figures.plot import saliency_plot as saliency_plot
    from saliency.methods.by_name import saliency as saliency
    from saliency.methods.gradcam import GradCAM as GradCAM
    from saliency.methods.guided_backprop import GuidedBackprop as GuidedBackprop
    from saliency.methods.guided_gradcam import GuidedGradCAM as GuidedGradCAM
    from saliency.store.maps import open_maps as open_maps

# Looked up on first use: the workflow imports parts of this package to plan its jobs, and must not wait for torch.
_HOME = {
    "NeuralNetwork": "demos.neural_network",
    "open_maps": "store.maps",
    "saliency": "methods.by_name",
    "saliency_plot": "figures.plot",
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
    if name in _HOME:
        return getattr(import_module(f"saliency.{_HOME[name]}"), name)
    from saliency.methods.registered import methods

    found = next((method for method in methods().values() if method.__name__ == name), None)
    if found is None:
        raise AttributeError(f"module 'saliency' has no attribute {name!r}")
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
