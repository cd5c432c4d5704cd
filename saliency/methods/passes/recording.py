"""What is recorded of one forward pass, so that gradients of its scores can be read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from saliency.methods.passes.batch_norm_gradient import correct_batch_norm
from saliency.methods.passes.feature_map import FeatureMap, feature_gradients
from saliency.methods.passes.forward_pass import Given
from saliency.methods.passes.graph import recorded_nodes
from saliency.methods.passes.guided_relu import GuidedReLU, guided_relu
from saliency.methods.passes.input_gradient import FastInputGradient, input_gradient
from saliency.methods.passes.no_gradient import clear_backward_errors, no_gradient
from saliency.methods.passes.scorer import Scorer
from saliency.methods.passes.target_layer import TargetLayer

# Needs of methods that go back by other rules than the derivative's, and all that go back to the input.
BY_RULE = frozenset({"guided_gradient", "deconvolution"})
TO_INPUT = BY_RULE | {"gradient"}


class Recording:
    """Context manager around the forward pass of one batch; what was recorded is read after it.

    Parameters
    ----------
    scorer
        Runs the network.
    x
        ``[n, c, *spatial]``: what the network sees; a leaf of its own graph.
    needs
        Of the methods whose maps are made, names of attributes of `saliency.methods.passes.forward_pass.Given`.
    targets
        The target layers where "features" are needed, else none.
    """

    def __init__(self, scorer: Scorer, x: Tensor, needs: Collection[str], targets: Sequence[TargetLayer]) -> None:
        self._scorer, self._x, self._needs = scorer, x, frozenset(needs)
        self._stack = ExitStack()
        self._relu: GuidedReLU | None = None
        # Without a gradient below the first layer, everything before it runs without a graph.
        self._features = [FeatureMap(target, x, detached=not self._needs & TO_INPUT) for target in targets]

    def __enter__(self) -> Recording:
        with ExitStack() as stack:
            if self._needs & BY_RULE:
                self._relu = stack.enter_context(guided_relu(self._scorer.model))
            elif self._needs & TO_INPUT:
                stack.enter_context(FastInputGradient())
            if self._needs & TO_INPUT:
                self._x.requires_grad_()
            for layer in self._features:
                stack.enter_context(layer)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def check(self, scores: Tensor, warned: set[str]) -> None:
        """Check that maps can be read from the scores that the pass ended in, and prepare their graph.

        Parameters
        ----------
        scores
            ``[n, classes]``.
        warned
            As in `saliency.methods.passes.guided_relu.GuidedReLU.warn`.

        Raises
        ------
        ValueError
            If no gradient can be taken, saying why.
        """
        for layer in self._features:
            layer.check(scores)
        if not scores.requires_grad and self._needs:
            reason = no_gradient(self._scorer.model, self._scorer.returned, self._x)
            if reason:
                raise ValueError(reason)
        nodes = recorded_nodes(scores)
        correct_batch_norm(nodes)
        if self._relu and "guided_gradient" in self._needs:
            self._relu.warn(nodes, warned)

    def read(self, scores: Tensor, classes: Tensor, keep_graph: bool) -> list[Given]:
        """What methods are made from, of one class ``[n]`` per sample; for each target layer, or once without any.

        Parameters
        ----------
        scores
            ``[n, classes]``, as given to `check`.
        classes
            ``[n]``, int64.
        keep_graph
            Whether further classes will be read.
        """
        # In eval mode samples do not see each other, so the gradient of the sum holds each sample's own gradient.
        score = scores.gather(1, classes.unsqueeze(1)).sum()
        found: dict[str, Any] = {"scores": scores.detach(), "recorded": scores.requires_grad}
        layers, relu = self._features, self._relu
        keep_graph |= "feature_gradient_of" in self._needs
        passes: dict[str, Callable[[bool], Any]] = {}
        if layers:
            passes["feature_gradient"] = partial(feature_gradients, score, layers)
        if "gradient" in self._needs:
            passes["gradient"] = partial(input_gradient, score, self._x)
        if relu and "deconvolution" in self._needs:
            passes["deconvolution"] = partial(relu.gradient, score, self._x, deconvolved=True)
        if relu and "guided_gradient" in self._needs:
            passes["guided_gradient"] = partial(relu.gradient, score, self._x)
        with clear_backward_errors():
            for number, (name, gradient) in enumerate(passes.items(), start=1):
                found[name] = gradient(keep_graph or number < len(passes))
        x = self._x.detach()
        if not layers:
            return [Given(x, classes, self._scorer, found)]
        gradients = found.pop("feature_gradient")
        return [
            Given(x, classes, self._scorer, found | self._of_layer(layer, gradient, scores), layer)
            for layer, gradient in zip(layers, gradients, strict=True)
        ]

    def _of_layer(self, layer: FeatureMap, gradient: Tensor, scores: Tensor) -> dict[str, Any]:
        axes = self._scorer.reader.axes

        def gradient_of(weights: Tensor) -> Tensor:
            with clear_backward_errors():
                (found,) = feature_gradients((weights.to(scores) * scores).sum(), [layer], keep_graph=True)
            return axes.back(_precise(found))

        found: dict[str, Any] = {
            "feature_gradient": axes.back(_precise(gradient)),
            "features": axes.back(_precise(layer.values)),
        }
        if "steps_behind" in self._needs:
            found["steps_behind"] = layer.steps_to(scores)
        if "feature_gradient_of" in self._needs:
            found["feature_gradient_of"] = gradient_of
        return found


def _precise(values: Tensor) -> Tensor:
    """Half precision, which networks compute in under autocast, has too few digits to sum up in."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
