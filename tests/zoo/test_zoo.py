"""Networks that people use: the layer that docs/networks.md names, and Grad-CAM by plain torch operations on it."""

import re
import warnings
from functools import cache

import numpy as np
import pytest
import torch

from saliency import GradCAM
from tests.zoo.networks import LIBRARIES, networks
from tests.zoo.table import by, found_layer, rows

pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = [(library, name, cells) for library in LIBRARIES for name, cells in rows(library).items()]
# All of them take half an hour.
CASES = [
    pytest.param(*row, id=f"{row[0]}: {row[1]}", marks=pytest.mark.zoo if number % 24 else pytest.mark.slow)
    for number, row in enumerate(ROWS)
]


@cache
def by_name(library):
    return {network.name: network for network in networks(library)}


def scores(returned):
    for name in ("logits", "out"):
        if hasattr(returned, name) or (isinstance(returned, dict) and name in returned):
            return returned[name] if isinstance(returned, dict) else getattr(returned, name)
    if isinstance(returned, dict):
        (returned,) = returned.values()
    return returned[0] if isinstance(returned, tuple | list) else returned


def plain_gradcam(model, x, layer, grid, layout):
    """Grad-CAM of class 1 for the first of two samples, ``(*grid)``, with what the table says of the layer."""
    kept = []

    def keep(_module, _args, output):
        kept.append(output[0] if isinstance(output, tuple) else output)
        copy = kept[-1].clone()
        return (copy, *output[1:]) if isinstance(output, tuple) else copy

    handle = model.get_submodule(layer).register_forward_hook(keep)
    with torch.enable_grad():
        found = scores(model(x.clone().requires_grad_()))
        if found.ndim > 2 and found[0, 0].numel() > 1:
            total = found[:, 1][found.argmax(1) == 1].sum()
        else:
            total = found.flatten(1)[:, -1 if found.flatten(1).shape[1] == 1 else 1].sum()
        (gradient,) = torch.autograd.grad(total, kept[-1])
    handle.remove()
    values, slopes = (each[0].detach().double().numpy() for each in (kept[-1], gradient))
    if layout.startswith("tokens"):
        prefix = int(layout.rpartition(" ")[2]) if "after" in layout else 0
        values, slopes = (each[prefix:].T.reshape(-1, *grid) for each in (values, slopes))
    elif layout == "channels last":
        values, slopes = (np.moveaxis(each, -1, 0) for each in (values, slopes))
    assert values.shape[1:] == grid
    weights = slopes.reshape(len(slopes), -1).mean(1)
    return np.maximum(np.tensordot(weights, values, 1), 0)


@pytest.mark.parametrize(("library", "name", "cells"), CASES)
def test_layer_and_map(library, name, cells):
    pytest.importorskip(library, reason="pip install 'nip-saliency[zoo]'")
    network, (shape, layer, grid, layout) = by_name(library)[name], cells
    assert by(network.shape[1:]) == shape
    if layer.startswith("refused: "):
        with pytest.raises((ValueError, RuntimeError)) as refused:
            found_layer(network)
        words = str(refused.value).strip().partition("\n")[0]
        assert words.replace("|", "\\|") == layer.removeprefix("refused: ")
        return
    layer, grid = layer.strip("`"), tuple(map(int, re.findall(r"\d+", grid)))
    model = network.built()
    x = torch.randn(2, *network.shape, generator=torch.Generator().manual_seed(1))
    # Where a network or its size allows it, in double precision: rounding does not count.
    exact = sum(parameter.numel() for parameter in model.parameters()) < 1e8
    if exact:
        try:
            with torch.no_grad():
                model.double()(x.double())
            x = x.double()
        except RuntimeError:
            model, exact = model.float(), False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method = GradCAM(model, mode=network.mode)
        assert list(method.target_layers(x[:1])) == [layer]
        with method.forward_pass(x) as forward:
            (found,) = forward.maps(torch.tensor([1, 1])).values()
    expected = plain_gradcam(model, x, layer, grid, layout)
    assert tuple(found.shape[1:]) == grid
    # Relative to the largest value; a map may be zero.
    largest = max(np.abs(expected).max(), 1e-30)
    assert np.abs(found[0].numpy() - expected).max() / largest < (1e-5 if exact else 1e-2)
