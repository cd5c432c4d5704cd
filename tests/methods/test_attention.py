"""Attention rollout and attention relevance, beside transformers that are written out."""

import pytest
import torch
import torchvision
from torch import nn

from saliency.methods.passes.explainer import Explainer
from saliency.methods.passes.layout import Layout
from saliency.methods.passes.score_reader import ScoreReader
from saliency.methods.passes.turned_axes import TurnedAxes
from saliency.methods.registered import method
from tests.helpers.token_networks import TokenNetwork
from tests.methods.test_explainer import assert_same, fingerprint
from tests.methods.test_feature_maps import relative_error

NAMES = ["attention_rollout", "attention_relevance"]


def found_maps(model, x, classes, layer=None, **more):
    explainer = Explainer(model, [method(name) for name in NAMES], layer, mode=f"{x.ndim - 2}D", **more)
    with explainer.forward_pass(x) as forward:
        return forward.maps(torch.tensor(classes))


def written_out(model, x, classes):
    """Weights and gradients of a `TokenNetwork`, whose attention is computed step by step."""
    tokens = model.patch(x).flatten(2).transpose(1, 2)
    tokens = torch.cat([model.prefix.expand(len(x), -1, -1), tokens], 1) + model.position
    weights = []
    for block in model.blocks:
        attention, y = block.attn, block.norm1(tokens)
        query, key, value = (
            part.unflatten(2, (attention.num_heads, -1)).transpose(1, 2)
            for part in nn.functional.linear(y, attention.in_proj_weight, attention.in_proj_bias).chunk(3, dim=2)
        )
        weights.append((query @ key.mT / query.shape[-1] ** 0.5).softmax(dim=-1))
        tokens = tokens + attention.out_proj((weights[-1] @ value).transpose(1, 2).flatten(2))
        tokens = tokens + block.mlp(block.norm2(tokens))
    tokens = model.norm(tokens)
    prefix = model.prefix.shape[1]
    scores = model.head(tokens[:, prefix:].mean(1) if model.pooled else tokens[:, 0])
    gradients = torch.autograd.grad(scores[range(len(x)), classes].sum(), weights)
    return scores.detach(), [one.detach() for one in weights], gradients


def expected_maps(model, x, classes):
    scores, weights, gradients = written_out(model, x, classes)
    torch.testing.assert_close(scores, model(x), rtol=1e-4, atol=1e-5)
    own = torch.eye(weights[0].shape[-1], dtype=x.dtype)
    rollout = relevance = own.expand(len(x), -1, -1)
    for layer, gradient in zip(weights, gradients, strict=True):
        rollout = (0.5 * layer.mean(1) + 0.5 * own) @ rollout
        relevance = relevance + (layer * gradient).clamp(min=0).mean(1) @ relevance
    prefix = model.prefix.shape[1]
    rows = slice(prefix, None) if model.pooled else slice(0, 1)
    return {
        name: found[:, rows, prefix:].mean(1).unflatten(1, model.grid)
        for name, found in zip(NAMES, (rollout, relevance - own), strict=True)
    }


