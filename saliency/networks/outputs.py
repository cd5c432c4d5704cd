"""Seeing at the start that a network's scores are what the config says."""

import torch
from torch import Tensor, nn

from saliency.exceptions import DataError
from saliency.methods.passes.black_box import BlackBox
from saliency.methods.passes.model_output import model_scores
from saliency.methods.passes.model_state import unchanged
from saliency.methods.passes.network_call import call_network
from saliency.methods.passes.score_reader import ScoreReader
from saliency.methods.passes.scores import LastActivation
from saliency.methods.scores import MULTILABEL, REGRESSION


def checked_scores(
    place: str, network: nn.Module, x: Tensor, reader: ScoreReader, ignore_lastlayer: bool = False
) -> Tensor:
    """Run a network, and compare what it returns with what it is said to return.

    Parameters
    ----------
    place
        What messages call the network: ``models.NAME``.
    network
        Stays as it is.
    x
        ``[n, c, *spatial]``.
    reader
        Reads the scores.
    ignore_lastlayer
        Take the scores before the network's last activation.

    Returns
    -------
    Tensor
        As of `ScoreReader.returned`.

    Raises
    ------
    DataError
        If the scores cannot be what `reader` takes them for: logits that come from a softmax or a sigmoid, or
        probabilities below 0 or above 1.

    Examples
    --------
    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 1), nn.Sigmoid())
    >>> checked_scores("models.net", network, torch.zeros(1, 1, 2, 2), ScoreReader(outputs="probabilities")).shape
    torch.Size([1, 1])
    """

    def scores_of(x: Tensor) -> Tensor:
        return model_scores(call_network(network, reader.axes.turned(x)), len(x), reader.output)

    with unchanged(network), torch.no_grad(), LastActivation() as last:
        scores = scores_of(x)
        hidden = network.activation(scores_of, x) if isinstance(network, BlackBox) else ""
    name = hidden or last.name_of(scores)
    if ignore_lastlayer:
        scores, name = last.input_of(scores), ""
    # Regions of several classes follow the highest score, which softmax and sigmoid leave the highest.
    several = scores.ndim > 2 and scores.shape[1] > 1
    if reader.outputs == "logits" and name in ("softmax", "sigmoid") and not several:
        before = "save the network without it" if hidden else "ignore_lastlayer: true for the scores before it"
        raise DataError(
            f"{place}: its scores come from a {name}, so that they are no logits: set outputs: probabilities, or "
            f"{before}"
        )
    if reader.outputs == REGRESSION and scores.ndim > 2:
        raise DataError(
            f"{place}: outputs: regression, but it returns values of shape {list(scores.shape)}, one per pixel or "
            "voxel: let factory return it wrapped in a module that returns one for each sample, such as their mean"
        )
    if reader.outputs == MULTILABEL:
        if scores.ndim > 2:
            raise DataError(
                f"{place}: outputs: multilabel, but its scores have shape {list(scores.shape)}, one per pixel or "
                "voxel: set outputs: logits, and region: mask where regions of classes overlap"
            )
        if name in ("softmax", "log-softmax", "sigmoid", "log-sigmoid"):
            before = "save the network without it" if hidden else "set ignore_lastlayer: true for the scores before it"
            raise DataError(f"{place}: outputs: multilabel takes logits, but the scores come from a {name}: {before}")
    low, high = float(scores.min()), float(scores.max())
    if reader.outputs == "probabilities" and (low < 0 or high > 1):
        raise DataError(
            f"{place}: outputs: probabilities, but the scores of an empty input reach from {low:.3g} to {high:.3g}: "
            "set outputs: logits"
        )
    return reader.axes.back(scores)
