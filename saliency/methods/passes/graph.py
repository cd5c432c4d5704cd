"""The graph that a forward pass has recorded."""

import re
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
    return [] if output.grad_fn is None else nodes_behind(output.grad_fn, blocked)


def nodes_behind(node: Node, blocked: Collection[Node] = ()) -> list[Node]:
    """A step and all that it was computed by, the last first; `blocked` as in `recorded_nodes`."""
    found: dict[Node, None] = {}
    todo = [node]
    while todo:
        node = todo.pop()
        if node in found:
            continue
        found[node] = None
        if node not in blocked:
            todo += [before for before, _ in node.next_functions if before is not None]
    return list(found)


def step_name(node: Node) -> str:
    """What a step of the graph does.

    Examples
    --------
    >>> import torch
    >>> step_name((torch.ones(2, requires_grad=True) + 1).grad_fn)
    'Add'
    """
    return re.sub(r"Backward\d*$", "", node.name().rpartition("::")[2])
