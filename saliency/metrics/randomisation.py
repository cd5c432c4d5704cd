"""Does the map depend on what the model has learned? Its layers are randomised, from the output downwards.

Adebayo et al., "Sanity Checks for Saliency Maps", 2018, https://arxiv.org/abs/1810.03292
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from saliency.methods.registered import method
from saliency.methods.registered import methods as registered_methods
from saliency.methods.upsampling import upsample
from saliency.metrics.plain_weights import copied, with_plain_weights
from saliency.metrics.similarity import spearman, ssim

if TYPE_CHECKING:
    from torch import Tensor, nn

    from saliency.methods.passes.explainer import Explainer
    from saliency.methods.passes.layout import Layout
    from saliency.methods.passes.score_reader import ScoreReader
    from saliency.methods.passes.target_layer import WantedLayer

log = logging.getLogger(__name__)


def layers_from_the_top(model: nn.Module, x: Tensor) -> list[str]:
    """Names of the modules that have parameters of their own, the one that runs last first.

    Parameters
    ----------
    model
        Any network; modules that do not run in the forward pass are left out.
    x
        ``[1, c, *spatial]``: any input.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> layers_from_the_top(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)), torch.rand(1, 2))
    ['2', '0']
    """
    import torch

    from saliency.methods.passes.model_state import unchanged

    ran: list[str] = []
    handles = [
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, module in model.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    try:
        with unchanged(model), torch.no_grad():
            model(x.clone())
    finally:
        for handle in handles:
            handle.remove()
    return list(dict.fromkeys(reversed(ran)))


def randomise(module: nn.Module) -> None:
    """Draw all parameters of a module and its submodules anew, in place.

    Layers initialise themselves as they do when they are built (``reset_parameters``). Normalisation layers get scale 1
    and offset 0, and keep their running statistics, which are no parameters. Parameters of other modules, and weights
    that a layer leaves as they are when it initialises itself, are drawn from a normal distribution with the mean and
    standard deviation that they had.

    Examples
    --------
    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> norm = torch.nn.BatchNorm2d(2)
    >>> norm.running_mean.fill_(5), norm.weight.data.fill_(3)
    (tensor([5., 5.]), tensor([3., 3.]))
    >>> randomise(norm)
    >>> norm.running_mean, norm.weight.data
    (tensor([5., 5.]), tensor([1., 1.]))
    """
    import torch

    for inner in module.modules():
        own = list(inner.parameters(recurse=False))
        if not own:
            continue
        buffers = {name: buffer.clone() for name, buffer in inner.named_buffers(recurse=False)}
        reset = getattr(inner, "reset_parameters", None)
        drawn = own
        if reset is not None:
            before = [parameter.detach().clone() for parameter in own]
            reset()
            # Scales and offsets, which may have been 1 and 0 before, have one axis.
            drawn = [now for now, was in zip(own, before, strict=True) if now.ndim > 1 and torch.equal(now, was)]
        for parameter in drawn:
            with torch.no_grad():
                parameter.copy_(torch.randn_like(parameter) * parameter.std(correction=0) + parameter.mean())
        for name, buffer in buffers.items():
            getattr(inner, name).copy_(buffer)


def cascade(model: nn.Module, layers: Sequence[str], seed: int) -> Iterator[tuple[str, nn.Module]]:
    """Randomise a copy of the model layer by layer; what was randomised stays so.

    Parameters
    ----------
    model
        Stays as it is.
    layers
        Names of modules, the top one first; a block stands for all layers in it.
    seed
        Of the new parameters.

    Yields
    ------
    name, copy
        The layer that was randomised last, and the copy, the same object each time.
    """
    import torch

    randomised = copied(model)
    for depth, name in enumerate(layers):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(np.random.SeedSequence([seed, depth]).generate_state(1)[0]))
            randomise(randomised.get_submodule(name))
        yield name, randomised


def randomisation_test(
    model: nn.Module,
    x: Tensor,
    layers: Sequence[str] | None = None,
    target_layer: WantedLayer | Sequence[WantedLayer] = None,
    batch_size: int = 16,
    seed: int = 0,
    methods: Sequence[str] | None = None,
    ignore_lastlayer: bool = False,
    mode: str | None = None,
    section_names: Sequence[str] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    reader: ScoreReader | None = None,
    layout: Layout | Sequence[Layout] | None = None,
) -> pd.DataFrame:
    """Compare maps with those of a model whose upper layers are randomised, deeper and deeper.

    The classes are those that the intact model predicts, and stay the same. Maps have the size of the input, and those
    with channels are summed over them.

    Parameters
    ----------
    model
        Returns ``[n, classes]``; stays as it is.
    x
        ``[n, c, *spatial]``: what the network sees.
    layers
        Names of modules, the top one first; None for every module with parameters of its own.
    target_layer
        Of the methods that use one; None to find it.
    batch_size
        Samples per forward pass.
    seed
        Of the new parameters.
    methods
        Names of those that are compared; None for those that a config gets by default.
    ignore_lastlayer
        Explain the score before the model's last activation.
    mode, section_names, settings, reader, layout
        As in `saliency.methods.passes.explainer.Explainer`.

    Returns
    -------
    DataFrame
        One row per depth, method and sample: ``depth`` (number of randomised layers, 0 for none), ``layer`` (the last
        of them), ``method``, ``row``, ``spearman`` of signed values, ``spearman_absolute`` and ``ssim`` of absolute
        values (each map divided by its maximum), and whether the map of the randomised model is a ``zero_map``. NaN
        where one of the two maps has the same value everywhere.

    Examples
    --------
    >>> import torch
    >>> from saliency import NeuralNetwork
    >>> _ = torch.manual_seed(0)
    >>> x = torch.rand(2, 1, 50, 50)
    >>> table = randomisation_test(NeuralNetwork([1, 50, 50]), x, ["Linear_block", "ConvBlock"])
    >>> table.groupby("depth")["layer"].first().tolist()
    ['', 'Linear_block', 'ConvBlock']
    >>> bool((table.loc[table["depth"] == 0, "spearman"].dropna() > 0.999).all())
    True
    """
    import torch

    from saliency.methods.passes.explainer import Explainer, uses_target_layer
    from saliency.methods.passes.forward_pass import predict
    from saliency.methods.passes.score_reader import ONLY_SCORES
    from saliency.methods.passes.scores import select_classes

    by_default = [name for name, found in registered_methods().items() if found.by_default]
    names = by_default if methods is None else list(methods)
    kinds = [method(name) for name in names]
    reads = reader or ONLY_SCORES

    def explainer_of(network: nn.Module) -> Explainer:
        return Explainer(network, kinds, target_layer, section_names, mode, settings, reads, layout)

    if uses_target_layer(kinds):
        found = explainer_of(model).target_layers(x[:1])
        target_layer, layout = [one.name for one in found], [one.layout for one in found]
    plain = with_plain_weights(model)
    if layers is None:
        layers = layers_from_the_top(plain, reads.axes.turned(x[:1]))
    scores = [predict(model, batch, ignore_lastlayer, reads) for batch in x.split(batch_size)]
    classes = torch.cat([select_classes(batch, None) for batch in scores])

    def maps_of(network: nn.Module) -> dict[str, np.ndarray]:
        found = _maps(explainer_of(network), x, classes, batch_size, ignore_lastlayer)
        return {name: found[name] for name in names}

    original = maps_of(model)
    tables = [_compare(original, original, 0, "")]
    for depth, (layer, randomised) in enumerate(cascade(plain, layers, seed), start=1):
        tables.append(_compare(original, maps_of(randomised), depth, layer))
        log.info("randomisation: %d of %d layers", depth, len(layers))
    return pd.concat(tables, ignore_index=True)


def _maps(
    explainer: Explainer, x: Tensor, classes: Tensor, batch_size: int, ignore_lastlayer: bool
) -> dict[str, np.ndarray]:
    """Signed and absolute maps ``(2, n, *spatial)`` by method."""
    import torch

    found: dict[str, list[Tensor]] = {}
    for batch, wanted in zip(x.split(batch_size), classes.split(batch_size), strict=True):
        with explainer.forward_pass(batch, ignore_lastlayer) as forward:
            maps = forward.maps(wanted)
        for kind in explainer.methods:
            name, values = kind.name, maps[kind.name]
            if kind.grid == "features":
                values = upsample(values, x.shape[2:])
            elif not kind.channels:
                values = values.unsqueeze(1)
            found.setdefault(name, []).append(torch.stack([values.sum(dim=1), values.abs().sum(dim=1)]).cpu())
    return {name: torch.cat(parts, dim=1).numpy() for name, parts in found.items()}


def _compare(original: dict[str, np.ndarray], other: dict[str, np.ndarray], depth: int, layer: str) -> pd.DataFrame:
    tables = []
    for name, (signed, absolute) in original.items():
        other_signed, other_absolute = other[name]
        values = {
            "depth": depth,
            "layer": layer,
            "method": name,
            "row": np.arange(len(signed)),
            "spearman": spearman(signed, other_signed),
            "spearman_absolute": spearman(absolute, other_absolute),
            "ssim": ssim(_unit_maximum(absolute), _unit_maximum(other_absolute)),
            "zero_map": (other_absolute.reshape(len(signed), -1) == 0).all(axis=1),
        }
        tables.append(pd.DataFrame(values))
    return pd.concat(tables)


def _unit_maximum(maps: np.ndarray) -> np.ndarray:
    """Divide each map by its maximum; NaN where it is zero everywhere."""
    highest = maps.reshape(len(maps), -1).max(axis=1).reshape(-1, *[1] * (maps.ndim - 1))
    return maps / np.where(highest > 0, highest, np.nan)
