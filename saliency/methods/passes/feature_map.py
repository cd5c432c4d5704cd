"""Keeping the output of the target layer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from types import TracebackType

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from saliency.methods.passes.graph import recorded_nodes, step_name
from saliency.methods.passes.layer_outputs import map_of, with_map
from saliency.methods.passes.layout import TOKENS
from saliency.methods.passes.target_layer import TargetLayer, not_run


class FeatureMap:
    """Context manager that keeps the last output of a layer.

    Parameters
    ----------
    target
        The target layer; if it runs several times, its last run counts, which must be the only way to the score.
    x
        ``[n, c, *spatial]``: what the network sees.
    detached
        Begin the graph at the layer, so that everything below it runs without one: where no gradient is needed there, a
        map costs little more than inference. Behind another layer that began one, the graph goes on.
    """

    def __init__(self, target: TargetLayer, x: Tensor, detached: bool) -> None:
        self.name, self._layer, self._layout = target.name, target.module, target.layout
        self._samples, self._ndim, self._detached = len(x), x.ndim - 2, detached
        self._output: Tensor | None = None
        self._runs: list[Node | None] = []

    def __enter__(self) -> "FeatureMap":
        self._handle = self._layer.register_forward_hook(self._keep)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle.remove()

    def _keep(self, _layer: nn.Module, _args: tuple[object, ...], output: object) -> object:
        found = map_of(output)
        if found is None or not self._layout.fits(found.shape, self._ndim):
            shape = type(output).__name__ if found is None else list(found.shape)
            raise ValueError(
                f"target layer '{self.name}' returns {shape}, but for another input it returned {self._layout.axes}: "
                "pass another target_layer"
            )
        if len(found) != self._samples:
            raise ValueError(
                f"target layer '{self.name}' returns {len(found)} rows for {self._samples} samples: pass another "
                "target_layer"
            )
        begins = self._detached and not found.requires_grad
        self._output = found.detach().requires_grad_() if begins else found
        # The network goes on with a copy, so that an in-place ReLU after the layer leaves the kept values alone.
        copy = self._output.clone()
        self._runs.append(copy.grad_fn)
        return with_map(output, copy)

    def check(self, scores: Tensor) -> None:
        """Check that a single run of the layer stands for what reaches the scores.

        Parameters
        ----------
        scores
            ``[n, classes]``: what the forward pass ended in.

        Raises
        ------
        ValueError
            If several of its runs reach the scores other than through the last.
        """
        *earlier, last = self._runs or [None]
        if earlier and last is not None and not set(earlier).isdisjoint(recorded_nodes(scores, blocked=[last])):
            raise ValueError(
                f"target layer '{self.name}' runs {len(self._runs)} times in a forward pass, and the class scores rest "
                "on several of these runs, of which a map would show the last alone: pass a target_layer that runs once"
            )

    def steps_to(self, scores: Tensor) -> list[str]:
        """Names of the steps of the graph that lead from the layer's last run to the scores."""
        last = self._runs[-1] if self._runs else None
        blocked = [] if last is None else [last]
        return [step_name(node) for node in recorded_nodes(scores, blocked=blocked) if node is not last]

    @property
    def values(self) -> Tensor:
        """The layer's output as a feature map, ``[n, k, *feature_spatial]``, detached.

        Raises
        ------
        ValueError
            If the layer did not run.
        """
        return self.as_map(self.recorded.detach())

    @property
    def tokens(self) -> int | None:
        """Number of tokens, also of those outside of the grid; None where the output is laid out otherwise."""
        return self._layout.prefix + prod(self._layout.grid) if self._layout.axes == TOKENS else None

    def as_map(self, output: Tensor) -> Tensor:
        """What is laid out like the layer's output as ``[n, k, *feature_spatial]``."""
        return self._layout.as_map(output)

    @contextmanager
    def replaced(self, features: Tensor) -> Iterator[None]:
        """Put other values, of the shape of `values`, in the place of the layer's last output while it runs again."""
        runs = 0

        def put(_layer: nn.Module, _args: tuple[object, ...], output: object) -> object:
            nonlocal runs
            runs += 1
            found = map_of(output)
            if found is None or runs < len(self._runs):
                return None
            copy = found.clone(memory_format=torch.contiguous_format)
            self._layout.as_map(copy).copy_(features)
            return with_map(output, copy)

        handle = self._layer.register_forward_hook(put)
        try:
            yield
        finally:
            handle.remove()

    @property
    def recorded(self) -> Tensor:
        """The layer's output, in its own axes.

        Raises
        ------
        ValueError
            If the layer did not run.
        """
        if self._output is None:
            raise ValueError(not_run(self.name, self._layer))
        return self._output


def feature_gradients(score: Tensor, maps: Sequence[FeatureMap], keep_graph: bool) -> list[Tensor]:
    """Derivative of a score with respect to the output of each layer, of the shape of its `FeatureMap.values`.

    Raises
    ------
    ValueError
        If a layer did not run, or the score does not depend on it.
    """
    outputs = [found.recorded for found in maps]
    gradients: Sequence[Tensor | None] = [None] * len(maps)
    if score.requires_grad:
        gradients = torch.autograd.grad(score, outputs, retain_graph=keep_graph, allow_unused=True)
    found = []
    for layer, gradient in zip(maps, gradients, strict=True):
        if gradient is None:
            raise ValueError(
                f"the class score does not depend on target layer '{layer.name}': pass another target_layer"
            )
        found.append(layer.as_map(gradient))
    return found
