"""Classes that the labels number in another order than the network's scores."""

from collections.abc import Callable, Iterator

import numpy as np

from saliency.check.cause import Attempt, Cause, Labelled

# Samples of each label, on average, from which an order can be read.
FEWEST_EACH = 4


class ClassOrder(Cause):
    """Read off one half of the samples, and tried on the other half."""

    name = "class_order"
    title = "order of classes"
    remedy = (
        "give the labels the numbers of the network's scores (labels by alphabet are not always those of the training)"
    )

    @classmethod
    def attempts(cls, samples: Labelled, predict: Callable[[np.ndarray], np.ndarray]) -> Iterator[Attempt]:
        """The order in which most samples of the other half are right."""
        labels = np.unique(samples.labels)
        if len(labels) < 2 or len(samples.labels) < FEWEST_EACH * len(labels):
            return
        # Of each label half of its samples.
        half = np.zeros(len(samples.labels), dtype=bool)
        for label in labels:
            half[np.flatnonzero(samples.labels == label)[::2]] = True
        found = samples.scores.copy()
        for learned in (half, ~half):
            order = _order(samples.labels[learned], samples.predicted[learned])
            predicted, meant = np.array(list(order.items())).T
            found[np.ix_(~learned, meant)] = samples.scores[np.ix_(~learned, predicted)]
        if (found != samples.scores).any():
            order = _order(samples.labels, samples.predicted)
            moved = [f"{one} -> {other}" for one, other in sorted(order.items()) if one != other]
            yield Attempt(f"classes in another order ({', '.join(moved[:6])}{', …' * (len(moved) > 6)})", found)


def _order(labels: np.ndarray, predicted: np.ndarray) -> dict[int, int]:
    """By predicted class the label that it stands for, so that most samples are right.

    Examples
    --------
    >>> _order(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1]))
    {0: 1, 1: 0}
    """
    from scipy.optimize import linear_sum_assignment

    classes = np.unique(np.concatenate([labels, predicted]))
    counts = np.array([[((predicted == one) & (labels == other)).sum() for other in classes] for one in classes])
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return {int(classes[row]): int(classes[column]) for row, column in zip(rows, columns, strict=True)}
