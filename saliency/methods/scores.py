"""What the scores of a model mean."""

import numpy as np

# One logit s per sample: class 1 has the score s, class 0 has -s. Its probability is that of a logistic regression.
ONE_LOGIT = "one_logit"
# One logit per class, of which several can be right.
MULTILABEL = "multilabel"
# Real values, which are no classes.
REGRESSION = "regression"
# Each class has a probability of its own, the logistic function of its score.
LOGISTIC = frozenset({ONE_LOGIT, MULTILABEL})


def probabilities(scores: np.ndarray, outputs: str) -> np.ndarray:
    """Turn scores into probabilities.

    Parameters
    ----------
    scores
        ``(n, classes)``.
    outputs
        "logits" (softmax), "one_logit" (the logistic function of each, which adds up to 1 for scores -s and s),
        "multilabel" (the logistic function of each), "probabilities" (as they are), "regression", or "sums" over the
        regions of a dense model, which both have no probability.

    Returns
    -------
    ndarray
        ``(n, classes)``, NaN where the scores are, and everywhere for "sums" and "regression".

    Examples
    --------
    >>> probabilities(np.array([[0.0, np.log(3)]]), "logits").round(2)
    array([[0.25, 0.75]])
    >>> probabilities(np.array([[-np.log(3), np.log(3)]]), "one_logit").round(2)
    array([[0.25, 0.75]])
    """
    if outputs in ("sums", REGRESSION):
        return np.full(scores.shape, np.nan)
    if outputs == "probabilities":
        return scores
    scores = scores.astype(np.float64)
    # Failed samples are NaN and stay so; NumPy would warn of them.
    with np.errstate(invalid="ignore"):
        if outputs in LOGISTIC:
            return np.exp(-np.logaddexp(0, -scores))
        shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)


def ranked_classes(scores: np.ndarray, rank: int) -> np.ndarray:
    """Class of each sample by the rank of its score; of equal scores the first class counts.

    This is the one place where it is decided which class is predicted.

    Parameters
    ----------
    scores
        ``(n, classes)``; NaN counts as 0.
    rank
        0 for the highest score.

    Returns
    -------
    ndarray
        ``(n,)``, int64.

    Examples
    --------
    >>> ranked_classes(np.array([[0.5, 0.5, 0.1]]), 0), ranked_classes(np.array([[0.5, 0.5, 0.1]]), 1)
    (array([0]), array([1]))
    """
    return np.argsort(-np.nan_to_num(scores), axis=1, kind="stable")[:, rank]


def predicted_classes(scores: np.ndarray, rank: int, outputs: str, threshold: float) -> np.ndarray:
    """As `ranked_classes`, but of several classes only those are predicted whose probability is above a threshold.

    Parameters
    ----------
    scores, rank
        As of `ranked_classes`.
    outputs
        As of `probabilities`.
    threshold
        For "multilabel".

    Returns
    -------
    ndarray
        ``(n,)``, int64; -1 where no class of that rank is predicted.

    Examples
    --------
    >>> scores = np.array([[2.0, 1.0], [-1.0, 1.0], [-3.0, -2.0]])
    >>> predicted_classes(scores, 0, "multilabel", 0.5), predicted_classes(scores, 1, "multilabel", 0.5)
    (array([ 0,  1, -1]), array([ 1, -1, -1]))
    """
    ranked = ranked_classes(scores, rank)
    if outputs != MULTILABEL:
        return ranked
    return np.where(said_classes(scores, threshold)[np.arange(len(scores)), ranked], ranked, -1)


def said_classes(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Which classes are predicted of models with several, ``(n, classes)``, bool: those above the threshold."""
    with np.errstate(invalid="ignore"):
        return np.asarray(probabilities(scores, MULTILABEL) > threshold)
