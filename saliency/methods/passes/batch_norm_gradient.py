"""The backward pass of batch and instance normalisation, kept from a mistake of torch on the CPU."""

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor
from torch.autograd.graph import Node

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def correct_batch_norm(nodes: Iterable[Node]) -> None:
    """Let the recorded steps of batch normalisation give the right gradient, whatever its layout in memory.

    Where of the input and the gradient one has its channels first in memory, and the other its channels last with an
    unusual stride of an axis of length 1, torch 2.14 mixes up the values on the CPU. Transposing gives such strides to
    a batch of one: behind whatever flattens a feature map into tokens, as LeViT and EfficientFormer do, and in instance
    normalisation, which torch computes as batch normalisation of a batch of one. With the usual strides it is right.
    Other gradients pass as they are.

    Parameters
    ----------
    nodes
        Of the recorded graph, see `saliency.methods.passes.graph.recorded_nodes`.

    Examples
    --------
    >>> x = torch.randn(1, 3, 4, 5, requires_grad=True)
    >>> norm = torch.nn.BatchNorm2d(3).eval()
    >>> norm.running_var.copy_(torch.tensor([1.0, 4.0, 16.0]))
    tensor([ 1.,  4., 16.])
    >>> y = norm(x)
    >>> correct_batch_norm([y.grad_fn])
    >>> (gradient,) = torch.autograd.grad(y.flatten(2).transpose(1, 2), x, torch.ones(1, 20, 3))
    >>> gradient[0, :, 0, 0]
    tensor([1.0000, 0.5000, 0.2500])
    """
    for node in nodes:
        if node.name() == "NativeBatchNormBackward0":
            # The hook must not hold its node, which holds the hook: neither would ever be freed.
            before: Tensor = node._saved_input  # type: ignore[attr-defined]
            node.register_prehook(partial(_laid_out_like, before.is_contiguous(), _is_oddly_last(before)))


def _is_oddly_last(values: Tensor) -> bool:
    """Whether channels lie last in memory, with another stride of an axis of length 1 than torch gives itself."""
    last = CHANNELS_LAST.get(values.ndim)
    if last is None or values.is_contiguous() or not values.is_contiguous(memory_format=last):
        return False
    return values.stride() != torch.empty(values.shape, device="meta", memory_format=last).stride()


def _laid_out_like(contiguous: bool, oddly_last: bool, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    """The gradients in a layout that is safe behind an input of this layout, None where they have it."""
    gradient, *others = gradients
    if gradient is None:
        return None
    if contiguous and _is_oddly_last(gradient):
        return gradient.contiguous(), *others
    if oddly_last and gradient.is_contiguous():
        return gradient.contiguous(memory_format=CHANNELS_LAST[gradient.ndim]), *others
    return None
