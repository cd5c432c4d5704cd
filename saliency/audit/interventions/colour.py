"""The mean and the spread of each channel: tint, exposure, scanner."""

from collections.abc import Sequence

import numpy as np

from saliency.audit.interventions.intervention import Intervention, Variant


class Colour(Intervention):
    r"""Mean and standard deviation of each channel.

    :math:`(x - \mu_x) \, \sigma_s / \sigma_x + \mu_s`, as of Reinhard et al. 2001, Color transfer between images, IEEE
    Computer Graphics and Applications 21, in the channels as they are.
    """

    name = "colour"
    title = "mean and spread of each channel"
    verb = "Giving"
    reference = "those colours"
    order = 25

    @classmethod
    def variants(cls, spatial: Sequence[int]) -> list[Variant]:
        """There is one."""
        return [Variant("all", "colours (mean and spread of each channel)", ())]

    @classmethod
    def give(cls, targets: np.ndarray, sources: np.ndarray, variant: Variant) -> np.ndarray:
        """Give each target the mean and the standard deviation of its source's channels.

        Examples
        --------
        >>> target, source = np.array([[[0.0, 2.0]]]), np.array([[[5.0, 9.0]]])
        >>> Colour.give(target, source, Colour.variants((2,))[0]).tolist()
        [[[5.0, 9.0]]]
        """
        return _with_statistics(targets, *_statistics(sources))

    @classmethod
    def remove(cls, pictures: np.ndarray, others: np.ndarray, variant: Variant) -> np.ndarray:
        """Give each picture what the others have on average."""
        mean, spread = _statistics(others)
        return _with_statistics(pictures, mean.mean(axis=0, keepdims=True), spread.mean(axis=0, keepdims=True))


def _statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    axes = tuple(range(2, x.ndim))
    return x.mean(axis=axes, keepdims=True), x.std(axis=axes, keepdims=True)


def _with_statistics(x: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    own_mean, own_spread = _statistics(x)
    # Of a channel without contrast, nothing can be stretched.
    factor = np.divide(spread, own_spread, out=np.ones(np.broadcast_shapes(spread.shape, own_spread.shape), x.dtype),
                       where=own_spread > 0)  # fmt: skip
    return ((x - own_mean) * factor + mean).astype(x.dtype)
