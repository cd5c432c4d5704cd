"""Why no gradient of a network's scores can be taken."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

# So many modules are named.
NAMED = 3


def no_gradient(model: nn.Module, scores: Callable[[Tensor], Tensor], x: Tensor) -> str | None:
    """Say why no gradient reaches the class scores, and what to do.

    Parameters
    ----------
    model
        The network, in the state in which it ran.
    scores
        Runs it and returns the scores.
    x
        ``[n, c, *spatial]``: its input, which runs once more.

    Returns
    -------
    str or None
        None if a gradient reaches them from the input.

    Examples
    --------
    >>> class FrozenInside(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.body = nn.Conv2d(3, 2, 3)
    ...     def forward(self, x):
    ...         with torch.no_grad():
    ...             return self.body(x).mean((2, 3))
    >>> network = FrozenInside()
    >>> no_gradient(network, network, torch.rand(1, 3, 8, 8)).partition(" (")[0]
    "no gradient reaches the class scores, since the network's forward runs 'body' without gradients"
    """
    frozen: list[str] = []

    def record(name: str) -> None:
        inside = any(name.startswith(f"{outer}.") for outer in frozen)
        if not torch.is_grad_enabled() and name not in frozen and not inside:
            frozen.append(name)

    handles = [
        module.register_forward_pre_hook(lambda *_, name=name: record(name))
        for name, module in model.named_modules()
        if name
    ]
    try:
        if scores(x.detach().clone().requires_grad_()).requires_grad:
            return None
    finally:
        for handle in handles:
            handle.remove()
    if not frozen:
        return (
            "no gradient reaches the class scores: the network's forward cuts it off (detach, no_grad, numpy, rounding "
            "or quantised layers), so that no target_layer helps: take that out of the forward"
        )
    shown = ", ".join(f"'{name}'" for name in frozen[:NAMED]) + (" and others" if len(frozen) > NAMED else "")
    return (
        f"no gradient reaches the class scores, since the network's forward runs {shown} without gradients "
        "(torch.no_grad, inference_mode): no other target_layer helps; take that out of the forward"
    )


@contextmanager
def clear_backward_errors() -> Iterator[None]:
    """Say in one line, as a ValueError, what torch says of a backward pass that the network itself makes impossible."""
    try:
        yield
    except RuntimeError as error:
        message = str(error)
        if "modified by an inplace operation" in message:
            raise ValueError(
                "the network writes into values that its gradient needs, so that none can be taken: build it without "
                "in-place operations on parts of a tensor (inplace=False)"
            ) from error
        if "nference tensor" in message:
            raise ValueError(
                "the network's forward computes under torch.inference_mode(), so that no gradient can be taken: take "
                "that out of the forward"
            ) from error
        raise
