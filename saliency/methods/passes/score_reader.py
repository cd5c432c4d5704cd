"""From what a model returns to the scores of its classes."""

from contextlib import nullcontext
from dataclasses import dataclass

from torch import Tensor, nn

from saliency.methods.passes.model_output import model_scores
from saliency.methods.passes.network_call import call_network
from saliency.methods.passes.scores import LastActivation, class_scores, from_sigmoid, two_classes
from saliency.methods.passes.turned_axes import UNTURNED, TurnedAxes
from saliency.methods.scores import MULTILABEL, ONE_LOGIT, REGRESSION

# What the scores of a model can be said to be.
OUTPUTS = ("logits", "probabilities", MULTILABEL, REGRESSION)


@dataclass(frozen=True)
class ScoreReader:
    """How the scores of a model are read.

    One score per sample is two classes: of a logit s, class 1 has s and class 0 has -s; of a probability p, class 1 has
    p and class 0 has 1 - p.

    Attributes
    ----------
    output
        Which of the model's outputs they are, as in `saliency.methods.passes.model_output.model_scores`.
    outputs
        What they are: "logits", "probabilities", "multilabel" (a logit for each of several classes that a sample can be
        of, also where there is only one), or "regression" (real values, which are no classes). One output that comes
        from a sigmoid is known to be a probability where there is a graph.
    axes
        In which the model sees volumes; what it returns for each voxel is turned back.

    Raises
    ------
    ValueError
        If there are no such `outputs`.

    Examples
    --------
    >>> import torch
    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(12, 1))
    >>> x = torch.rand(2, 3, 2, 2)
    >>> scores = ScoreReader().read(network, x)
    >>> torch.equal(scores[:, 1:], network(x)), torch.equal(scores[:, :1], -network(x))
    (True, True)
    """

    output: int | str | None = None
    outputs: str = "logits"
    axes: TurnedAxes = UNTURNED

    def __post_init__(self) -> None:
        if self.outputs not in OUTPUTS:
            raise ValueError(f"outputs is {self.outputs!r}: pass one of {', '.join(map(repr, OUTPUTS))}")

    def read(self, model: nn.Module, x: Tensor, ignore_lastlayer: bool = False) -> Tensor:
        """Run the model on the batch `x`.

        Parameters
        ----------
        model
            The network.
        x
            ``[n, c, *spatial]``. The model gets a copy: it may write into its input.
        ignore_lastlayer
            Take the scores before the model's last activation.

        Returns
        -------
        Tensor
            ``[n, classes]``, or ``[n, classes, *spatial]`` of a model with one score per pixel or voxel.
        """
        return self.classes(self.returned(model, x, ignore_lastlayer))

    def returned(self, model: nn.Module, x: Tensor, ignore_lastlayer: bool = False) -> Tensor:
        """As `read`, but one score per sample stays one, ``[n, 1]``."""
        with LastActivation() if ignore_lastlayer else nullcontext() as last:
            found = model_scores(call_network(model, self.axes.turned(x)), len(x), self.output)
        return self.axes.back(last.input_of(found) if last else found)

    def classes(self, returned: Tensor) -> Tensor:
        """Scores of the classes, of what `returned` gave."""
        return returned if self.outputs in (MULTILABEL, REGRESSION) else two_classes(returned, self._meaning(returned))

    def sums(self, scores: Tensor, region: Tensor | None = None) -> Tensor:
        """One score per class and sample, ``[n, classes]``, of what `read` gave (`class_scores`)."""
        return class_scores(scores, region, self._meaning(scores))

    def kind(self, returned: Tensor) -> str:
        """What `saliency.methods.scores.probabilities` calls the scores, of what `returned` gave."""
        if returned.ndim > 2:
            return "sums"
        meaning = self._meaning(returned)
        return ONE_LOGIT if meaning == "logits" and returned.shape[1] == 1 else meaning

    def _meaning(self, scores: Tensor) -> str:
        unsaid = self.outputs == "logits" and scores.shape[1] == 1
        return "probabilities" if unsaid and from_sigmoid(scores) else self.outputs


# Of a model that returns nothing but its logits, or says which they are.
ONLY_SCORES = ScoreReader()
