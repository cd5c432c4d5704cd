"""Finding things in a model: its dimension, its two sections, the target layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from saliency.methods.passes.layer_layout import LayoutFinder
from saliency.methods.passes.layer_search import last_feature_map
from saliency.methods.passes.layout import Layout
from saliency.methods.passes.score_reader import ONLY_SCORES, ScoreReader

# As `find_target_layer` takes it.
WantedLayer = int | str | nn.Module | None
Convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def spatial_ndim(model: nn.Module, mode: str | None = None) -> int:
    """Number of spatial axes: 2 or 3.

    Parameters
    ----------
    model
        A network. Where `mode` is None, its first convolution decides; those along one axis, which are found in
        attention, do not count.
    mode
        "2D" or "3D": ``input.mode`` of a config.

    Raises
    ------
    ValueError
        If the model's convolutions are all of another dimension than `mode`, or `mode` is None where the model has no
        convolution module.

    Examples
    --------
    >>> spatial_ndim(nn.Sequential(nn.Conv3d(1, 2, 3)))
    3
    """
    if mode not in (None, "2D", "3D"):
        raise ValueError(f"mode is {mode!r}: pass '2D', '3D', or None to read it off the model")
    convolutions = [module for module in model.modules() if isinstance(module, Convolution)]
    found = [module for module in convolutions if len(module.kernel_size) > 1]
    if mode is None:
        if not found:
            kinds = f" but {type(convolutions[0]).__name__}: only 2D and 3D networks work" if convolutions else ""
            raise ValueError(f"the model has no convolution module{kinds}: pass mode='2D' or mode='3D'")
        return len(found[0].kernel_size)
    wanted = int(mode[0])
    if found and all(len(module.kernel_size) != wanted for module in found):
        kind, other = type(found[0]).__name__, len(found[0].kernel_size)
        slices = "; networks that work on the slices of a volume (2.5D) cannot be explained yet" if other == 2 else ""
        raise ValueError(
            f"mode is '{mode}', but the model's first convolution is a {kind}: pass mode='{other}D' (input.mode: "
            f"{other}D){slices}"
        )
    return wanted


def find_sections(model: nn.Module, section_names: Sequence[str] | None = None) -> tuple[str, str] | None:
    """Names of the convolutional and of the fully connected section.

    Parameters
    ----------
    model
        A network.
    section_names
        Two names to check, or None to detect them: the model has exactly two children, with convolutions in the
        first, and linear layers but no convolution in the second.

    Returns
    -------
    tuple or None
        None where `section_names` is None and the model is not divided like that; all methods work nevertheless.

    Raises
    ------
    ValueError
        If `section_names` are not two submodules of the model.

    Examples
    --------
    >>> from saliency import NeuralNetwork
    >>> find_sections(NeuralNetwork([1, 50, 50]))
    ('ConvBlock', 'Linear_block')
    """
    if section_names is not None:
        if isinstance(section_names, str) or len(section_names) != 2:
            raise ValueError(f"section_names is {section_names!r}: pass two names, convolutional section first")
        modules = dict(model.named_modules())
        missing = [name for name in section_names if name not in modules or not name]
        if missing:
            known = ", ".join(name for name, _ in model.named_children())
            raise ValueError(f"section_names: the model has no module {missing}; its children are: {known}")
        return section_names[0], section_names[1]
    children = dict(model.named_children())
    if len(children) != 2:
        return None
    (convolutional, first), (linear, second) = children.items()
    divided = _contains(first, Convolution) and _contains(second, nn.Linear) and not _contains(second, Convolution)
    return (convolutional, linear) if divided else None


@dataclass(frozen=True)
class TargetLayer:
    """The layer whose output methods on feature maps use.

    Attributes
    ----------
    name, module
        Of the model.
    layout
        How its output becomes a feature map.
    """

    name: str
    module: nn.Module
    layout: Layout


def find_target_layer(
    model: nn.Module,
    target_layer: WantedLayer,
    sections: tuple[str, str] | None,
    example: Tensor,
    tokens: Layout | None = None,
    reader: ScoreReader = ONLY_SCORES,
) -> TargetLayer:
    """Find the layer whose output Grad-CAM weighs.

    Parameters
    ----------
    model
        The network, in the state in which it will run.
    target_layer
        An index into the convolutional section, a dotted module name, a module of the model, or None: the last layer
        of the convolutional section, or the last feature map before global pooling where there are no sections, or
        where that layer returns none.
    sections
        What `find_sections` returned.
    example
        ``[n, c, *spatial]``: noise of its shape runs through the model a few times.
    tokens
        Layout of the layer's tokens, where that is known.
    reader
        Reads the scores off what the model returns.

    Raises
    ------
    ValueError
        If there is no such layer, naming what could be passed.
    """
    modules = dict(model.named_modules())
    if isinstance(target_layer, nn.Module):
        name = next((name for name, module in modules.items() if module is target_layer), "")
        if not name:
            raise ValueError(f"target_layer: this {type(target_layer).__name__} is not a module of the model")
    elif isinstance(target_layer, str):
        name = target_layer
        if not name or name not in modules:
            known = ", ".join(name for name, _ in model.named_children())
            raise ValueError(f"target_layer: the model has no module '{name}'; its children are: {known}")
    elif target_layer is not None:
        name = _layer_of_section(modules, sections, target_layer)
    else:
        name = ""
    finder = LayoutFinder(model, example, tokens, reader)
    if not name and sections:
        last = _layer_of_section(modules, sections, -1)
        name = last if _is_map(finder, last) else last_feature_map(model, finder, sections[0])
    name = name or last_feature_map(model, finder)
    output = finder.traced[name]
    if output is None:
        kind = finder.traced.others.get(name)
        unfit = f"target layer '{name}' returns a {kind}, not a tensor: pass another target_layer"
        raise ValueError(unfit if kind else not_run(name, modules[name]))
    layout = finder.layout(output)
    if layout is None or not (tokens or finder.confirms(output, layout)):
        raise ValueError(finder.unknown(output))
    return TargetLayer(name, modules[name], layout)


def not_run(name: str, layer: nn.Module) -> str:
    """Why a layer gave nothing in a forward pass, in one line."""
    if isinstance(layer, torch.jit.ScriptModule):
        return (
            f"target layer '{name}' is TorchScript, which runs it unseen: build the network from its Python class and "
            "load the state_dict"
        )
    return f"target layer '{name}' did not run in the forward pass: pass another target_layer"


def _is_map(finder: LayoutFinder, name: str) -> bool:
    """Whether the last layer of a section returns a feature map of channels."""
    output = finder.traced[name]
    layout = output and finder.layout(output)
    return bool(output and layout == Layout() and prod(output.shape[2:]) > 1)


def _layer_of_section(modules: dict[str, nn.Module], sections: tuple[str, str] | None, index: int) -> str:
    if sections is None:
        raise ValueError(
            f"target_layer {index} is an index into the convolutional section, but the model is not divided into two "
            "sections: pass section_names, or a module name such as 'layer4.1'"
        )
    layers = [name for name, _ in modules[sections[0]].named_children()] or [""]
    try:
        return f"{sections[0]}.{layers[index]}".rstrip(".")
    except IndexError:
        raise ValueError(
            f"target_layer {index} is outside section '{sections[0]}', which has {len(layers)} layers"
        ) from None


def _contains(module: nn.Module, kinds: type | tuple[type, ...]) -> bool:
    return any(isinstance(inner, kinds) for inner in module.modules())
