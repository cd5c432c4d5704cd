"""The graph that a forward pass has recorded."""

from collections.abc import Collection

from torch import Tensor
from torch.autograd.graph import Node


def recorded_nodes(output: Tensor, blocked: Collection[Node] = ()) -> list[Node]:
    """All steps of the forward pass that an output was computed by, the last first.

    Parameters
    ----------
    output
        Any tensor.
    blocked
        Nodes behind which nothing is looked for.

    Examples
    --------
    >>> import torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> [node.name() for node in recorded_nodes(x.relu().sum())]
    ['SumBackward0', 'ReluBackward0', 'torch::autograd::AccumulateGrad']
    """
    found: dict[Node, None] = {}
    todo = [output.grad_fn] if output.grad_fn is not None else []
    while todo:
        node = todo.pop()
        if node in found:
            continue
        found[node] = None
        if node not in blocked:
            todo += [before for before, _ in node.next_functions if before is not None]
    return list(found)
