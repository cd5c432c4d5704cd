"""Running a network on a batch: the scores of its classes, of the batch itself or of changed ones."""

from dataclasses import dataclass

from torch import Tensor, nn

from saliency.methods.passes.score_reader import ScoreReader


@dataclass(frozen=True)
class Scorer:
    """How the scores of one batch's samples are computed.

    Attributes
    ----------
    model
        The network, in the state in which it runs.
    reader
        Reads the scores off what it returns.
    ignore_lastlayer, region
        As in `saliency.methods.method.Method.__call__`.
    """

    model: nn.Module
    reader: ScoreReader
    ignore_lastlayer: bool = False
    region: Tensor | None = None

    def returned(self, x: Tensor) -> Tensor:
        """What the network returns for ``[n, c, *spatial]``: one score per sample stays one, ``[n, 1]``."""
        return self.reader.returned(self.model, x, self.ignore_lastlayer)

    def sums(self, returned: Tensor) -> Tensor:
        """One score per class and sample, ``[n, classes]``, of what `returned` gave."""
        return self.reader.sums(self.reader.classes(returned), self.region)

    def __call__(self, x: Tensor) -> Tensor:
        """Scores ``[n, classes]`` of changed samples ``[n, c, *spatial]``."""
        return self.sums(self.returned(x))
