"""The methods that weigh feature maps, beside pytorch-grad-cam and torch-cam."""

import numpy as np
import pytest
import pytorch_grad_cam
import torch
import torchcam.methods
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from saliency.methods.passes.explainer import Explainer
from saliency.methods.passes.layout import Layout
from saliency.methods.registered import method
from tests.helpers.networks import efficientnet_lite0, torchvision_model
from tests.helpers.token_networks import TokenNetwork

PEERS = {
    "gradcam_plus_plus": pytorch_grad_cam.GradCAMPlusPlus,
    "xgradcam": pytorch_grad_cam.XGradCAM,
    "hirescam": pytorch_grad_cam.HiResCAM,
    "layercam": pytorch_grad_cam.LayerCAM,
}
FAMILY = [*PEERS, "cam", "eigencam", "gradcam"]


on_four_networks = pytest.mark.parametrize(
    ("build", "layer", "shape"),
    [
        (lambda: torchvision_model("resnet18"), "layer3", (2, 3, 64, 64)),
        (efficientnet_lite0, "_blocks.10", (2, 3, 64, 64)),
        (lambda: small_network(2), "0", (2, 3, 20, 24)),
        (lambda: small_network(3), "0.2", (2, 3, 12, 14, 16)),
    ],
    ids=["resnet18", "efficientnet_lite0", "small", "small_3d"],
)


def small_network(ndim, classes=5):
    torch.manual_seed(0)
    convolution, pool = [(nn.Conv2d, nn.AdaptiveAvgPool2d), (nn.Conv3d, nn.AdaptiveAvgPool3d)][ndim - 2]
    body = nn.Sequential(convolution(3, 8, 3, stride=2, padding=1), nn.ReLU(), convolution(8, 12, 3), nn.ReLU())
    return nn.Sequential(body, pool(1), nn.Flatten(), nn.Linear(12, classes)).eval()


def found_maps(model, x, classes, layer, names, layout=None):
    explainer = Explainer(model, [method(name) for name in names], layer, mode=f"{x.ndim - 2}D", layout=layout)
    with explainer.forward_pass(x) as forward:
        return forward.maps(torch.tensor(classes))


def peer_map(kind, model, layer, x, classes, reshape=None):
    """The raw map: without the peer's scaling to the range from 0 to 1, at the layer's resolution."""
    peer = kind(model, [model.get_submodule(layer)], reshape_transform=reshape)
    targets = [ClassifierOutputTarget(index) for index in classes]
    peer(x, targets)
    features, gradients = (
        values[0].detach() for values in (peer.activations_and_grads.activations, peer.activations_and_grads.gradients)
    )
    found = peer.get_cam_image(x, model.get_submodule(layer), targets, features.numpy(), gradients.numpy(), False)
    peer.activations_and_grads.release()
    return torch.from_numpy(np.maximum(found, 0))


def relative_error(actual, expected):
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def scaled(model, factor=1e4):
    """Scores so large that numbers which peers add to denominators do not count."""
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    with torch.no_grad():
        last.weight *= factor
    return model


@on_four_networks
def test_equal_pytorch_grad_cam(build, layer, shape):
    model, classes = scaled(build()), [1, 3]
    x = torch.randn(shape)
    found = found_maps(model, x, classes, layer, PEERS)
    for name, kind in PEERS.items():
        assert relative_error(found[name], peer_map(kind, model, layer, x, classes)) < 1e-5, name
        assert found[name].shape[1:] != x.shape[2:]


def test_tokens_equal_pytorch_grad_cam():
    torch.manual_seed(0)
    # In double precision: in front of a layer normalisation, products of gradient and features nearly cancel out.
    model = scaled(TokenNetwork((3, 24, 32), (8, 8)).eval()).double()
    classes, x = [1, 3], torch.randn(2, 3, 24, 32, dtype=torch.float64)
    layout = Layout("tokens", (3, 4), 1)
    found = found_maps(model, x, classes, "blocks.1", PEERS, layout)
    for name, kind in PEERS.items():
        expected = peer_map(kind, model, "blocks.1", x, classes, layout.as_map)
        assert relative_error(found[name], expected) < 1e-5, name


def test_pytorch_grad_cam_plus_plus_depends_on_the_scale_of_scores():
    """Its 1e-6 in the denominator outweighs the squares of small gradients; the paper's formula has none."""
    x, classes = torch.randn(2, 3, 64, 64), [1, 3]
    model = torchvision_model("resnet18")
    with torch.no_grad():
        model.fc.weight *= 0.1
    kept = {}
    handle = model.layer3.register_forward_hook(lambda _, __, output: (kept.update(a=output), output.retain_grad())[1])
    model(x)[range(2), classes].sum().backward()
    handle.remove()
    features, gradient = kept["a"].detach().double(), kept["a"].grad.double()
    total = features.sum((2, 3), keepdim=True)
    alpha = gradient**2 / (2 * gradient**2 + total * gradient**3)
    weights = (alpha * gradient.relu()).where(gradient > 0, 0).sum((2, 3), keepdim=True)
    expected = (weights * features).sum(1).relu().float()
    found = found_maps(model, x, classes, "layer3", ["gradcam_plus_plus"])["gradcam_plus_plus"]
    assert relative_error(found, expected) < 1e-5
    peer = peer_map(pytorch_grad_cam.GradCAMPlusPlus, model, "layer3", x, classes)
    assert relative_error(peer / peer.max(), expected / expected.max()) > 0.01


