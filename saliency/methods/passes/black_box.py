"""Networks that run as a whole, and into which methods cannot look as far as into one of torch's modules."""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from saliency.files.network_files import KINDS, NetworkFile
from saliency.methods.method import Method
from saliency.methods.passes.scores import last_step
from saliency.methods.reach import out_of_reach


class BlackBox(nn.Module):
    """A network of which only some of what methods look at can be seen.

    Attributes
    ----------
    kind
        What it is, and how far methods may look into it.
    """

    kind: ClassVar[NetworkFile]

    def activation(self, scores_of: Callable[[Tensor], Tensor], x: Tensor) -> str:
        """Name of the softmax, sigmoid or tanh that makes the scores, "" where there is none.

        Parameters
        ----------
        scores_of
            Runs the network, and returns its scores for ``[n, c, *spatial]``.
        x
            Such an input.
        """
        raise NotImplementedError(f"{type(self).__name__} has no activation")


class TorchScriptNetwork(BlackBox):
    """A network in TorchScript that gives the same numbers each time.

    Torch compiles a script anew after its first passes, and rounds differently from then on; not so in here.

    Parameters
    ----------
    network
        A script module, made by tracing or scripting.
    """

    kind = KINDS["torchscript"]
    # By how the names of steps in a graph begin.
    STEPS = MappingProxyType(
        {"Softmax": "softmax", "LogSoftmax": "log-softmax", "Sigmoid": "sigmoid", "Hardsigmoid": "sigmoid"}
    )

    def __init__(self, network: torch.jit.ScriptModule) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Any:
        """Run the script on ``[n, c, *spatial]``."""
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined] # missing in its __all__
            return self.network(x)

    def activation(self, scores_of: Callable[[Tensor], Tensor], x: Tensor) -> str:
        """Read it off the graph of a pass."""
        with torch.enable_grad():
            step = last_step(scores_of(x.detach().requires_grad_()))
        return next((name for begin, name in self.STEPS.items() if step.startswith(begin)), "")


def check_reach(model: nn.Module, methods: Sequence[type[Method]]) -> None:
    """Refuse methods that look further into a model than it allows.

    Raises
    ------
    ValueError
        Naming them, and what could be chosen.
    """
    problem = out_of_reach(methods, model.kind) if isinstance(model, BlackBox) else None
    if problem:
        raise ValueError(problem)
