"""Networks that come as one file with their weights, such as ONNX: how a config names them, and what shows of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# How far a method looks into a network: it runs it, takes the gradient of its scores, or watches layers inside it.
Reach = Literal["scores", "gradient", "layers"]


@dataclass(frozen=True)
class NetworkFile:
    """A kind of file.

    Attributes
    ----------
    prefix
        What stands before the file's name in a config's ``factory``.
    title
        In messages, with its article.
    reach
        How far a method may look into it.
    hides
        Why not further, and what to do where that is wanted.
    packages, extra
        Python packages that it needs, first what runs it, and the extra that brings them; "" where they come anyway.
    code
        Whether loading and running it runs code of whoever made it.
    """

    prefix: str
    title: str
    reach: Reach
    hides: str
    packages: tuple[str, ...]
    extra: str = ""
    code: bool = False


KINDS = {
    kind.prefix: kind
    for kind in (
        NetworkFile(
            "onnx",
            "an ONNX file",
            "scores",
            "an ONNX file gives scores, but no gradients",
            ("onnxruntime", "onnx"),
            extra="onnx",
        ),
        NetworkFile(
            "torchscript", "TorchScript", "gradient", "TorchScript hides layers and ReLUs", ("torch",), code=True
        ),
    )
}
# What fits a config's ``factory`` beside a callable.
PATTERN = rf"({'|'.join(KINDS)}):.+"


def network_file(factory: str) -> tuple[NetworkFile, str] | None:
    """Kind and name of the file that a factory names; None where it names a callable.

    Examples
    --------
    >>> kind, name = network_file("onnx:models/wolves.onnx")
    >>> kind.packages, name
    (('onnxruntime', 'onnx'), 'models/wolves.onnx')
    >>> network_file("torchvision.models:resnet18")
    """
    prefix, _, name = factory.partition(":")
    return (KINDS[prefix], name) if prefix in KINDS else None


def stored_in(factory: str, weights: str | None) -> str | None:
    """Name of the file that holds a network's weights: the checkpoint, or the file of all of it.

    Examples
    --------
    >>> stored_in("onnx:wolves.onnx", None), stored_in("torchvision.models:resnet18", "w.pt")
    ('wolves.onnx', 'w.pt')
    """
    found = network_file(factory)
    return found[1] if found else weights
