"""Describing a network: one forward pass of zeros, before any real work is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saliency.exceptions import DataError
from saliency.experiment.config import Config, input_shape
from saliency.experiment.descriptions import layer_description
from saliency.files.atomic_files import write_json
from saliency.files.in_words import quoted
from saliency.files.network_files import stored_in
from saliency.files.paths import resolve
from saliency.files.weights_files import weights_sha256
from saliency.networks.behaviour import describe_behaviour
from saliency.networks.parameters import parameters_sha256
from saliency.networks.random_weights import describe_random_weights

# Those that read descriptions do not wait for torch.
if TYPE_CHECKING:
    from torch import Tensor, nn


log = logging.getLogger(__name__)
# Methods of so many passes, at most, are tried when a network is described.
QUICK = 2


def write_descriptions(
    config: Config,
    model: str,
    outputs: Mapping[str, str | Path],
    built: tuple[nn.Module, list[str]] | None = None,
) -> nn.Module:
    """Run a network once on zeros and describe it.

    Parameters
    ----------
    config
        The completed config.
    model
        Model name.
    outputs
        Where to write `describe_network` (``model``) and `describe_target_layer` (``target_layer``); one of them, or
        both. The former also gets ``weights_left``, the names of tensors that the configured weights do not fill, and
        ``parameters_sha256``, of the network as it was built.
    built
        The network, if it is built already, as `saliency.networks.load.configured_model_and_left` returns it.

    Returns
    -------
    Module
        The network, as its factory built it, with its weights.

    Raises
    ------
    DataError
        If the network cannot be built, or does not fit the input that is configured, or the manifest's labels.
    """
    import torch

    from saliency.experiment.labels import classes_problem
    from saliency.experiment.plan import Plan
    from saliency.networks.load import configured_model_and_left

    torch.set_num_threads(config["threads"])
    describe: dict[str, Callable[[Config, str, nn.Module, Tensor], dict[str, Any]]] = {
        "model": lambda *given: describe_network(*given) | {"weights_left": left, "parameters_sha256": parameters},
        "target_layer": describe_target_layer,
    }
    network, left = built or configured_model_and_left(config, model)
    # Before it runs: some networks count or keep things in buffers.
    parameters = parameters_sha256(network)
    zeros = torch.zeros(1, *input_shape(config, model))
    try:
        found = {name: describe[name](config, model, network, zeros) for name in outputs}
    except (ValueError, RuntimeError) as error:
        raise DataError(f"models.{model}: for an input of shape {list(zeros.shape)}: {error}") from error
    labels = Plan(config).written_labels
    if labels and "model" in found and (problem := classes_problem(model, labels.names, found["model"]["classes"])):
        raise DataError(problem)
    for name, content in found.items():
        write_json(content, outputs[name])
    return network


def describe_network(config: Config, model: str, network: nn.Module, x: Tensor) -> dict[str, object]:
    """Describe a network and its output for ``x``.

    Returns
    -------
    dict
        ``factory``, ``weights``, ``weights_sha256``, ``parameters`` (their number), ``input_shape``, ``classes``,
        ``dense``: whether there is a score for each pixel or voxel, and ``outputs``: what the scores are, as
        `saliency.methods.scores.probabilities` calls it; also what `describe_behaviour` and `describe_random_weights`
        find.
    """
    from saliency.methods.passes.forward_pass import predict
    from saliency.networks.outputs import checked_scores
    from saliency.networks.runner import Runner

    settings = config["models"][model]
    reader, ignore = Runner(config, model).reader, settings["ignore_lastlayer"]
    returned = checked_scores(f"models.{model}", network, x, reader, ignore)
    output = reader.classes(returned)
    if config["region"] == "mask" and output.shape[2:] != x.shape[2:]:
        raise DataError(
            f"models.{model}: region: mask needs one score per pixel or voxel of the input {list(x.shape)}, but the "
            f"output has shape {list(output.shape)}: use region: predicted"
        )
    _try_own_passes(config, model, network, x)
    weights = stored_in(settings["factory"], settings["weights"])
    return {
        "factory": settings["factory"],
        "weights": weights,
        "weights_sha256": weights_sha256(resolve(weights, Path())) if weights else None,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "input_shape": list(x.shape[1:]),
        "classes": output.shape[1],
        "dense": output.ndim > 2,
        "outputs": reader.kind(returned),
        **describe_behaviour(config, model, network, x, lambda batch: predict(network, batch, ignore, reader)),
        **describe_random_weights(config, model, network),
    }


def _try_own_passes(config: Config, model: str, network: nn.Module, x: Tensor) -> None:
    """Make maps by methods that look into layers in passes of their own: one that does not fit the network says so."""
    import torch

    from saliency.methods.registered import method, with_parts
    from saliency.networks.runner import Runner

    kinds = [method(name) for name in with_parts(config["methods"])]
    names = [kind.name for kind in kinds if kind.reach == "layers" and not (kind.needs or kind.parts)]
    if names:
        explainer = Runner(config, model).explainer(names, network)
        with explainer.forward_pass(x, config["models"][model]["ignore_lastlayer"]) as forward:
            forward.maps(torch.tensor([0]))


def describe_target_layer(config: Config, model: str, network: nn.Module, x: Tensor) -> dict[str, object]:
    """Find the target layer, and the shape of its feature map.

    Returns
    -------
    dict
        ``target_layer``, a module name, ``layout``, how its output becomes a feature map, and ``feature_shape``, the
        map's spatial shape. Of several layers, the first two are lists.

    Raises
    ------
    ValueError
        If there is no such layer, it has a single position, or a method does not fit the network.
    """
    import torch

    from saliency.methods.passes.layout import given_tokens
    from saliency.methods.registered import method, with_parts
    from saliency.networks.runner import Runner

    settings = config["models"][model]
    kinds = [method(name) for name in with_parts(config["methods"]) if "features" in method(name).needs]
    given, ndim = config["method_settings"], x.ndim - 2
    # One that does not fit the network says so here, where it costs little to find out.
    quick = [kind.name for kind in kinds if kind.passes(kind.complete(given.get(kind.name, {})), ndim) <= QUICK]
    names = quick or [kinds[0].name]
    runner = Runner(config, model, settings["target_layer"], given_tokens(settings["tokens"]))
    explainer = runner.explainer(names, network)
    with explainer.forward_pass(x, settings["ignore_lastlayer"]) as forward:
        found = forward.maps(torch.tensor([0]))[names[0]]
    if found[0].numel() == 1:
        raise ValueError(
            f"target layer {quoted(explainer.layer_names)} has a single position, so that its map is the same "
            "everywhere"
        )
    return layer_description(explainer.target_layers(x)) | {"feature_shape": list(found.shape[1:])}
