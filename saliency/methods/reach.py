"""Which methods work on networks of which little can be seen, such as those in an ONNX file."""

from __future__ import annotations

from collections.abc import Sequence

from saliency.files.network_files import NetworkFile
from saliency.methods.method import Method
from saliency.methods.registered import methods

# What can be seen with the least comes first.
ORDER = ("scores", "gradient", "layers")


def out_of_reach(chosen: Sequence[type[Method]], kind: NetworkFile) -> str | None:
    """Say which methods do not work on a kind of network, and which do; None where all work.

    Examples
    --------
    >>> from saliency import GradCAM, RISE
    >>> from saliency.files.network_files import KINDS
    >>> out_of_reach([GradCAM, RISE], KINDS["onnx"])
    'gradcam cannot be made, since an ONNX file gives scores, but no gradients: choose occlusion or rise'
    >>> out_of_reach([RISE], KINDS["onnx"])
    """
    wrong = [method.name for method in chosen if not _within(method, kind)]
    if not wrong:
        return None
    *others, last = [name for name, method in methods().items() if _within(method, kind)]
    said = f"{', '.join(wrong)} cannot be made, since {kind.hides}: choose {', '.join(others)} or {last}"
    return f"{said}, or build the network from its Python class and load the state_dict" if kind.code else said


def _within(method: type[Method], kind: NetworkFile) -> bool:
    return ORDER.index(method.reach) <= ORDER.index(kind.reach)
