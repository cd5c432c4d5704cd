"""One forward pass of an untouched model, from which maps are read."""

import zlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from saliency.methods.method import Method
from saliency.methods.passes.attention import Attention, read_attention
from saliency.methods.passes.batch_norm_gradient import correct_batch_norm
from saliency.methods.passes.feature_map import FeatureMap
from saliency.methods.passes.graph import recorded_nodes
from saliency.methods.passes.input_gradient import FastInputGradient, input_gradient
from saliency.methods.passes.layer_average import averaged
from saliency.methods.passes.model_state import unchanged
from saliency.methods.passes.no_gradient import clear_backward_errors, no_gradient
from saliency.methods.passes.score_reader import ONLY_SCORES, ScoreReader
from saliency.methods.passes.scorer import Scorer

Result = TypeVar("Result")


class Given:
    """What a forward pass gives to methods, for one class per sample.

    Parameters
    ----------
    x
        ``[n, c, *spatial]``: what the network saw, detached.
    classes
        ``[n]``, int64: the class that is explained in each sample.
    scorer
        Runs the network again.
    found
        What was read from the pass, by the name of the property.
    layer
        The target layer, where there is one; of several, one.

    Attributes
    ----------
    x, classes, scorer
        As given.
    """

    def __init__(
        self, x: Tensor, classes: Tensor, scorer: Scorer, found: Mapping[str, Any], layer: FeatureMap | None = None
    ) -> None:
        self.x, self.classes = x, classes
        self.scorer, self._found, self._layer = scorer, found, layer
        self._shared: dict[Any, Any] = {}

    @property
    def features(self) -> Tensor:
        """Output of the target layer, ``[n, k, *feature_spatial]``; with "features" in the method's ``needs``.

        Of half precision, it comes as float32.
        """
        found: Tensor = self._found["features"]
        return found

    @property
    def feature_gradient(self) -> Tensor:
        """Derivative of the class scores with respect to `features`, of their shape."""
        found: Tensor = self._found["feature_gradient"]
        return found

    @property
    def scores(self) -> Tensor:
        """Of all classes, ``[n, classes]``, detached."""
        found: Tensor = self._found["scores"]
        return found

    def feature_gradient_of(self, weights: Tensor) -> Tensor:
        """As `feature_gradient`, of a weighted sum of the scores; with "feature_gradient_of" in ``needs``.

        Parameters
        ----------
        weights
            ``[n, classes]``: of each sample's scores.
        """
        found: Tensor = self._found["feature_gradient_of"](weights)
        return found

    @property
    def steps_behind(self) -> Sequence[str]:
        """Names of the steps of the graph from `features` to the scores; with "steps_behind" in ``needs``."""
        found: Sequence[str] = self._found["steps_behind"]
        return found

    @property
    def gradient(self) -> Tensor:
        """Derivative of the class scores with respect to `x`, of its shape; with "gradient" in ``needs``."""
        found: Tensor = self._found["gradient"]
        return found

    @property
    def guided_gradient(self) -> Tensor:
        """Guided derivative with respect to `x`, of its shape; with "guided_gradient" in the method's ``needs``."""
        found: Tensor = self._found["guided_gradient"]
        return found

    @property
    def deconvolution(self) -> Tensor:
        """As `guided_gradient`, by deconvolution's rule; with "deconvolution" in the method's ``needs``."""
        found: Tensor = self._found["deconvolution"]
        return found

    def score(self, x: Tensor) -> Tensor:
        """Run the network on changed samples: the score of the class in each, ``[n]``.

        Parameters
        ----------
        x
            In the shape of `Given.x`; of these samples themselves, the network has run already where no gradient was
            recorded, which may change the order of a sum.
        """
        if x is self.x and not self._found["recorded"]:
            return self._of_class(self.scores)
        return self._run(x)

    def score_with(self, features: Tensor) -> Tensor:
        """Run the network on `x` with other `features`: the score of the class in each sample, ``[n]``.

        Parameters
        ----------
        features
            In the shape of `Given.features`, which the method needs.
        """
        with self._feature_map.replaced(self.scorer.reader.axes.turned(features)):
            return self._run(self.x)

    def attention(self) -> list[Attention]:
        """Run the network again: its attention, of all layers, the first one first.

        Raises
        ------
        ValueError
            If the target layer's output is no tokens, or a layer attends to others than these.
        """
        layer = self._feature_map
        if layer.tokens is None:
            raise ValueError(
                f"target layer '{layer.name}' returns no tokens, between which there could be attention: use gradcam"
            )
        tokens = layer.tokens
        return self.once(("attention", tokens), lambda: read_attention(self.scorer, self.x, self.classes, tokens))

    def on_grid(self, values: Tensor) -> Tensor:
        """One value for each token, ``[n, tokens]``, as ``[n, *feature_spatial]``: of those on the grid."""
        return self.scorer.reader.axes.back(self._feature_map.as_map(values.unsqueeze(2))).squeeze(1)

    def gradient_at(self, x: Tensor) -> Tensor:
        """Run the network on changed samples: the gradient of the class score in each, of the shape of `x`.

        Raises
        ------
        ValueError
            If there is no gradient.
        """
        leaf = x.detach().requires_grad_()
        with torch.enable_grad(), FastInputGradient():
            scores = self._of_class(self.scorer(leaf))
        if not scores.requires_grad:
            raise ValueError(no_gradient(self.scorer.model, self.scorer.returned, x) or "no gradient reaches the input")
        correct_batch_norm(recorded_nodes(scores))
        with clear_backward_errors():
            return input_gradient(scores.sum(), leaf, keep_graph=False)

    @property
    def _feature_map(self) -> FeatureMap:
        if self._layer is None:
            raise ValueError("no features are known: name them in the method's needs")
        return self._layer

    def _run(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self._of_class(self.scorer(x))

    def _of_class(self, scores: Tensor) -> Tensor:
        return scores.gather(1, self.classes.unsqueeze(1)).squeeze(1)

    @cached_property
    def fingerprints(self) -> list[int]:
        """A number that identifies each sample by its values; random methods begin with it.

        So what they draw does not depend on the shard, the batch, or the samples beside it.
        """
        return [zlib.crc32(one.contiguous().numpy().tobytes()) for one in self.x.detach().float().cpu()]

    def once(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """What `compute` returns, which is called once for several methods that name the same key."""
        if key not in self._shared:
            self._shared[key] = compute()
        found: Result = self._shared[key]
        return found


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
    _read: Callable[[Tensor, bool], Sequence[Given]]

    def maps(self, classes: Tensor, keep_graph: bool = False) -> dict[str, Tensor]:
        """Maps of one class per sample; of several target layers, their average (`averaged`).

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
        layers = self._read(classes, keep_graph)
        maps: dict[str, Tensor] = {}
        for method in self.methods:
            if not method.parts:
                used = layers if "features" in method.needs else layers[:1]
                found = [method.map_of(given, self.settings[method.name]) for given in used]
                maps[method.name] = averaged(found).contiguous()
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
