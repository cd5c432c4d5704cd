"""The methods that go back to the input, beside captum and zennit."""

import logging
import warnings

import captum.attr
import pytest
import torch
from torch import nn

from saliency.methods import integrated_gradients, noisy_gradients
from saliency.methods.passes.explainer import Explainer
from saliency.methods.registered import method
from tests.helpers.networks import torchvision_model

SMOOTH = ["smoothgrad", "smoothgrad_squared", "vargrad"]
FAMILY = ["gradient", "input_x_gradient", "deconvolution", *SMOOTH, "integrated_gradients", "guided_layercam"]
FEW = {**{name: {"samples": 3} for name in SMOOTH}, "integrated_gradients": {"steps": 4}}


def network(ndim, classes=5):
    torch.manual_seed(0)
    convolution, norm = [(nn.Conv2d, nn.BatchNorm2d), (nn.Conv3d, nn.BatchNorm3d)][ndim - 2]
    body = nn.Sequential(convolution(3, 8, 3, stride=2), norm(8), nn.ReLU(), convolution(8, 12, 3), nn.ReLU())
    return nn.Sequential(body, nn.Flatten(2), Mean(), nn.Linear(12, classes)).eval()


class Mean(nn.Module):
    def forward(self, x):
        return x.square().mean(2)


def found_maps(model, x, classes, names, settings=None):
    explainer = Explainer(model, [method(name) for name in names], "0", mode=f"{x.ndim - 2}D", settings=settings)
    with explainer.forward_pass(x) as forward:
        return forward.maps(torch.tensor(classes))


def peers(model, x, classes):
    classes = torch.tensor(classes)
    with warnings.catch_warnings(action="ignore"):
        return {
            "gradient": captum.attr.Saliency(model).attribute(x, classes, abs=False),
            "input_x_gradient": captum.attr.InputXGradient(model).attribute(x, classes),
            "deconvolution": captum.attr.Deconvolution(model).attribute(x, classes),
            "integrated_gradients": captum.attr.IntegratedGradients(model).attribute(x, target=classes, n_steps=8),
        }


def relative_error(actual, expected):
    return ((actual - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (lambda: network(2), (2, 3, 20, 24)),
        (lambda: network(3), (2, 3, 12, 14, 16)),
        (lambda: torchvision_model("alexnet"), (2, 3, 64, 64)),
        pytest.param(lambda: torchvision_model("vgg11"), (2, 3, 64, 64), marks=pytest.mark.slow),
    ],
    ids=["2d", "3d", "alexnet", "vgg11"],
)
def test_equal_captum(build, shape):
    model, x = build().double(), torch.randn(shape, dtype=torch.float64)
    for module in model.modules():
        # captum cannot follow an in-place ReLU, and has its weights of integration in float32.
        if isinstance(module, nn.ReLU):
            module.inplace = False
    expected = peers(model, x.clone().requires_grad_(), [1, 3])
    found = found_maps_of_input(model, x, [1, 3], list(expected), {"integrated_gradients": {"steps": 8}})
    for name, values in expected.items():
        assert relative_error(found[name], values.detach()) < 1e-7, name


def found_maps_of_input(model, x, classes, names, settings):
    explainer = Explainer(model, [method(name) for name in names], mode=f"{x.ndim - 2}D", settings=settings)
    with explainer.forward_pass(x) as forward:
        return forward.maps(torch.tensor(classes))


def test_deconvolution_refuses_other_rectifiers():
    class Clamped(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 5, 3)

        def forward(self, x):
            return self.conv(x).clamp(min=0).mean((2, 3))

    with pytest.raises(ValueError, match=r"deconvolution knows ReLU, and this network also rectifies by clamp: leave"):
        method("deconvolution")(Clamped())(torch.randn(1, 3, 8, 8), 1)


def test_smooth_gradients_are_moments_of_gradients_of_noisy_copies():
    model, x = network(2).double(), torch.randn(2, 3, 16, 16, dtype=torch.float64)
    settings = {"samples": 6, "noise": 0.2, "seed": 3}
    found = found_maps(model, x, [1, 3], SMOOTH, dict.fromkeys(SMOOTH, settings))
    gradients = []
    explainer = Explainer(model, [method("smoothgrad")], mode="2D", settings={"smoothgrad": settings})
    with explainer.forward_pass(x) as forward:
        (given,) = forward._read(torch.tensor([1, 3]), False)
    for drawn in noisy_gradients.noise_like(given, 6, 3):
        spread = torch.stack([one.max() - one.min() for one in x]).view(2, 1, 1, 1)
        noisy = (x + 0.2 * spread * drawn).requires_grad_()
        gradients.append(torch.autograd.grad(model(noisy)[range(2), [1, 3]].sum(), noisy)[0])
    gradients = torch.stack(gradients)
    assert relative_error(found["smoothgrad"], gradients.mean(0)) < 1e-9
    assert relative_error(found["smoothgrad_squared"], (gradients**2).mean(0)) < 1e-9
    assert relative_error(found["vargrad"], gradients.var(0, unbiased=False)) < 1e-9


