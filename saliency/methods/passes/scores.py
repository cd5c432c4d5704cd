"""What is differentiated: the score of one class per sample."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from saliency.methods.scores import ranked_classes


def class_scores(scores: Tensor, region: Tensor | None = None) -> Tensor:
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
        each class: where it has the highest score of all, or with a single class a positive score.

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
            chosen = scores.detach() > 0
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

    NAMES = frozenset(
        {
            *(
                "softmax",
                "log_softmax",
                "_log_softmax",
                "_softmax",
                "sigmoid",
                "sigmoid_",
                "special_expit",
                "hardsigmoid",
            ),
            *("logsigmoid", "log_sigmoid", "tanh", "tanh_"),
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self._last: tuple[Tensor, Tensor] | None = None

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
        self._last = before, output
        return output

    def input_of(self, output: Tensor) -> Tensor:
        """The tensor that the last activation turned into `output`, in the shape of `output`.

        Raises
        ------
        ValueError
            If `output` is not what the last activation returned (a squeeze or reshape in between is allowed).
        """
        if self._last is not None:
            before, after = self._last
            if after.data_ptr() == output.data_ptr() and after.numel() == output.numel():
                return before.reshape(output.shape)
        raise ValueError(
            "ignore_lastlayer=True, but the model's last layer is not a softmax, sigmoid or tanh: "
            "its output is the score already, call without ignore_lastlayer"
        )
