"""What is differentiated: the score of one class per sample."""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from saliency.methods.scores import ranked_classes

# Nodes of a graph that leave the values as they are.
_RESHAPING = (
    "View",
    "UnsafeView",
    "Unsqueeze",
    "Squeeze",
    "Reshape",
    "Select",
    "Slice",
    "Clone",
    "Alias",
    "Permute",
    "Flip",
)


def two_classes(scores: Tensor, outputs: str) -> Tensor:
    """Scores of both classes of a model with one score per sample; other scores stay as they are.

    Parameters
    ----------
    scores
        ``[n, 1]``: the logit s of class 1, or its probability p.
    outputs
        What they are: "logits" or "probabilities".

    Returns
    -------
    Tensor
        ``[n, 2]``: -s and s, or 1 - p and p.

    Examples
    --------
    >>> two_classes(torch.tensor([[3.0]]), "logits"), two_classes(torch.tensor([[0.75]]), "probabilities")
    (tensor([[-3.,  3.]]), tensor([[0.2500, 0.7500]]))
    """
    if scores.ndim != 2 or scores.shape[1] != 1:
        return scores
    return torch.cat([1 - scores if outputs == "probabilities" else -scores, scores], dim=1)


def from_sigmoid(scores: Tensor) -> bool:
    """Whether scores with a graph are what a sigmoid returned, in whatever shape.

    Examples
    --------
    >>> x = torch.zeros(2, 1, requires_grad=True)
    >>> from_sigmoid(x.sigmoid()[:, 0]), from_sigmoid(x.sigmoid() + 1)
    (True, False)
    """
    return last_step(scores).startswith(("SigmoidBackward", "HardsigmoidBackward"))


def last_step(scores: Tensor) -> str:
    """Name of the last step of a graph that changed the values, "" where there is none.

    Examples
    --------
    >>> last_step(torch.zeros(2, 1, requires_grad=True).softmax(1)[:, 0])
    'SoftmaxBackward0'
    """
    node = scores.grad_fn
    while node is not None and node.name().startswith(_RESHAPING):
        node = node.next_functions[0][0]
    return "" if node is None else node.name()


def class_scores(scores: Tensor, region: Tensor | None = None, outputs: str = "logits") -> Tensor:
    r"""Reduce dense scores to one per class; other scores stay as they are.

    .. math:: S_k = \sum_{v \in M_k} y_{k, v}

    Vinogradova et al., "Towards Interpretable Semantic Segmentation via Gradient-weighted Class Activation Mapping"
    (Seg-Grad-CAM), 2020, https://arxiv.org/abs/2002.11434

    Parameters
    ----------
    scores
        ``[n, classes]``, or ``[n, classes, *spatial]``.
    region
        ``[n, *spatial]``: True in the pixels or voxels that count for every class. None for the predicted region of
        each class: where it has the highest score of all, or with a single class a probability above a half.
    outputs
        What they are: "logits" or "probabilities".

    Returns
    -------
    Tensor
        ``[n, classes]``; 0 where no pixel is predicted to be of a class.

    Raises
    ------
    ValueError
        If `region` does not fit `scores`.

    Examples
    --------
    >>> scores = torch.tensor([[[[1.0, 5.0]], [[2.0, 3.0]]]])
    >>> class_scores(scores), class_scores(scores, torch.tensor([[[True, True]]]))
    (tensor([[5., 2.]]), tensor([[6., 5.]]))
    """
    if scores.ndim == 2:
        if region is not None:
            raise ValueError("region: the model has one score per sample, not one per pixel: leave region out")
        return scores
    if region is None:
        if scores.shape[1] == 1:
            chosen = scores.detach() > (0.5 if outputs == "probabilities" else 0)
        else:
            chosen = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, scores.argmax(1, keepdim=True), True)
    else:
        if region.shape != (len(scores), *scores.shape[2:]):
            raise ValueError(
                f"region has shape {list(region.shape)}, but the model's output has {list(scores.shape)}: pass "
                f"{[len(scores), *scores.shape[2:]]}"
            )
        chosen = region.to(scores.device).bool().unsqueeze(1)
    return (scores * chosen).flatten(2).sum(dim=2)


