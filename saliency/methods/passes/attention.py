"""The attention weights of a transformer, and their gradients."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node
from torch.nn.attention import SDPBackend, sdpa_kernel

from saliency.methods.passes.graph import nodes_behind, recorded_nodes, step_name
from saliency.methods.passes.no_gradient import clear_backward_errors
from saliency.methods.passes.scorer import Scorer

# Steps that leave weights as they are, and those that weigh values by them.
LEAVING = frozenset(
    {"Clone", "Expand", "Permute", "Reshape", "ReshapeAlias", "ToCopy", "Transpose", "UnsafeView", "View"}
)
WEIGHING = frozenset({"Bmm"})
SOFTMAX = frozenset({"Softmax", "SafeSoftmax"})


class Attention(NamedTuple):
    """Of one layer.

    Attributes
    ----------
    weights
        ``[n, heads, tokens, tokens]``: how much each token, along the third axis, takes from each other one.
    gradient
        Derivative of the class scores with respect to `weights`, of their shape.
    """

    weights: Tensor
    gradient: Tensor


def read_attention(scorer: Scorer, x: Tensor, classes: Tensor, tokens: int) -> list[Attention]:
    """Run a network again, so that its attention is seen, and read that of all layers, the first one first.

    Attention is what the network's softmax over tokens returns. That of PyTorch's fused kernels is never in memory, so
    that they are switched off while the network runs.

    Parameters
    ----------
    scorer
        Runs the network.
    x
        ``[n, c, *spatial]``.
    classes
        ``[n]``: the class whose score is differentiated.
    tokens
        How many tokens each layer has.

    Raises
    ------
    ValueError
        If the network has no attention, or one that is not between all these tokens, layer after layer, or that is
        changed before it weighs anything.
    """
    leaf = x.detach().requires_grad_()
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        score = scorer(leaf).gather(1, classes.unsqueeze(1)).sum()
    layers = [node for node in recorded_nodes(score) if step_name(node) in SOFTMAX and _saved(node).ndim > 2]
    if not layers:
        raise ValueError(
            "the network has no attention that can be read (no softmax over tokens leads to its scores): use gradcam"
        )
    layers.sort(key=lambda node: node._sequence_nr())
    for node in layers:
        shape = _saved(node).shape
        if not _along_last(node) or shape[-2:] != (tokens, tokens) or (shape[0] != len(x) and len(shape) > 3):
            raise ValueError(
                f"the network has attention of shape {list(shape)}, and this method needs it between all {tokens} "
                f"tokens of the target layer, [{len(x)}, heads, {tokens}, {tokens}], in every layer: use gradcam"
            )
    _check_chain(score, layers)
    weights = [_saved(node) for node in layers]
    with clear_backward_errors():
        gradients = torch.autograd.grad(score, [GradientEdge(node, 0) for node in layers])
    return [Attention(*(_by_heads(found, len(x)) for found in pair)) for pair in zip(weights, gradients, strict=True)]


def read_out(relevance: Tensor, layers: Sequence[Attention]) -> Tensor:
    """What the scores take from each token, ``[n, tokens]``.

    Parameters
    ----------
    relevance
        ``[n, tokens, tokens]``: of each token behind the last layer, along the second axis, what it has of each token
        before the first.
    layers
        Those that it is made from. The scores are read from the tokens whose attention in the last layer has a
        gradient: the class token, or all of the grid, of which this is the mean.
    """
    read = (layers[-1].gradient != 0).any(dim=3).any(dim=1).to(relevance)
    share = read / read.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.einsum("nq,nqk->nk", share, relevance)


def _check_chain(score: Tensor, layers: Sequence[Node]) -> None:
    """Refuse attention side by side, which is no chain of layers, and weights that are changed after the softmax."""
    for before, after in pairwise(layers):
        if before not in nodes_behind(after):
            raise ValueError(
                "the network has attention side by side, and this method needs one layer after the other: use gradcam"
            )
    used: dict[Node, list[Node]] = {}
    for node in recorded_nodes(score):
        for read, _ in node.next_functions:
            if read is not None:
                used.setdefault(read, []).append(node)
    todo = list(layers)
    while todo:
        for node in used.get(todo.pop(), []):
            step = step_name(node)
            if step in LEAVING:
                todo.append(node)
            elif step not in WEIGHING:
                raise ValueError(
                    f"the network changes its attention after the softmax ({step}), and this method takes it as the "
                    "softmax gave it: use gradcam"
                )


def _saved(node: Node) -> Tensor:
    found: Tensor = getattr(node, "_saved_result")  # noqa: B009 - torch declares no such attribute
    return found


def _along_last(node: Node) -> bool:
    # Dimensions are kept as numbers without a sign.
    dim = getattr(node, "_saved_dim")  # noqa: B009
    return (dim - 2**64 if dim >= 2**63 else dim) in (-1, _saved(node).ndim - 1)


def _by_heads(found: Tensor, samples: int) -> Tensor:
    """As ``[n, heads, tokens, tokens]``, in float32 at least: some networks have samples and heads along one axis."""
    precise = found.detach().to(torch.promote_types(found.dtype, torch.float32))
    return precise.reshape(samples, -1, *found.shape[-2:])
