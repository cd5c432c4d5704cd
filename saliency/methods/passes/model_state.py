"""Leaving a model as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Run `model` in eval mode without parameter gradients; put every flag back afterwards, also on error.

    The flags are set directly rather than with ``model.eval()``, which some models override.

    Parameters
    ----------
    model
        Any module; its submodules may be in different modes.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    >>> with unchanged(model):
    ...     model[1].training, model[0].weight.requires_grad
    (False, False)
    >>> model[1].training, model[0].weight.requires_grad
    (True, True)
    """
    training = [(module, module.training) for module in model.modules()]
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        for module, _ in training:
            module.training = False
        for parameter in trainable:
            parameter.requires_grad_(False)
        yield
    finally:
        for module, flag in training:
            module.training = flag
        for parameter in trainable:
            parameter.requires_grad_(True)