def select_classes(scores: Tensor, target: str | int | Sequence[int] | Tensor | None) -> Tensor:
    """Choose the class to explain in each sample.

    Parameters
    ----------
    scores
        ``[n, classes]``.
    target
        None, [] or "predicted" for the class with the highest score, "runner_up" for the second highest, one class
        index for all samples, or one per sample.

    Returns
    -------
    Tensor
        ``[n]``, int64, on the device of `scores`.

    Raises
    ------
    ValueError
        For an index outside ``0 … classes - 1``, a wrong number of indices, or a runner-up where there is one class.

    Examples
    --------
    >>> scores = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.1, 0.4]])
    >>> select_classes(scores, None).tolist(), select_classes(scores, "runner_up").tolist()
    ([1, 0], [2, 2])
    """
    samples, count = scores.shape
    if isinstance(target, str):
        rank = {"predicted": 0, "runner_up": 1}.get(target)
        if rank is None:
            raise ValueError(f"target '{target}' is neither 'predicted' nor 'runner_up'")
        if rank >= count:
            raise ValueError("target 'runner_up' needs a model with at least two classes")
        ranked = ranked_classes(scores.detach().cpu().double().numpy(), rank)
        return torch.from_numpy(ranked).to(scores.device)
    if target is None or (isinstance(target, Sequence) and len(target) == 0):
        return select_classes(scores, "predicted")
    classes = torch.as_tensor(target, device=scores.device)
    if classes.dtype.is_floating_point or classes.dtype == torch.bool:
        raise ValueError(f"target_class holds {classes.dtype} values: pass class indices")
    if classes.ndim == 0:
        classes = classes.expand(samples)
    if classes.shape != (samples,):
        raise ValueError(
            f"target_class has shape {list(classes.shape)} for {samples} samples: pass one index, or one per sample"
        )
    wrong = sorted({int(index) for index in classes if not 0 <= index < count})
    if wrong:
        raise ValueError(f"target_class {wrong} is outside the model's classes 0 … {count - 1}")
    return classes.long()


class LastActivation(TorchFunctionMode):
    """Context manager that remembers the input of the last softmax, sigmoid or tanh that ran inside it.

    Modules, functionals, methods and in-place calls all pass through here, which a module hook would not see.

    Examples
    --------
    >>> logits = torch.tensor([[1.0, 2.0]])
    >>> with LastActivation() as last:
    ...     output = logits.softmax(1)
    >>> last.input_of(output)
    tensor([[1., 2.]])
    """

    # By the name of the function: which activation it is.
    NAMES = MappingProxyType(
        {
            **dict.fromkeys(("softmax", "_softmax"), "softmax"),
            **dict.fromkeys(("log_softmax", "_log_softmax"), "log-softmax"),
            **dict.fromkeys(("sigmoid", "sigmoid_", "special_expit", "hardsigmoid"), "sigmoid"),
            **dict.fromkeys(("logsigmoid", "log_sigmoid"), "log-sigmoid"),
            **dict.fromkeys(("tanh", "tanh_"), "tanh"),
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self._last: tuple[str, Tensor, Tensor] | None = None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name not in self.NAMES:
            return func(*args, **kwargs)
        source: Tensor = args[0] if args else kwargs["input"]
        if name.endswith("_") or kwargs.get("inplace"):
            before = source.clone()
            output = func(*args, **kwargs)
        else:
            before, output = source, func(*args, **kwargs)
        self._last = self.NAMES[name], before, output
        return output

    def name_of(self, output: Tensor) -> str:
        """Name of the last activation if it made `output`, in whatever shape, else ""."""
        if self._last is None:
            return ""
        name, _, after = self._last
        return name if after.data_ptr() == output.data_ptr() and after.numel() == output.numel() else ""

    def input_of(self, output: Tensor) -> Tensor:
        """The tensor that the last activation turned into `output`, in the shape of `output`.

        Raises
        ------
        ValueError
            If `output` is not what the last activation returned (a squeeze or reshape in between is allowed).
        """
        if self._last is not None and self.name_of(output):
            return self._last[1].reshape(output.shape)
        raise ValueError(
            "ignore_lastlayer=True, but the model's last layer is not a softmax, sigmoid or tanh: "
            "its output is the score already, call without ignore_lastlayer"
        )
