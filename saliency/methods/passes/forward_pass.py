"""One forward pass of an untouched model, from which maps are read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from saliency.methods.method import Method
from saliency.methods.passes.model_state import unchanged
from saliency.methods.passes.score_reader import ONLY_SCORES, ScoreReader


@dataclass(frozen=True)
class Given:
    """What a forward pass gives to methods, for one class per sample.

    Attributes
    ----------
    x
        ``[n, c, *spatial]``: what the network saw, detached.
    """

    x: Tensor
    _found: Mapping[str, Tensor]

    @property
    def features(self) -> Tensor:
        """Output of the target layer, ``[n, k, *feature_spatial]``; with "features" in the method's ``needs``."""
        return self._found["features"]

    @property
    def feature_gradient(self) -> Tensor:
        """Derivative of the class scores with respect to `features`, of their shape."""
        return self._found["feature_gradient"]

    @property
    def guided_gradient(self) -> Tensor:
        """Guided derivative with respect to `x`, of its shape; with "guided_gradient" in the method's ``needs``."""
        return self._found["guided_gradient"]


@dataclass(frozen=True)
class ForwardPass:
    """The result of one forward pass; maps of as many classes as wanted can be read from it.

    Attributes
    ----------
    output
        ``[n, classes]``, or ``[n, classes, *spatial]`` of a dense model, detached: what the model returned, or what it
        had before its last activation. ``[n, 1]`` where it has one score per sample.
    scores
        ``[n, classes]``, detached: the output, or of a dense model its sum over each class's region; of both classes
        where the output is one score per sample.
    methods, settings
        Those whose maps are made, and their settings by name.
    """

    output: Tensor
    scores: Tensor
    methods: Sequence[type[Method]]
    settings: Mapping[str, Mapping[str, Any]]
    _differentiable: Tensor
    _read: Callable[[Tensor, bool], Given]

    def maps(self, classes: Tensor, keep_graph: bool = False) -> dict[str, Tensor]:
        """Maps of one class per sample.

        Parameters
        ----------
        classes
            ``[n]``, int64: the class index that is explained in each sample.
        keep_graph
            True if maps of further classes will be read.

        Returns
        -------
        dict
            By method, of its own shape: ``[n, *feature_spatial]``, ``[n, c, *spatial]`` or ``[n, *spatial]``.
        """
        # In eval mode samples do not see each other, so the gradient of the sum holds each sample's own gradient.
        score = self._differentiable.gather(1, classes.unsqueeze(1)).sum()
        given = self._read(score, keep_graph)
        single = [method for method in self.methods if not method.parts]
        maps = {method.name: method.map_of(given, self.settings[method.name]).contiguous() for method in single}
        return combined(maps, self.methods, self.settings)


def combined(
    maps: dict[str, Tensor], methods: Sequence[type[Method]], settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Tensor]:
    """Add the maps of methods that are made from others.

    Parameters
    ----------
    maps
        By method; those of all parts.
    methods
        Parts first. Those in `maps` are left as they are.
    settings
        By method.
    """
    found = dict(maps)
    for method in methods:
        if method.parts and method.name not in found:
            found[method.name] = method.combine(found, settings[method.name]).contiguous()
    return found


def predict(model: nn.Module, x: Tensor, ignore_lastlayer: bool = False, reader: ScoreReader = ONLY_SCORES) -> Tensor:
    """Scores of the model's classes for the batch `x`, without any graph.

    ``[n, classes]``, or ``[n, classes, *spatial]`` of a dense model.

    Examples
    --------
    >>> from saliency import NeuralNetwork
    >>> tuple(predict(NeuralNetwork([1, 50, 50]), torch.rand(4, 1, 50, 50)).shape)
    (4, 2)
    """
    with unchanged(model), torch.no_grad():
        return reader.read(model, x, ignore_lastlayer)
