"""Layer-wise relevance propagation on a copy of a network; zennit has the rules, and here is what they do not cover.

Zennit gives rules to modules. All else passes the plain gradient, which is no relevance: additions, means, norms. So
each step of the recorded graph has to belong to a module with a rule, or to move values without changing them.
"""

import copy
import re
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import zennit.types as kinds
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.utils._pytree import tree_leaves
from torch.utils.hooks import RemovableHandle
from zennit.canonizers import MergeBatchNorm
from zennit.core import Composite
from zennit.layer import Sum

from saliency.methods.passes.graph import recorded_nodes, step_name
from saliency.methods.passes.scorer import Scorer

# Modules whose rule keeps the input of their last call only.
SINGLE = (kinds.Linear, kinds.AvgPool, Sum)
RULED = (*SINGLE, kinds.Activation, kinds.BatchNorm)
# Of these, the scores before them can be explained.
ENDS = (nn.Sigmoid, nn.LogSigmoid, nn.Hardsigmoid, nn.Tanh)
# Attention is no activation; the others are not 0 at 0, so that relevance would pass through what did not fire.
REFUSED = (nn.MultiheadAttention, nn.Softplus, nn.Threshold)
# Steps that move values: each output is one of the inputs. Behind a rule, nothing has relevance where a ReLU is 0, so
# that its gradient passes relevance as its rule does. "Identity" is zennit's own.
MOVING = re.compile(
    "AccumulateGrad|Alias|Cat|Chunk|Clone|ConstantPadNd|Expand|Flip|Identity|Index|Narrow|Permute|Relu|Reshape|"
    "ReshapeAlias|Select|Slice|Split|SplitWithSizes|Squeeze|Stack|T|ToCopy|Transpose|Unbind|UnsafeSplit|UnsafeView|"
    "Unsqueeze|View|(Adaptive)?MaxPool[23]D(WithIndices)?"
)
OTHERWISE = "choose another method, such as integrated_gradients"
POOL = "pool with a module such as nn.AdaptiveAvgPool2d(1)"
BEFORE = f"explain the scores before it, if it is the last (ignore_lastlayer), or {OTHERWISE}"
REMEDIES = {
    "Add": "write it as zennit.layer.Sum of torch.stack([x, y], dim=-1)",
    **dict.fromkeys(("Mean", "AvgPool2D", "AvgPool3D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D"), POOL),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Sigmoid", "LogSigmoid", "Hardsigmoid", "Tanh"), BEFORE),
}
OTHER_ORDER = (
    "lrp merges batch normalisation into the layer that stands before it among the network's modules, and this network "
    f"runs them in another order: {OTHERWISE}"
)
# Of the largest score. Batch normalisation that is merged still divides by the root of 1 + eps.
TOLERANCE = 1e-3


def relevance(scorer: Scorer, x: Tensor, scores: Tensor, classes: Tensor, composite: Composite) -> Tensor:
    """Relevance of the input for the score of one class per sample.

    Parameters
    ----------
    scorer
        Its network stays as it is.
    x
        ``[n, c, *spatial]``; half precision is computed as float32.
    scores
        ``[n, classes]``, that the network gives for `x`.
    classes
        ``[n]``, int64.
    composite
        Of zennit, with canonizers; registered nowhere.

    Returns
    -------
    Tensor
        Of the shape of `x`.

    Raises
    ------
    ValueError
        If relevance of some part of the network is not known, naming it.
    """
    precise = torch.promote_types(x.dtype, torch.float32)
    network = _copied(scorer.model).to(precise)
    _check_modules(network)
    leaf, own = x.detach().to(precise), replace(scorer, model=network)
    # Those of another precision say too little of whether merging has changed something.
    reduced = scores.dtype != precise or torch.is_autocast_enabled(x.device.type)
    with torch.enable_grad(), torch.autocast(x.device.type, enabled=False):
        if reduced:
            with torch.no_grad():
                scores = own(leaf)
        calls = _Calls()
        try:
            _register(composite, network)
            calls.watch(network)
            returned = own.returned(leaf.requires_grad_())
            ends = returned.detach().requires_grad_()
            sums = own.sums(ends)
            _check_merged(calls, composite)
            _check_scores(sums.detach(), scores)
            _check_calls(network, calls, composite)
            _check_graph(returned, network, calls)
            # The scores are sums of what the network returned, with weights: so each part has its share of the score.
            (weight,) = torch.autograd.grad(sums.gather(1, classes.unsqueeze(1)).sum(), ends)
            (found,) = torch.autograd.grad(returned, leaf, ends.detach() * weight)
        finally:
            # Hooks, modules and graph hold each other, and would take memory until they are looked for.
            composite.remove()
            calls.forget()
    return found.detach()


def _register(composite: Composite, network: nn.Module) -> None:
    try:
        composite.register(network)
    except RuntimeError as error:
        raise ValueError(OTHER_ORDER) from error


def _copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    # Code of others.
    except Exception as error:
        raise ValueError(
            f"lrp works on a copy of the network, and copy.deepcopy(network) raises {type(error).__name__}: let the "
            "network keep no computed tensors, or choose another method"
        ) from error


