"""From what a model returns to the scores of its classes."""

from contextlib import nullcontext
from dataclasses import dataclass

from torch import Tensor, nn

from saliency.methods.passes.model_output import model_scores
from saliency.methods.passes.scores import LastActivation


@dataclass(frozen=True)
class ScoreReader:
    """How the scores of a model are read.

    Attributes
    ----------
    output
        Which of the model's outputs they are, as in `saliency.methods.passes.model_output.model_scores`.
    """

    output: int | str | None = None

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

        Examples
        --------
        >>> import torch
        >>> ScoreReader().read(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), torch.rand(2, 3, 2, 2)).shape
        torch.Size([2, 3])
        """
        with LastActivation() if ignore_lastlayer else nullcontext() as last:
            returned = model_scores(model(x.clone()), len(x), self.output)
        return last.input_of(returned) if last else returned


# Of a model that returns nothing but its scores, or says which they are.
ONLY_SCORES = ScoreReader()
