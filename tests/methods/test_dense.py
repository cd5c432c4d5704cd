"""Models that give one score per pixel or voxel: the score of a class is summed over a region (Seg-Grad-CAM)."""

import captum.attr
import pytest
import torch
from torch import nn
from torch.nn import functional

from saliency import GradCAM, GuidedBackprop, GuidedGradCAM
from tests.helpers.networks import guided_oracle


class Segmenter(nn.Module):
    """Halves the sides, brings them back, and scores classes in every place; each is predicted somewhere."""

    def __init__(self, ndim, classes=3):
        super().__init__()
        torch.manual_seed(1)
        conv = {2: nn.Conv2d, 3: nn.Conv3d}[ndim]
        self.down = conv(1, 6, 3, stride=2, padding=1)
        self.bottleneck = conv(6, 6, 3, padding=1)
        self.head = conv(6, classes, 1)

    def forward(self, x):
        y = functional.relu(self.bottleneck(functional.relu(self.down(x))))
        y = self.head(functional.interpolate(y, x.shape[2:], mode="nearest"))
        return y - y.flatten(2).mean(2).view(*y.shape[:2], *[1] * (y.ndim - 2))


class RegionSum(nn.Module):
    """The reduction written down by hand, with a region that is fixed beforehand."""

    def __init__(self, model, region):
        super().__init__()
        self.model, self.region = model, region

    def forward(self, x):
        return (self.model(x) * self.region).flatten(2).sum(2)


SHAPES = {2: (2, 1, 12, 10), 3: (2, 1, 8, 6, 10)}


def regions(model, x, kind):
    """What to pass, and the region of each class as a number of 0 or 1 in each place."""
    scores = model(x).detach()
    if kind == "mask":
        mask = torch.rand(len(x), *x.shape[2:]) > 0.5
        return mask, mask.unsqueeze(1).expand_as(scores).float()
    return None, torch.stack([(scores.argmax(1) == k).float() for k in range(3)], dim=1)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("kind", ["predicted", "mask"])
@pytest.mark.parametrize("target", [0, [1, 2]])
def test_maps_equal_captum_on_the_summed_scores(monkeypatch, ndim, kind, target):
    model, x = Segmenter(ndim), torch.randn(SHAPES[ndim])
    region, weights = regions(model, x, kind)
    classes = torch.as_tensor(target).expand(2)
    summed = RegionSum(model, weights)
    native = captum.attr.LayerGradCam(summed, model.bottleneck).attribute(x, classes, relu_attributions=True).detach()
    mode = {2: "bilinear", 3: "trilinear"}[ndim]
    cam = functional.interpolate(native, x.shape[2:], mode=mode, align_corners=False)
    guided = guided_oracle(monkeypatch, summed, x, classes)
    output, found = GradCAM(model, target_layer="bottleneck")(x, target, region=region)
    assert torch.equal(output, model(x))
    torch.testing.assert_close(found, cam)
    torch.testing.assert_close(GuidedBackprop(model)(x, target, region=region)[1], guided)
    torch.testing.assert_close(GuidedGradCAM(model, "bottleneck")(x, target, region=region)[1], guided * cam)
    assert guided.abs().max() > 0


def test_single_sample_with_a_mask():
    model, x, mask = Segmenter(2), torch.randn(1, 12, 10), torch.rand(12, 10) > 0.5
    output, cam = GradCAM(model)(x, 1, region=mask)
    assert output.shape == (3, 12, 10)
    torch.testing.assert_close(cam, GradCAM(model)(x[None], 1, region=mask[None])[1][0])


def test_target_layer_is_the_bottleneck():
    assert list(GradCAM(Segmenter(3)).target_layers(torch.randn(SHAPES[3]))) == ["bottleneck"]


def test_one_class_counts_where_its_score_is_positive():
    model, x = Segmenter(2, classes=1), torch.randn(SHAPES[2])
    positive = (model(x)[:, 0] > 0).detach()
    assert 0 < positive.sum() < positive.numel()
    assert torch.equal(GuidedBackprop(model)(x, 0)[1], GuidedBackprop(model)(x, 0, region=positive)[1])


@pytest.mark.filterwarnings("ignore:a product with a mask is no ReLU")
@pytest.mark.parametrize("outputs", ["logits", "probabilities"])
def test_one_probability_counts_where_it_is_above_a_half(outputs):
    """That the scores come from a sigmoid is seen where it is not said."""
    plain = Segmenter(2, classes=1)
    model, x = nn.Sequential(plain, nn.Sigmoid()), torch.randn(SHAPES[2])
    positive = (plain(x)[:, 0] > 0).detach()
    assert 0 < positive.sum() < positive.numel()
    _, found = GuidedBackprop(model, outputs=outputs)(x, 0)
    assert torch.equal(found, GuidedBackprop(model, outputs=outputs)(x, 0, region=positive)[1])


def test_region_that_does_not_fit():
    with pytest.raises(ValueError, match=r"region has shape \[2, 3, 3\], but the model's output has \[2, 3, 12, 10\]"):
        GradCAM(Segmenter(2))(torch.randn(SHAPES[2]), 0, region=torch.ones(2, 3, 3))
    classifier = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(160, 2))
    with pytest.raises(ValueError, match="one score per sample, not one per pixel"):
        GuidedBackprop(classifier)(torch.randn(SHAPES[2]), 0, region=torch.ones(2, 12, 10))
