"""Accuracy on labelled samples, and mistakes whose cause is known because they were made here."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import log_softmax

from saliency.check.accuracy import accuracy, too_low
from saliency.check.cause import Labelled
from saliency.check.registered import causes
from saliency.methods.passes.turned_axes import TurnedAxes
from saliency.readers.normalisation import normalised

RANDOM = np.random.default_rng(0)
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def pictures(count=64):
    """Four classes: dim red, bright red, dim blue, bright blue, each with a spread."""
    labels = np.arange(count) % 4
    inputs = RANDOM.uniform(0.2, 0.3, (count, 3, 6, 6)).astype(np.float32)
    for one, label in zip(inputs, labels, strict=True):
        one[0 if label < 2 else 2] += 0.15 + 0.4 * (label % 2) + RANDOM.normal(0, 0.04)
    return inputs, labels


def by_colour(x):
    """Log-probabilities, right for pictures that are normalised with MEAN and STD."""
    red, blue = (x[:, at].mean((1, 2)) * STD[at] + MEAN[at] for at in (0, 2))
    brightness = np.maximum(red, blue) - 0.6
    scores = np.stack([-brightness, brightness, -brightness, brightness], 1) * 8
    scores += 8 * np.outer(blue - red, [-1, -1, 1, 1])
    return log_softmax(scores, axis=1)


def volumes(count=64):
    """Class: the octant of a volume with unequal axes that is bright."""
    labels = np.arange(count) % 8
    inputs = RANDOM.normal(size=(count, 1, 6, 8, 4)).astype(np.float32)
    for one, label in zip(inputs, labels, strict=True):
        at = tuple(slice(bit * size // 2, (bit + 1) * size // 2) for bit, size in
                   zip(np.unravel_index(label, (2, 2, 2)), one.shape[1:], strict=True))  # fmt: skip
        one[0][at] += 3
    return inputs, labels


def by_octant(x):
    means = x[:, 0].reshape(len(x), 2, 3, 2, 4, 2, 2).mean((2, 4, 6)).reshape(len(x), 8)
    return log_softmax(means, axis=1)


# Cause, what the network is given by mistake, and the network's rule; mean and std of the config.
MISTAKES = {
    "channel_order": (pictures, lambda x: by_colour(x[:, ::-1]), MEAN, STD),
    "value_range": (pictures, lambda x: by_colour((x / 255 - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))),
                    [0.0], [1.0]),
    "normalisation": (pictures, by_colour, [0.0], [1.0]),
    "orientation": (volumes, lambda x: by_octant(x[:, :, ::-1]), [0.0], [1.0]),
    "class_order": (pictures, lambda x: by_colour(x)[:, [2, 3, 0, 1]], MEAN, STD),
}  # fmt: skip


def labelled(make, predict, mean, std):
    inputs, labels = make()
    return Labelled(inputs, mean, std, labels, predict(normalised(inputs, mean, std)))


@pytest.mark.parametrize("expected", [0.95, None])
@pytest.mark.parametrize("name", MISTAKES)
def test_the_mistake_that_was_made_is_among_the_first_two(name, expected):
    make, predict, mean, std = MISTAKES[name]
    found = accuracy(labelled(make, predict, mean, std), predict, expected)
    assert found.too_low == (expected is not None)
    assert name in [one.cause.name for one in found.suspicions[:2]]
    (of_cause,) = [one for one in found.suspicions if one.cause.name == name]
    assert of_cause.accuracy > 0.95
    assert of_cause.words in found.line
    assert "\n" not in found.line


@pytest.mark.parametrize("expected", [1.0, None])
@pytest.mark.parametrize(("make", "predict", "mean"), [(pictures, by_colour, MEAN), (volumes, by_octant, [0.0])])
def test_quiet_where_all_is_right(make, predict, mean, expected):
    std = STD if mean is MEAN else [1.0]
    found = accuracy(labelled(make, predict, mean, std), predict, expected)
    assert (found.right, found.samples, found.too_low, found.suspicions) == (64, 64, False, [])


@pytest.mark.parametrize("make", [pictures, volumes])
def test_a_network_that_guesses_has_no_cause(make):
    """Of 40 networks whose answers have nothing to do with the input, none gets a cause."""
    for seed in range(40):
        random = np.random.default_rng(seed)

        def predict(x, random=random):
            return log_softmax(random.normal(size=(len(x), 8)), axis=1)

        assert not accuracy(labelled(make, predict, [0.0], [1.0]), predict).suspicions


def test_after_the_limit_no_further_cause_is_tried(monkeypatch):
    monkeypatch.setattr("saliency.check.accuracy.SECONDS", -1)
    make, predict, mean, std = MISTAKES["channel_order"]
    assert len(accuracy(labelled(make, predict, mean, std), predict).tried) == 1


def test_too_low_is_the_binomial_distribution():
    for right in range(65):
        p = sum(stats.binom.pmf(k, 64, 0.8) for k in range(right + 1))
        assert too_low(right, 64, 0.8) == (p < 0.001)


def test_causes_say_what_to_do():
    for cause in causes().values():
        assert cause.title
        assert cause.remedy


@pytest.mark.parametrize(
    ("right", "configured", "told"),
    [("LAS", "RAS", "LAS"), ("SAR", "RAS", "SAR"), ("SPL", "RAS", "SPL"), ("LPS", "LPS", ""), ("SAL", "SAR", "SAL")],
)
def test_the_remedy_names_the_orientation_of_the_training(right, configured, told):
    labels = np.arange(64) % 8
    inputs = RANDOM.normal(size=(64, 1, 4, 4, 4)).astype(np.float32)
    for one, label in zip(inputs, labels, strict=True):
        at = tuple(slice(2 * bit, 2 * bit + 2) for bit in np.unravel_index(label, (2, 2, 2)))
        one[0][at] += 3

    def octants(x, code):
        turned = TurnedAxes(code).turned(torch.from_numpy(np.ascontiguousarray(x))).numpy()
        return turned[:, 0].reshape(len(x), 2, 2, 2, 2, 2, 2).mean((2, 4, 6))

    # A class is an octant in RAS, which the network knows by its place in its own axes.
    numbers = np.arange(64.0).reshape(1, 1, 4, 4, 4)
    places, classes = octants(numbers, right).ravel(), octants(numbers, "RAS").ravel()
    order = [places.tolist().index(one) for one in classes]

    def predict(x):
        return log_softmax(octants(x, configured).reshape(len(x), 8)[:, order], axis=1)

    samples = Labelled(inputs, [0.0], [1.0], labels, predict(inputs), TurnedAxes(configured))
    remedies = [one.remedy for one in accuracy(samples, predict).suspicions if one.cause.name == "orientation"]
    assert remedies == ([f"set input.orientation: {told}"] if told else [])
