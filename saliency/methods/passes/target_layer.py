"""Finding things in a model: its dimension, its two sections, the target layer."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from saliency.methods.passes.model_output import model_scores

Convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
AdaptivePooling = (nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)


def spatial_ndim(model: nn.Module, mode: str | None = None) -> int:
    """Number of spatial axes: 2 or 3.

    Parameters
    ----------
    model
        A network; its first convolution decides.
    mode
        "2D" or "3D" to check, or None.

    Raises
    ------
    ValueError
        If `mode` contradicts the model, or is None where the model has no convolution.

    Examples
    --------
    >>> spatial_ndim(nn.Sequential(nn.Conv3d(1, 2, 3)))
    3
    """
    if mode not in (None, "2D", "3D"):
        raise ValueError(f"mode is {mode!r}: pass '2D', '3D', or None to read it off the model")
    wanted = None if mode is None else int(mode[0])
    first = next((module for module in model.modules() if isinstance(module, Convolution)), None)
    if first is None:
        if wanted is None:
            raise ValueError("the model has no convolution module: pass mode='2D' or mode='3D'")
        return wanted
    found = len(first.kernel_size)
    if found == 1:
        raise ValueError(f"the model's first convolution is a {type(first).__name__}: only 2D and 3D networks work")
    if wanted not in (None, found):
        raise ValueError(
            f"mode is '{mode}', but the model's first convolution is a {type(first).__name__}: pass mode='{found}D'"
        )
    return found


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


def find_target_layer(
    model: nn.Module,
    target_layer: int | str | nn.Module | None,
    sections: tuple[str, str] | None,
    example: Tensor,
    output: int | str | None = None,
) -> tuple[str, nn.Module]:
    """Find the layer whose output Grad-CAM weighs.

    Parameters
    ----------
    model
        The network, in the state in which it will run.
    target_layer
        An index into the convolutional section, a dotted module name, a module of the model, or None: the last layer
        of the convolutional section, or the last feature map before global pooling where there are no sections.
    sections
        What `find_sections` returned.
    example
        ``[1, c, *spatial]``: run through the model once where the layer has to be searched for.
    output
        Which of the model's outputs are its scores, as in `saliency.methods.passes.model_output.model_scores`.

    Returns
    -------
    name, module

    Raises
    ------
    ValueError
        If there is no such layer, naming what could be passed.
    """
    modules = dict(model.named_modules())
    if isinstance(target_layer, nn.Module):
        name = next((name for name, module in modules.items() if module is target_layer), None)
        if name is None:
            raise ValueError(f"target_layer: this {type(target_layer).__name__} is not a module of the model")
    elif isinstance(target_layer, str):
        name = target_layer
        if not name or name not in modules:
            known = ", ".join(name for name, _ in model.named_children())
            raise ValueError(f"target_layer: the model has no module '{name}'; its children are: {known}")
    elif target_layer is None and sections is None:
        name = last_feature_map(model, example, output)
    else:
        name = _layer_of_section(modules, sections, -1 if target_layer is None else target_layer)
    return name, modules[name]


def last_feature_map(model: nn.Module, example: Tensor, output: int | str | None = None) -> str:
    """Name of the layer that makes the last feature map before global pooling.

    One forward pass is traced. Of all modules that return more than one spatial position, the last to finish counts;
    of nested ones that finish together the outermost that does something of its own: a block such as
    ``layer4.1`` rather than its last ReLU, and rather than the plain ``nn.Sequential`` around it. Modules that
    run several times are passed over, since their name does not tell which run is meant, and so is adaptive pooling.
    Where the model's output is itself a feature map (segmentation), the last of the smallest ones counts, which is the
    bottleneck.

    Parameters
    ----------
    model
        The network, in the state in which it will run.
    example
        ``[1, c, *spatial]``.
    output
        As of `find_target_layer`.

    Raises
    ------
    ValueError
        If no module returns a feature map with more than one position.

    Examples
    --------
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    >>> last_feature_map(model, torch.rand(1, 1, 8, 8))
    '1'
    """
    runs: Counter[str] = Counter()
    positions: dict[str, int] = {}

    def record(name: str, output: object) -> None:
        runs[name] += 1
        if isinstance(output, Tensor) and output.ndim == example.ndim and output.shape[2:].numel() > 1:
            positions[name] = output.shape[2:].numel()

    modules = {name: module for name, module in model.named_modules() if name}
    hooks = [
        module.register_forward_hook(lambda _m, _a, output, name=name: record(name, output))
        for name, module in modules.items()
    ]
    try:
        with torch.no_grad():
            returned = model(example.clone())
    finally:
        for hook in hooks:
            hook.remove()

    named = [name for name in positions if runs[name] == 1 and not isinstance(modules[name], AdaptivePooling)]
    if named and model_scores(returned, len(example), output).ndim == example.ndim:
        smallest = min(positions[name] for name in named)
        named = [name for name in named if positions[name] == smallest]
    if not named:
        raise ValueError(
            f"no module of the model returns a feature map with more than one position for an input of shape "
            f"{list(example.shape)}: pass target_layer, or a larger input"
        )
    name = named[-1]
    while type(modules[name]) is nn.Sequential:
        inside = [other for other in named if other.rpartition(".")[0] == name]
        if not inside:
            break
        name = inside[-1]
    return name


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