@pytest.mark.parametrize("ndim", [2, 3])
def test_cam_is_the_linear_layer_at_each_position_and_gradcam_times_their_number(ndim):
    model, classes = small_network(ndim), [4, 2]
    x = torch.randn(2, 3, 16, *[20] * (ndim - 1))
    found = found_maps(model, x, classes, None, ["cam", "gradcam"])
    with torch.no_grad():
        features = model[0](x)
        expected = torch.einsum("nk,nk...->n...", model[3].weight[classes], features).relu()
    torch.testing.assert_close(found["cam"], expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found["cam"], found["gradcam"] * features[0, 0].numel(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("build", "layer", "linear", "shape"),
    [
        (lambda: torchvision_model("resnet18"), "layer4", "fc", (2, 3, 64, 96)),
        (lambda: torchvision_model("shufflenet_v2_x0_5"), "conv5", "fc", (2, 3, 64, 96)),
        (lambda: torchvision_model("mnasnet0_5"), "layers", "classifier.1", (2, 3, 64, 96)),
        (lambda: torchvision_model("r3d_18"), "layer4", "fc", (2, 3, 8, 32, 48)),
    ],
    ids=["resnet18", "shufflenet", "mnasnet", "3d"],
)
def test_cam_equals_torchcam(build, layer, linear, shape):
    model, x = build(), torch.randn(shape)
    with torchcam.methods.CAM(model, layer, linear) as peer:
        classes = model(x).argmax(1).tolist()
        expected = peer(classes, normalized=False)[0].relu()
    assert relative_error(found_maps(model, x, classes, layer, ["cam"])["cam"], expected) < 1e-5


def test_cam_refuses_other_networks():
    small, x = small_network(2), torch.randn(2, 3, 16, 16)
    flat = nn.Sequential(small[0], nn.Flatten(), nn.Linear(12 * 36, 5))
    deep = nn.Sequential(*small[:3], nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 5))
    for model, layer, why in (
        (flat, "0", "the gradient differs between positions"),
        (deep, "0", r"\(Relu\)"),
        (small, "0.0", "Convolution, Relu"),
        (nn.Sequential(small, nn.Softmax(1)), "0.0", "Softmax"),
    ):
        with pytest.raises(ValueError, match=f"one linear layer of the mean.*{why}.*use gradcam"):
            found_maps(model, x, [0, 1], layer, ["cam"])


@pytest.mark.parametrize(("layer", "wide"), [("0.0", True), ("0", False)])
def test_eigencam_is_the_first_singular_vector(layer, wide):
    model, x = small_network(2), torch.randn(3, 3, 10 if not wide else 32, 12)
    found = found_maps(model, x, [0, 1, 2], layer, ["eigencam"])["eigencam"]
    with torch.no_grad():
        features = (model[0][0] if wide else model[0])(x)
    assert (features[0, 0].numel() > features.shape[1]) == wide
    for one, values in zip(found, features.double().numpy(), strict=True):
        _, sizes, vectors = np.linalg.svd(values.reshape(len(values), -1), full_matrices=False)
        expected = (sizes[0] * vectors[0]).reshape(values.shape[1:])
        expected *= np.sign(expected.sum())
        np.testing.assert_allclose(one, expected.clip(0), rtol=1e-5, atol=1e-6)


@on_four_networks
def test_eigencam_of_other_networks(build, layer, shape):
    """Pytorch-grad-cam subtracts the mean of the features first, which the paper does not: so against NumPy only."""
    model, x = build(), torch.randn(shape)
    kept = []
    handle = model.get_submodule(layer).register_forward_hook(lambda _, __, output: kept.append(output.detach()))
    model(x)
    handle.remove()
    found = found_maps(model, x, [0, 1], layer, ["eigencam"])["eigencam"]
    for one, values in zip(found, kept[0].double().numpy(), strict=True):
        left, _, _ = np.linalg.svd(values.reshape(len(values), -1), full_matrices=False)
        expected = np.einsum("k,k...->...", left[:, 0], values)
        expected = torch.from_numpy(np.maximum(expected * np.sign(expected.sum()), 0))
        assert relative_error(one, expected) < 1e-5


@pytest.mark.parametrize("ndim", [2, 3])
def test_batch_is_its_samples_and_the_model_stays(ndim):
    model = small_network(ndim).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = torch.randn(3, 3, 14, *[16] * (ndim - 1))
    found = found_maps(model, x, [0, 4, 2], "0", FAMILY)
    for row, index in enumerate([0, 4, 2]):
        single = found_maps(model, x[row : row + 1], [index], "0", FAMILY)
        for name in FAMILY:
            torch.testing.assert_close(found[name][row : row + 1], single[name], rtol=1e-5, atol=1e-6)
            assert found[name].abs().sum() > 0
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_precisions():
    model, x = small_network(2), torch.randn(2, 3, 16, 20)
    plain = found_maps(model, x, [0, 4], "0", FAMILY)
    with torch.autocast("cpu", torch.bfloat16):
        reduced = found_maps(model, x, [0, 4], "0", FAMILY)
    double = found_maps(model.double(), x.double(), [0, 4], "0", FAMILY)
    for name in FAMILY:
        assert (reduced[name].dtype, double[name].dtype) == (torch.float32, torch.float64)
        assert relative_error(plain[name], double[name]) < 1e-5
        assert relative_error(reduced[name], double[name]) < 0.05