def test_noise_is_normal_and_belongs_to_the_sample():
    x = torch.randn(3, 3, 40, 40)
    model = network(2)

    def drawn(x, seed=0):
        with Explainer(model, [method("smoothgrad")], mode="2D").forward_pass(x) as forward:
            (given,) = forward._read(torch.zeros(len(x), dtype=torch.long), False)
            return torch.stack(list(noisy_gradients.noise_like(given, 2, seed)))

    noise = drawn(x)
    assert noise.mean().abs() < 0.02
    assert abs(noise.std() - 1) < 0.02
    assert torch.equal(drawn(x[[2, 0]]), noise[:, [2, 0]])
    assert not torch.equal(drawn(x, seed=1), noise)
    assert not torch.equal(noise[0], noise[1])
    assert torch.equal(drawn(x.contiguous(memory_format=torch.channels_last)), noise)


@pytest.mark.parametrize("baseline", integrated_gradients.BASELINES)
def test_integrated_gradients_add_up(baseline, caplog):
    model, x = network(2).double(), torch.randn(2, 3, 16, 16, dtype=torch.float64)
    settings = {"integrated_gradients": {"baseline": baseline, "steps": 64}}
    found = found_maps(model, x, [1, 3], ["integrated_gradients"], settings)["integrated_gradients"]
    explainer = Explainer(model, [method("integrated_gradients")], mode="2D", settings=settings)
    with explainer.forward_pass(x) as forward:
        (given,) = forward._read(torch.tensor([1, 3]), False)
    start = integrated_gradients._baseline(given, explainer.settings["integrated_gradients"])
    difference = (model(x) - model(start))[range(2), [1, 3]].detach()
    torch.testing.assert_close(found.flatten(1).sum(1), difference, rtol=0.02, atol=0)
    assert not caplog.messages
    with caplog.at_level(logging.WARNING):
        bent = nn.Sequential(*model, nn.Tanh())
        found_maps(bent, 9 * x, [1, 3], ["integrated_gradients"], {"integrated_gradients": {"steps": 1}})
    assert "integrated gradients miss the difference in score by more than 5 % for 2 of 2 samples" in caplog.text


@pytest.mark.parametrize("ndim", [2, 3])
def test_batch_is_its_samples_and_the_model_stays(ndim):
    model = network(ndim).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = torch.randn(3, 3, 14, *[16] * (ndim - 1))
    given = x.clone()
    found = found_maps(model, x, [0, 4, 2], FAMILY, FEW)
    for row, index in enumerate([0, 4, 2]):
        single = found_maps(model, x[row : row + 1], [index], FAMILY, FEW)
        for name in FAMILY:
            assert relative_error(found[name][row : row + 1], single[name]) < 1e-5, name
            assert found[name].shape == x.shape
    assert model.training
    assert torch.equal(x, given)
    assert not x.requires_grad
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(parameter.grad is not None for parameter in model.parameters())


def test_all_at_once_have_the_bytes_of_one_at_a_time():
    model, x = network(2), torch.randn(2, 3, 16, 20)
    found = found_maps(model, x, [0, 4], FAMILY, FEW)
    for name in FAMILY:
        assert torch.equal(found_maps(model, x, [0, 4], [name], FEW)[name], found[name]), name


def test_precisions():
    model, x = network(2), torch.randn(2, 3, 16, 20)
    plain = found_maps(model, x, [0, 4], FAMILY, FEW)
    with torch.autocast("cpu", torch.bfloat16):
        reduced = found_maps(model, x, [0, 4], FAMILY, FEW)
    double = found_maps(model.double(), x.double(), [0, 4], FAMILY, FEW)
    for name in FAMILY:
        assert double[name].dtype == torch.float64
        assert relative_error(plain[name], double[name]) < 1e-5, name
        assert reduced[name].isfinite().all()


def test_guided_versions_are_products():
    model, x = network(2), torch.randn(2, 3, 16, 20)
    found = found_maps(model, x, [0, 4], ["guided_layercam", "guided_gradcam"])
    for name in ("layercam", "gradcam"):
        cam = nn.functional.interpolate(found[name][:, None], (16, 20), mode="bilinear")
        assert torch.equal(found[f"guided_{name}"], found["guided_backprop"] * cam)
