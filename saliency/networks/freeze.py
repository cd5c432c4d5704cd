"""Modules of a network that training leaves as they are."""

import difflib
from collections.abc import Sequence

from torch import nn

from saliency.exceptions import DataError


def freeze_modules(network: nn.Module, names: Sequence[str]) -> list[nn.Module]:
    """Let the parameters of some modules, and of all modules in them, require no gradient.

    Parameters
    ----------
    network
        Changed in place.
    names
        Dotted names of modules, such as ``layer4.1``.

    Returns
    -------
    list of Module
        The modules. Whoever trains the network keeps them in eval mode, so that batch normalisation and dropout work as
        they will afterwards.

    Raises
    ------
    DataError
        If the network has no module of a name, with one line for each, or if no parameter is left.

    Examples
    --------
    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3))
    >>> [type(module).__name__ for module in freeze_modules(network, ["0", "1"])]
    ['Conv2d', 'BatchNorm2d']
    >>> [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    ['2.weight', '2.bias']
    """
    modules = {name: module for name, module in network.named_modules() if name}
    problems = []
    for name in names:
        if name not in modules:
            near = difflib.get_close_matches(name, modules) or [child for child, _ in network.named_children()]
            problems.append(f"train.freeze: the network has no module '{name}'; close to it: {', '.join(near)}")
    if problems:
        raise DataError("\n".join(problems))
    frozen = [modules[name] for name in names]
    for module in frozen:
        module.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise DataError("train.freeze: leaves no parameter to train: name fewer modules")
    return frozen