@pytest.mark.parametrize(
    ("shape", "patch", "prefix", "pooled"),
    [
        ((3, 24, 32), (8, 8), 1, False),
        ((3, 24, 32), (4, 8), 3, False),
        ((3, 24, 32), (8, 8), 0, True),
        ((1, 12, 16, 8), (4, 4, 4), 1, False),
        ((1, 12, 16, 8), (4, 4, 4), 2, True),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_a_transformer_that_is_written_out(shape, patch, prefix, pooled, dtype):
    torch.manual_seed(0)
    model = TokenNetwork(shape, patch, prefix, pooled).eval().to(dtype)
    x, classes = torch.randn(3, *shape, dtype=dtype), [0, 2, 3]
    expected = expected_maps(model, x, classes)
    before = fingerprint(model)
    found = found_maps(model, x, classes)
    assert_same(before, fingerprint(model))
    for name in NAMES:
        assert found[name].shape == (3, *model.grid)
        assert found[name].dtype == dtype
        assert relative_error(found[name], expected[name]) < 1e-5, name


def test_a_batch_equals_single_samples():
    torch.manual_seed(0)
    model, x, classes = TokenNetwork((3, 24, 32), (8, 8)).eval(), torch.randn(3, 3, 24, 32), [0, 2, 3]
    together = found_maps(model, x, classes)
    for number, index in enumerate(classes):
        alone = found_maps(model, x[number : number + 1], [index])
        for name in NAMES:
            torch.testing.assert_close(together[name][number], alone[name][0], rtol=1e-5, atol=1e-7)


def test_rollout_of_equal_attention_is_known():
    """Where all tokens look alike, each layer halves what stays and spreads the other half evenly."""
    model, layout = TokenNetwork((3, 16, 16), (8, 8)).eval(), Layout("tokens", (2, 2), 1)
    with torch.no_grad():
        for block in model.blocks:
            block.attn.in_proj_weight.zero_()
            block.attn.in_proj_weight[48:].normal_()
    found = found_maps(model, torch.randn(1, 3, 16, 16), [0], "blocks.1", layout=layout)["attention_rollout"]
    torch.testing.assert_close(found, torch.full((1, 2, 2), (1 - 0.5**3) / 5))


def assert_maps_of_a_library(model, head, grid):
    for parameter in head.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(2, 3, 64, 64)
    found = found_maps(model, x, [0, 1])
    for name in NAMES:
        assert found[name].shape == (2, *grid)
        assert (found[name] >= 0).all()
        assert found[name].flatten(1).std(dim=1).min() > 0
    other = found_maps(model, x, [2, 3])
    torch.testing.assert_close(other["attention_rollout"], found["attention_rollout"])
    assert not torch.allclose(other["attention_relevance"], found["attention_relevance"])


def test_transformer_of_torchvision():
    torch.manual_seed(0)
    model = torchvision.models.VisionTransformer(64, 16, 2, 2, 32, 64, num_classes=5).eval()
    assert_maps_of_a_library(model, model.heads, (4, 4))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224"])
def test_transformers_of_timm(name):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    model = timm.create_model(name, img_size=64, num_classes=5).eval()
    assert_maps_of_a_library(model, model.head, (4, 4))


def test_axes_of_volumes_are_turned_back():
    torch.manual_seed(0)
    model, axes = TokenNetwork((1, 12, 16, 8), (4, 4, 4)).eval(), TurnedAxes("SPL")
    seen = torch.randn(2, 1, 12, 16, 8)
    expected = expected_maps(model, seen, [0, 1])
    found = found_maps(model, axes.back(seen), [0, 1], reader=ScoreReader(axes=axes))
    for name in NAMES:
        assert relative_error(axes.turned(found[name].unsqueeze(1))[:, 0], expected[name]) < 1e-5


def linear_network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4)).eval()


class ClassAttention(nn.Module):
    """One query, learned, attends to the tokens of a transformer behind it."""

    def __init__(self):
        super().__init__()
        self.body = TokenNetwork((3, 16, 16), (8, 8), prefix=0, pooled=True)
        self.query = nn.Parameter(torch.randn(1, 1, 24))
        self.pool, self.head = nn.MultiheadAttention(24, 4, batch_first=True), nn.Linear(24, 4)

    def forward(self, x):
        tokens = self.body.patch(x).flatten(2).transpose(1, 2)
        for block in self.body.blocks:
            tokens = block(tokens)
        pooled, _ = self.pool(self.query.expand(len(x), -1, -1), tokens, tokens)
        return self.head(pooled[:, 0])


class Changed(nn.Module):
    """Two softmaxes side by side, as in differential attention, or weights that are changed after the softmax."""

    def __init__(self, twice):
        super().__init__()
        self.body = TokenNetwork((3, 16, 16), (8, 8), prefix=0, pooled=True)
        self.twice, self.head = twice, nn.Linear(24, 4)

    def forward(self, x):
        tokens = self.body.blocks[0](self.body.patch(x).flatten(2).transpose(1, 2))
        weights = (tokens @ tokens.mT / 24).softmax(-1)
        found = weights @ tokens + (tokens @ tokens.mT / 12).softmax(-1) @ tokens if self.twice else weights**2 @ tokens
        return self.head((tokens + found).mean(1))


@pytest.mark.parametrize(("twice", "words"), [(True, "attention side by side"), (False, r"after the softmax \(Pow\)")])
@pytest.mark.parametrize("name", NAMES)
def test_attention_that_is_no_chain_of_softmaxes_is_refused(twice, words, name):
    explainer = Explainer(
        Changed(twice).eval(), [method(name)], "body.blocks.0", mode="2D", layout=Layout("tokens", (2, 2))
    )
    with explainer.forward_pass(torch.randn(2, 3, 16, 16)) as forward, pytest.raises(ValueError, match=words):
        forward.maps(torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("build", "layer", "layout", "words"),
    [
        (linear_network, "1", None, "target layer '1' returns no tokens"),
        (ClassAttention, "body.blocks.1", Layout("tokens", (2, 2)), r"attention of shape \[.*1, 4\].* all 4 tokens"),
        (
            lambda: torchvision.models.SwinTransformer([4, 4], 24, [2, 2], [2, 4], [4, 4], num_classes=4).eval(),
            None,
            None,
            "returns no tokens",
        ),
    ],
    ids=["convolutions", "one query", "windows"],
)
@pytest.mark.parametrize("name", NAMES)
def test_other_networks_are_refused(build, layer, layout, words, name):
    explainer = Explainer(build(), [method(name)], layer, mode="2D", layout=layout)
    x = torch.randn(2, 3, 64, 64) if layer is None else torch.randn(2, 3, 16, 16)
    with explainer.forward_pass(x) as forward, pytest.raises(ValueError, match=words):
        forward.maps(torch.tensor([0, 1]))
