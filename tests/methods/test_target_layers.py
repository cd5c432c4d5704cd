"""Maps of several target layers at once."""

import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from saliency import GradCAM
from saliency.methods.passes.explainer import Explainer
from saliency.methods.registered import method
from tests.helpers.networks import torchvision_model
from tests.methods.test_feature_maps import peer_map, relative_error, scaled, small_network

NAMES = ["gradcam", "layercam", "hirescam", "scorecam", "ablationcam"]


def found_maps(model, x, classes, layers, names=NAMES):
    explainer = Explainer(model, [method(name) for name in names], layers, mode=f"{x.ndim - 2}D")
    with explainer.forward_pass(x) as forward:
        return forward.maps(torch.tensor(classes))


def shares(maps):
    """Each map over its maximum, by hand."""
    return torch.stack([found / (found.abs().max() or 1) for found in maps])


@pytest.mark.parametrize(("ndim", "shape"), [(2, (2, 3, 20, 24)), (3, (2, 3, 12, 14, 16))])
def test_the_average_of_layers_on_the_finest_grid(ndim, shape):
    model, x, classes = small_network(ndim), torch.randn(shape), [1, 3]
    together = found_maps(model, x, classes, ["0.2", "0.0"])
    for name in NAMES:
        fine, coarse = (found_maps(model, x, classes, layer, [name])[name] for layer in ("0.0", "0.2"))
        assert fine[0].numel() > coarse[0].numel()
        mode = {2: "bilinear", 3: "trilinear"}[ndim]
        enlarged = nn.functional.interpolate(shares(coarse).unsqueeze(1), fine.shape[1:], mode=mode).squeeze(1)
        torch.testing.assert_close(together[name], (shares(fine) + enlarged) / 2, rtol=1e-5, atol=1e-6)


def test_two_layers_of_one_grid_equal_pytorch_grad_cam():
    """It, too, averages maps over their maxima; it subtracts minima as well: compared are maps where these are 0."""
    model, x, classes = scaled(torchvision_model("resnet18")), torch.randn(8, 3, 64, 64), [1, 3] * 4
    layers = ["layer3.0", "layer3.1"]
    single = [peer_map(pytorch_grad_cam.GradCAM, model, layer, x, classes) for layer in layers]
    usual = torch.stack([found.flatten(1).min(dim=1).values == 0 for found in single]).all(dim=0)
    assert usual.any()
    with pytorch_grad_cam.GradCAM(model, [model.get_submodule(layer) for layer in layers]) as peer:
        expected = torch.from_numpy(peer(x, [ClassifierOutputTarget(index) for index in classes]))
    found = found_maps(model, x, classes, layers, ["gradcam"])["gradcam"]
    enlarged = nn.functional.interpolate(found.unsqueeze(1), x.shape[2:], mode="bilinear").squeeze(1)
    # The peer scales its average to the range from 0 to 1 once more.
    low, high = enlarged.amin((1, 2), keepdim=True), enlarged.amax((1, 2), keepdim=True)
    assert relative_error(((enlarged - low) / (high - low))[usual], expected[usual]) < 1e-5


def test_a_batch_equals_single_samples_and_input_gradients_change_nothing():
    model, x, classes = small_network(2), torch.randn(3, 3, 20, 24), [0, 1, 2]
    names, layers = ["gradcam", "guided_backprop", "gradient"], ["0.0", "0.2"]
    together = found_maps(model, x, classes, layers, names)
    for number in range(3):
        alone = found_maps(model, x[number : number + 1], classes[number : number + 1], layers, names)
        for name in names:
            torch.testing.assert_close(together[name][number], alone[name][0], rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(
        together["gradcam"], found_maps(model, x, classes, layers, ["gradcam"])["gradcam"], rtol=1e-5, atol=1e-7
    )
    one = found_maps(model, x, classes, "0.2", ["gradient"])
    torch.testing.assert_close(together["gradient"], one["gradient"])


def test_a_layer_behind_which_nothing_speaks_for_the_class_leaves_the_other_one():
    model = small_network(2)
    with torch.no_grad():
        model[0][2].bias.fill_(-100)
    x = torch.randn(2, 3, 20, 24)
    assert not found_maps(model, x, [1, 3], "0.3", ["gradcam"])["gradcam"].any()
    assert found_maps(model, x, [1, 3], ["0.2", "0.3"], ["hirescam"])["hirescam"].isfinite().all()


@pytest.mark.parametrize(
    ("layers", "words"), [(["0.0", "0.0"], "names 0.0, 0.0: name each layer once"), ([], "names no layer")]
)
def test_layers_named_twice_or_not_at_all(layers, words):
    with pytest.raises(ValueError, match=words):
        GradCAM(small_network(2), layers)(torch.randn(1, 3, 20, 24))


def test_names_of_layers():
    model = small_network(2)
    found = GradCAM(model, ["0.0", model[0][2]]).target_layers(torch.randn(1, 3, 20, 24))
    assert found == {"0.0": model[0][0], "0.2": model[0][2]}