def _check_modules(network: nn.Module) -> None:
    """Refuse modules that zennit takes for others, or whose rule would be wrong."""
    for name, module in network.named_modules():
        kind = type(module)
        said = f"lrp has no rule for '{name}', a {kind.__name__}"
        if isinstance(module, REFUSED):
            raise ValueError(f"{said}: {OTHERWISE}")
        if not isinstance(module, RULED):
            continue
        if isinstance(module, kinds.Linear) and module._parameters.get("weight") is None:
            raise ValueError(f"{said} whose weight is computed (weight_norm, spectral_norm): store it as it is")
        if not kind.__module__.startswith(("torch.nn.modules.", "zennit.")):
            raise ValueError(f"{said} of its own code ({kind.__module__}): {OTHERWISE}")
        if isinstance(module, kinds.BatchNorm) and None in (module.weight, module.running_mean):
            raise ValueError(f"{said} without weight or fixed statistics: {OTHERWISE}")


class _Calls:
    """What ran: how often each module did, between which steps of the graph, and to which module each step belongs."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.order: list[str] = []
        self.owner: dict[Node, str] = {}
        self.read: dict[nn.Module, list[Node]] = {}
        self.made: dict[nn.Module, list[Node]] = {}
        self._before: list[set[Node]] = []
        self._handles: list[RemovableHandle] = []

    def watch(self, network: nn.Module) -> None:
        """Add hooks to a network, behind those of zennit."""
        for name, module in network.named_modules():
            self._handles.append(module.register_forward_pre_hook(self._enter, with_kwargs=True))
            self._handles.append(module.register_forward_hook(partial(self._leave, name), with_kwargs=True))

    def forget(self) -> None:
        """Remove them."""
        for handle in self._handles:
            handle.remove()

    def _enter(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        self.read[module] = _steps([args, kwargs])
        self._before.append(set(self.read[module]))

    def _leave(self, name: str, module: nn.Module, _args: Any, _kwargs: Any, output: Any) -> None:
        before = self._before.pop()
        self.count[name] += 1
        self.order.append(name)
        self.made[module] = _steps(output)
        todo = list(self.made[module])
        while todo:
            node = todo.pop()
            # Modules inside have run, and keep what is theirs; what is before them has to be looked through.
            if node in before:
                continue
            before.add(node)
            self.owner.setdefault(node, name)
            todo += [step for step, _ in node.next_functions if step is not None]


def _steps(values: Any) -> list[Node]:
    return [value.grad_fn for value in tree_leaves(values) if isinstance(value, Tensor) and value.grad_fn is not None]


def _check_scores(merged: Tensor, scores: Tensor) -> None:
    if (merged - scores).abs().max() > TOLERANCE * scores.abs().max():
        raise ValueError(
            "lrp computes other scores than the network, of which it takes a module for another one, such as a block "
            f"of torchvision's ResNet: {OTHERWISE}"
        )


def _check_merged(calls: _Calls, composite: Composite) -> None:
    """Refuse batch normalisation that was merged into a layer other than the one that it follows."""
    for handle in composite.handles:
        if isinstance(handle, MergeBatchNorm):
            (layer,) = handle.linears
            node = next(iter(calls.read.get(handle.batch_norm, [])), None)
            # What zennit puts before a module with a rule.
            while node is not None and step_name(node) in ("Identity", "Clone"):
                node = node.next_functions[0][0]
            if layer in calls.made and node not in calls.made[layer]:
                raise ValueError(OTHER_ORDER)


def _check_calls(network: nn.Module, calls: _Calls, composite: Composite) -> None:
    """Refuse modules of which zennit would use the wrong input, and batch normalisation that is left."""
    for name, module in network.named_modules():
        if not calls.count[name]:
            continue
        if isinstance(module, SINGLE) and calls.count[name] > 1:
            raise ValueError(
                f"lrp has no rule for '{name}', which runs {calls.count[name]} times: use a module for each time"
            )
        if isinstance(module, kinds.BatchNorm) and not _is_identity(module):
            raise ValueError(
                f"lrp has no rule for '{name}', a {type(module).__name__} that does not follow a convolution or linear "
                f"layer: {OTHERWISE}"
            )
    if hasattr(composite, "first_map"):
        (first,) = (types for types, _ in composite.first_map)
        registered = [name for name, module in network.named_modules() if isinstance(module, first)]
        ran = [name for name in calls.order if name in registered]
        if ran and ran[0] != registered[0]:
            raise ValueError(
                f"lrp takes '{registered[0]}' for the first layer, and '{ran[0]}' runs before it: name a composite "
                "without a rule for the first layer, such as epsilon_plus"
            )


def _is_identity(norm: Any) -> bool:
    ones, zeros = (norm.weight, norm.running_var), (norm.bias, norm.running_mean)
    return bool(all((value == 1).all() for value in ones) and all((value == 0).all() for value in zeros))


def _check_graph(returned: Tensor, network: nn.Module, calls: _Calls) -> None:
    """Refuse steps between the scores and the input that have no rule."""
    modules = dict(network.named_modules())
    ruled = {name for name, module in modules.items() if isinstance(module, RULED) and not isinstance(module, ENDS)}
    for node in recorded_nodes(returned):
        name, step = calls.owner.get(node, ""), step_name(node)
        if name in ruled or MOVING.fullmatch(step):
            continue
        place = f"'{name}' ({type(modules[name]).__name__})" if name else f"the network ({type(network).__name__})"
        raise ValueError(f"lrp has no rule for the step {step} in {place}: {REMEDIES.get(step, OTHERWISE)}")
