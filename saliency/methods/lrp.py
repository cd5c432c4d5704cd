"""Layer-wise relevance propagation: the score is handed back layer by layer, to each input its share of the sum.

Bach et al., "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation", 2015,
https://doi.org/10.1371/journal.pone.0130140; Montavon et al., "Layer-Wise Relevance Propagation: An Overview", 2019,
https://doi.org/10.1007/978-3-030-28954-6_10; the rules are those of zennit, https://github.com/chr5tphr/zennit
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method
from saliency.registry.fits import NULL, choice, either, list_of, number
from saliency.registry.key import Key

if TYPE_CHECKING:
    from torch import Tensor
    from zennit.core import Composite

    from saliency.methods.passes.forward_pass import Given

BOX = "epsilon_gamma_box"
COMPOSITES = ("epsilon_plus", "epsilon_plus_flat", "epsilon_alpha2_beta1", "epsilon_alpha2_beta1_flat", BOX)
BOUND = either(NULL, number(), list_of(number(), 1))


class LRP(Method):
    """Layer-wise relevance propagation: signed, of the shape of the input; parameters as in `Method`.

    Networks of convolutions, linear layers, ReLUs and other modules of ``torch.nn``, and torchvision's VGG and ResNet.
    What has no rule (additions outside of these, layer normalisation, attention, means) is refused.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> x = torch.rand(4, 1, 50, 50)
    >>> output, found = LRP(NeuralNetwork([1, 50, 50]))(x, [0, 0, 0, 0], ignore_lastlayer=True)
    >>> tuple(found.shape)
    (4, 1, 50, 50)
    """

    name = "lrp"
    title = "LRP"
    summary = "The score, handed back layer by layer: the parts of the map add up to it, but for what biases take."
    formula = (
        r"R_i = \sum_j \frac{a_i \, \rho(w_{ij})}{\epsilon + \sum_{i'} a_{i'} \, \rho(w_{i'j})} R_j, "
        r"\quad \sum_i R_i \approx S_c(x)"
    )
    when = "Shares of the score with little noise, from one pass back; of networks like VGG, GoogLeNet and ResNet."
    when_not = "Networks with steps that have no rule, which are refused: transformers, DenseNet, EfficientNet."
    version = 1
    package = "zennit"
    extra = "lrp"
    grid = "input"
    channels = True
    signed = True
    keys = (
        Key(
            "composite",
            "Which rules: convolutions have the z-plus, alpha-2-beta-1 or gamma rule, linear layers the epsilon rule; "
            "with `flat` or `box`, the first layer has a rule of its own.",
            "epsilon_plus",
            choice(*COMPOSITES),
        ),
        Key("epsilon", "Of the epsilon rule: takes the share of small sums.", 1e-6, number(above=0)),
        Key("gamma", "Of the gamma rule: how far positive weights are favoured.", 0.25, number(0)),
        Key(
            "low",
            f"For `{BOX}`: the smallest value that the network can see, or one for each channel; with the default "
            "`mean` and `std`, that of black is [-2.12, -2.04, -1.8].",
            None,
            BOUND,
            "a number, a list of one for each channel, or null",
        ),
        Key(
            "high",
            f"For `{BOX}`: the largest value that the network can see; that of white is [2.25, 2.43, 2.64].",
            None,
            BOUND,
            "a number, a list of one for each channel, or null",
        ),
    )
    cost = Cost(shard_copies=4, batch_copies=1400, seconds=220)

    @classmethod
    def complete(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in the defaults of settings; the box has none.

        Raises
        ------
        ValueError
            If a setting is unknown, or the box has no bounds.
        """
        found = super().complete(settings)
        if found["composite"] == BOX and None in (found["low"], found["high"]):
            raise ValueError(f"composite: {BOX} needs low and high, the smallest and largest value of the input")
        return found

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Relevance, ``[n, c, *spatial]``, whose sum over a sample is its score where there are no biases."""
        try:
            from saliency.methods.passes.relevance import relevance
        except ImportError as error:
            raise ValueError("lrp needs the Python package 'zennit': pip install 'nip-saliency[lrp]'") from error
        return relevance(given.scorer, given.x, given.scores, given.classes, _composite(given.x, settings))


def _composite(x: Tensor, settings: Mapping[str, Any]) -> Composite:
    from zennit.composites import COMPOSITES as BY_NAME
    from zennit.torchvision import ResNetCanonizer

    from saliency.methods.passes.relevance import ENDS

    # A rule of what is cut off would wait for relevance of its output.
    known: dict[str, Any] = {"epsilon": settings["epsilon"], "canonizers": [ResNetCanonizer()]}
    known["layer_map"] = [(ENDS, None)]
    if settings["composite"] == BOX:
        known |= {name: _bound(x, settings[name], name) for name in ("low", "high")} | {"gamma": settings["gamma"]}
    return BY_NAME[settings["composite"]](**known)


def _bound(x: Tensor, values: float | list[float], name: str) -> Tensor:
    """The same for all positions, ``[1, c, *spatial]``."""
    found = x.new_tensor(values).reshape(1, -1, *[1] * (x.ndim - 2))
    if found.shape[1] not in (1, x.shape[1]):
        raise ValueError(f"{name} has {found.shape[1]} values for {x.shape[1]} channels")
    return found.expand(1, *x.shape[1:])
