"""The measures on photographs of the demo, with the demo's network: results that the papers lead one to expect."""

import numpy as np
import pandas as pd
import pytest
import torch

from saliency import GuidedGradCAM
from saliency.files.paths import resolve
from saliency.methods.upsampling import upsample
from saliency.metrics.faithfulness import faithfulness
from saliency.metrics.magnitude import magnitude
from saliency.metrics.randomisation import randomisation_test
from saliency.metrics.similarity import spearman
from saliency.readers.images import Preprocessing, read_image
from tests.helpers.networks import efficientnet_lite0
from tests.helpers.workflow_project import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photographs():
    paths = pd.read_csv(ROOT / "config" / "photographs.csv")["path"].head(8)
    preprocessing = Preprocessing(3, 256, 224, "bicubic")
    images = np.stack([read_image(resolve(path, ROOT / "config"), preprocessing) for path in paths])
    return torch.from_numpy((images - 127 / 255) / (128 / 255)).float()


def test_guided_backprop_does_not_see_what_the_top_layers_learned(photographs):
    """Adebayo et al. (2018), figure 2: Grad-CAM changes with the first layer, guided backpropagation does not."""
    layers = ["_fc", "_bn1", "_conv_head", "_blocks.15", "_blocks.14"]
    table = randomisation_test(efficientnet_lite0(), photographs, layers)
    similar = table[table["depth"] > 0].groupby(["method", "depth"])["spearman_absolute"].mean()
    assert (similar["guided_backprop"] > 0.9).all()
    assert (similar["gradcam"] < 0.5).all()


def test_grad_cam_tells_classes_apart_and_guided_backprop_does_not(photographs):
    with GuidedGradCAM(efficientnet_lite0()).forward_pass(photographs) as forward:
        classes = forward.scores.topk(2, dim=1).indices
        first, second = (forward.maps(classes[:, rank], keep_graph=rank == 0) for rank in (0, 1))
    cam = spearman(*(maps["gradcam"].numpy() for maps in (first, second)))
    guided = spearman(*(magnitude(maps["guided_backprop"].numpy()) for maps in (first, second)))
    assert (guided > 0.9).all()
    assert np.nanmean(cam) < 0.9 < np.nanmean(guided)


def test_grad_cam_is_more_faithful_than_a_random_order(photographs):
    model = efficientnet_lite0()
    with GuidedGradCAM(model).forward_pass(photographs) as forward:
        classes = forward.scores.argmax(dim=1)
        cam = upsample(forward.maps(classes)["gradcam"], photographs.shape[2:])[:, 0].numpy()
    _, areas = faithfulness(model, photographs.numpy(), {"gradcam": cam}, classes.numpy(), ["mean", "blur"], steps=10)
    mean = areas.groupby(["baseline", "ranking"])[["deletion_auc", "insertion_auc"]].mean()
    for baseline in ("mean", "blur"):
        assert mean.loc[(baseline, "gradcam"), "insertion_auc"] > mean.loc[(baseline, "random"), "insertion_auc"]
