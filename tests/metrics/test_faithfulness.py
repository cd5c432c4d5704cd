import copy

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from saliency.metrics.baselines import baseline_of
from saliency.metrics.faithfulness import curves, faithfulness, positions
from tests.helpers.networks import SkipFromReluInput, torchvision_model


class Weighed(nn.Module):
    """Probability of class 1: a weighted sum of the pixels."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(torch.as_tensor(weights, dtype=torch.float32))

    def forward(self, x):
        score = (x * self.weights).flatten(1).sum(dim=1)
        return torch.stack([1 - score, score], dim=1)


def test_by_hand():
    """Weights 0.4, 0.3, 0.2, 0.1; the map takes the second, the first, the fourth and the third pixel."""
    model = Weighed([[0.4, 0.3], [0.2, 0.1]])
    x, baseline = np.ones((1, 1, 2, 2), dtype=np.float32), np.zeros((1, 1, 2, 2), dtype=np.float32)
    found = curves(model, x, baseline, np.array([[[7, 9], [1, 2]]]), np.array([1]), steps=4, outputs="probabilities")
    np.testing.assert_allclose(found.fractions, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(found.deletion, [[1, 0.7, 0.3, 0.2, 0]], atol=1e-6)
    np.testing.assert_allclose(found.insertion, [[0, 0.3, 0.7, 0.8, 1]], atol=1e-6)
    assert found.deletion_auc == pytest.approx([(0.5 + 0.7 + 0.3 + 0.2) / 4])
    assert found.insertion_auc == pytest.approx([(0.3 + 0.7 + 0.8 + 0.5) / 4])


def test_the_right_order_is_best_and_its_reverse_worst():
    weights = np.random.default_rng(0).dirichlet(np.full(36, 0.3)).reshape(1, 6, 6)
    x, baseline = np.ones((1, 1, 6, 6), dtype=np.float32), np.zeros((1, 1, 6, 6), dtype=np.float32)
    rankings = {"right": weights, "wrong": -weights, "other": np.arange(36.0).reshape(1, 6, 6)}
    model = Weighed(weights)
    deletion, insertion = {}, {}
    for name, ranking in rankings.items():
        found = curves(model, x, baseline, ranking, np.array([1]), steps=36, outputs="probabilities")
        deletion[name], insertion[name] = found.deletion_auc[0], found.insertion_auc[0]
    assert deletion["right"] < deletion["other"] < deletion["wrong"]
    assert insertion["right"] > insertion["other"] > insertion["wrong"]
    # What is taken away and what is brought back add up to the whole in this linear model.
    np.testing.assert_allclose([deletion[name] + insertion[name] for name in rankings], 1, rtol=1e-5)


def test_2d_against_one_image_at_a_time():
    model = SkipFromReluInput().eval()
    _compare_with_loop(model, (3, 9, 7), 5)


def test_3d_against_one_volume_at_a_time():
    torch.manual_seed(0)
    layers = nn.Conv3d(2, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 3)
    _compare_with_loop(nn.Sequential(*layers).eval(), (2, 5, 6, 4), 3)


def _compare_with_loop(model, shape, classes):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, *shape)).astype(np.float32)
    baseline = rng.normal(size=x.shape).astype(np.float32)
    ranking = rng.normal(size=(3, *shape[1:]))
    explained = rng.integers(0, classes, 3)
    steps, pixels = 6, ranking[0].size
    found = curves(model, x, baseline, ranking, explained, steps=steps, batch_size=5)
    for sample in range(3):
        order = np.argsort(-ranking[sample].ravel())
        for step in range(steps + 1):
            first = order[: round(step * pixels / steps)]
            for curve, begin, end in ((found.deletion, x, baseline), (found.insertion, baseline, x)):
                image = begin[sample].reshape(len(x[sample]), -1).copy()
                image[:, first] = end[sample].reshape(len(image), -1)[:, first]
                with torch.no_grad():
                    scores = model(torch.from_numpy(image.reshape(1, *shape)))
                assert curve[sample, step] == pytest.approx(float(scores.softmax(1)[0, explained[sample]]), rel=1e-4)


def test_ties_are_broken_at_random_and_repeatably():
    flat = np.zeros((2, 10, 10))
    flat[0, 3, 3] = 1
    found = positions(flat, seed=1)
    assert found[0, 33] == 0
    assert (np.sort(found, axis=1) == np.arange(100)).all()
    assert (found[0] != found[1]).any()
    assert (found[1] != np.arange(100)).any()
    np.testing.assert_array_equal(positions(flat, seed=1), found)
    assert (positions(flat, seed=2) != found).any()


@pytest.mark.parametrize("shape", [(2, 3, 40, 60), (2, 1, 20, 24, 22)])
def test_baselines(shape):
    x = np.random.default_rng(0).normal(3, 2, shape).astype(np.float32)
    mean = baseline_of(x, "mean", 0)
    noise = baseline_of(x, "noise", 0)
    blur = baseline_of(x, "blur", 0)
    for sample in range(2):
        for channel in range(shape[1]):
            values = x[sample, channel]
            np.testing.assert_allclose(mean[sample, channel], values.mean(), rtol=1e-5)
            assert noise[sample, channel].std() == pytest.approx(values.std(), rel=0.1)
            sigma = [size / 20 for size in shape[2:]]
            np.testing.assert_allclose(blur[sample, channel], gaussian_filter(values, sigma, mode="nearest"), rtol=1e-5)
    assert not np.array_equal(noise, baseline_of(x, "noise", 1))
    with pytest.raises(ValueError, match="none of mean, blur, noise"):
        baseline_of(x, "black", 0)


def test_table_and_untouched_model():
    model = torchvision_model("resnet18", num_classes=4).train()
    before = copy.deepcopy(model.state_dict())
    x = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    arguments = {"classes": np.array([1, 2]), "baselines": ["mean", "noise"], "steps": 3}
    points, areas = faithfulness(model, x, {"bright": x.sum(axis=1)}, **arguments)
    assert (len(points), len(areas)) == (2 * 2 * 2 * 4, 2 * 2 * 2)
    areas = areas.set_index(["baseline", "ranking", "row"])
    for key, part in points.groupby(["baseline", "ranking", "row"]):
        for name in ("deletion", "insertion"):
            assert areas.loc[key, f"{name}_auc"] == pytest.approx(np.trapezoid(part[name], part["fraction"]))
    # Whatever the order, the ends are the same images.
    for name, fraction in (("deletion", 0), ("insertion", 1)):
        ends = points[points["fraction"] == fraction]
        assert ends.groupby("row")[name].std().max() < 1e-6
    for first, second in zip(
        faithfulness(model, x, {"bright": x.sum(axis=1)}, **arguments), (points, areas.reset_index()), strict=True
    ):
        assert first.equals(second)
    assert model.training
    assert not model._forward_hooks
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_a_single_score_is_a_logistic_probability():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))
    nn.init.ones_(model[1].weight)
    x = np.ones((1, 1, 2, 2), dtype=np.float32)
    found = curves(model, x, np.zeros_like(x), np.arange(4.0).reshape(1, 2, 2), np.array([1]), steps=2)
    np.testing.assert_allclose(found.deletion, 1 / (1 + np.exp(-np.array([[4, 2, 0]]))), rtol=1e-6)


def test_what_cannot_be_measured():
    x = np.ones((1, 1, 2, 2), dtype=np.float32)
    with pytest.raises(ValueError, match="not finite"):
        curves(nn.Identity(), x, x, np.full((1, 2, 2), np.nan), np.array([0]))
    with pytest.raises(ValueError, match="each pixel or voxel"):
        curves(nn.Identity(), x, x, np.ones((1, 2, 2)), np.array([0]))


def test_without_its_last_activation_the_model_is_the_one_before_it():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    x = np.random.default_rng(0).normal(size=(2, 1, 4, 4)).astype(np.float32)
    arguments = x, np.zeros_like(x), x[:, 0], np.array([0, 2])
    whole = nn.Sequential(*model, nn.Softmax(dim=1))
    expected = curves(model, *arguments, steps=4).deletion
    np.testing.assert_array_equal(curves(whole, *arguments, steps=4, ignore_lastlayer=True).deletion, expected)
    assert np.abs(curves(whole, *arguments, steps=4).deletion - expected).max() > 0.01
