"""Networks whose weights are computed from other parameters, made such that their weights are parameters."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def with_plain_weights(model: nn.Module) -> nn.Module:
    """A copy of the model with the weights that it computes, as parameters; the model itself where it computes none.

    Weight and spectral normalisation, pruning and other parametrisations compute a layer's weight each time from
    parameters such as ``weight_g`` and ``weight_v``, which no layer draws anew when it initialises itself. The copy
    computes the same as the model.

    Parameters
    ----------
    model
        Any network.

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(2, 3)))
    >>> [name for name, _ in model.named_parameters()]
    ['0.bias', '0.parametrizations.weight.original0', '0.parametrizations.weight.original1']
    >>> [name for name, _ in with_plain_weights(model).named_parameters()]
    ['0.bias', '0.weight']
    """
    import torch
    from torch.nn.utils import parametrize, remove_spectral_norm, remove_weight_norm
    from torch.nn.utils.prune import BasePruningMethod, remove
    from torch.nn.utils.spectral_norm import SpectralNorm
    from torch.nn.utils.weight_norm import WeightNorm

    from saliency.methods.passes.model_state import unchanged

    def computes(module: nn.Module) -> bool:
        hooks = module._forward_pre_hooks.values()
        kinds = (WeightNorm, SpectralNorm, BasePruningMethod)
        return parametrize.is_parametrized(module) or any(isinstance(hook, kinds) for hook in hooks)

    if not any(computes(module) for module in model.modules()):
        return model
    plain = copied(model)
    # In training, spectral normalisation goes on with its iteration each time that it is asked.
    with torch.no_grad(), unchanged(plain):
        for module in list(plain.modules()):
            for hook in list(module._forward_pre_hooks.values()):
                if isinstance(hook, WeightNorm):
                    remove_weight_norm(module, hook.name)
                elif isinstance(hook, SpectralNorm):
                    remove_spectral_norm(module, hook.name)
                elif isinstance(hook, BasePruningMethod):
                    remove(module, hook._tensor_name)
            if parametrize.is_parametrized(module):
                # torch's own removal takes the attribute off a class that the copy shares with the model.
                names: list[str] = list(module.parametrizations)  # type: ignore[arg-type]
                values = {name: getattr(module, name).detach().clone() for name in names}
                module.__class__ = parametrize.type_before_parametrizations(module)
                del module.parametrizations
                for name, value in values.items():
                    module.register_parameter(name, torch.nn.Parameter(value))
    return plain


def copied(model: nn.Module) -> nn.Module:
    """A copy that shares nothing, also of models that keep computed tensors, which ``copy.deepcopy`` alone refuses."""
    from torch import Tensor

    computed = [
        value
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and not value.is_leaf
    ]
    return copy.deepcopy(model, {id(value): value.detach().clone() for value in computed})
