"""Guided X: the product of guided backpropagation and the upsampled map of any method on the target layer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from saliency.methods.guided_gradcam import GuidedGradCAM
from saliency.methods.method import Method


def guided(kind: type[Method]) -> type[Method]:
    """The method that multiplies guided backpropagation with another one's map, as Guided Grad-CAM does.

    Parameters
    ----------
    kind
        On the target layer's grid.

    Examples
    --------
    >>> from saliency import LayerCAM
    >>> found = guided(LayerCAM)
    >>> found.name, found.title, found.parts, found.__name__
    ('guided_layercam', 'Guided LayerCAM', ('guided_backprop', 'layercam'), 'GuidedLayerCAM')
    """
    described: dict[str, Any] = {
        "__doc__": f"Guided {kind.title} maps: signed, of the shape of the input; parameters as in `Method`.",
        "__module__": __name__,
        "name": f"guided_{kind.name}",
        "title": f"Guided {kind.title}",
        "summary": f"The product of `guided_backprop` and `{kind.name}`, which it brings along.",
        "formula": GuidedGradCAM.formula.replace("Grad-CAM", kind.title),
        "by_default": False,
        "parts": ("guided_backprop", kind.name),
    }
    return type(f"Guided{kind.__name__}", (GuidedGradCAM,), described)


def guided_versions(found: Iterable[type[Method]]) -> list[type[Method]]:
    """Guided X of every method whose map says where, but for those that there are already."""
    kinds = list(found)
    made = [guided(kind) for kind in kinds if kind.grid == "features" and not kind.signed and not kind.parts]
    names = {kind.name for kind in kinds}
    return [kind for kind in made if kind.name not in names]
