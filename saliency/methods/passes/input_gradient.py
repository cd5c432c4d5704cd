"""Faster gradients with respect to a network's input, where none are needed with respect to its parameters.

Forward passes are the library's own, bit for bit; only what runs backward differs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

CONVOLUTIONS = {"conv2d": functional.conv2d, "conv3d": functional.conv3d}
# Up to here, a first convolution's gradient is computed by `strided_convolution_gradient`.
FEW_CHANNELS = 4


def input_gradient(score: Tensor, x: Tensor, keep_graph: bool) -> Tensor:
    """Derivative of a score with respect to what it was computed from, of the shape of `x`.

    Raises
    ------
    ValueError
        If the score does not depend on `x`.
    """
    (gradient,) = torch.autograd.grad(score, x, retain_graph=keep_graph, allow_unused=True)
    if gradient is None:
        raise ValueError("the class score does not depend on the input: no gradient reaches it")
    return gradient


def strided_convolution_gradient(
    gradient: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int], size: Sequence[int]
) -> Tensor:
    r"""Gradient with respect to the input of a convolution, computed as one convolution without stride.

    With stride s, input position :math:`x + p = s m + r` gets contributions only from the kernel's positions
    :math:`s q + r`:

    .. math:: g^{in}_{sm + r - p} = \sum_q g^{out}_{m - q} \, w_{sq + r}

    which for all phases r at once is a convolution with :math:`\prod_i s_i` times as many output channels, followed by
    a pixel shuffle (Shi et al., "Is the deconvolution layer the same as a convolutional layer?", 2016,
    https://arxiv.org/abs/1609.07009). For few input channels, oneDNN's own gradient needs two to three times as long.

    Parameters
    ----------
    gradient
        ``[n, k, *output_spatial]``: the derivative with respect to the convolution's output.
    weight
        ``[k, c, *kernel]``.
    stride, padding
        Of the convolution, one number per spatial axis.
    size
        The input's spatial size.

    Returns
    -------
    Tensor
        ``[n, c, *size]``.

    Examples
    --------
    >>> x, weight = torch.rand(1, 3, 9, 9, requires_grad=True), torch.rand(8, 3, 3, 3)
    >>> score = functional.conv2d(x, weight, stride=2, padding=1)
    >>> (expected,) = torch.autograd.grad(score, x, torch.ones_like(score))
    >>> found = strided_convolution_gradient(torch.ones_like(score), weight, (2, 2), (1, 1), (9, 9))
    >>> torch.allclose(found, expected, atol=1e-5)
    True
    """
    axes = range(len(stride))
    filters, channels, *kernel = weight.shape
    steps = [-(-k // s) for k, s in zip(kernel, stride, strict=True)]
    enlarged = [end for k, q, s in zip(kernel, steps, stride, strict=True) for end in (q * s - k, 0)][::-1]
    phases = functional.pad(weight, enlarged).reshape(
        filters, channels, *(part for pair in zip(steps, stride, strict=True) for part in pair)
    )
    over_steps, over_phases = [2 + 2 * axis for axis in axes], [3 + 2 * axis for axis in axes]
    phases = phases.flip(over_steps).permute(1, *over_phases, 0, *over_steps).reshape(-1, filters, *steps)
    convolve = CONVOLUTIONS[f"conv{len(stride)}d"]
    shuffled = convolve(gradient, phases, padding=[q - 1 for q in steps])
    positions = shuffled.shape[2:]
    shuffled = shuffled.reshape(len(gradient), channels, *stride, *positions)
    interleaved = [place for axis in axes for place in (2 + len(stride) + axis, 2 + axis)]
    found = shuffled.permute(0, 1, *interleaved).reshape(
        len(gradient), channels, *(m * s for m, s in zip(positions, stride, strict=True))
    )
    # Negative padding cuts off what the convolution had padded; positive is what its stride never reached.
    ends = [
        end
        for have, p, want in zip(found.shape[2:], padding, size, strict=True)
        for end in (want + p - have, -p)
    ]  # fmt: skip
    return functional.pad(found, ends[::-1])


class _StridedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Sequence[int], padding: Sequence[int]
    ) -> Tensor:
        ctx.weight, ctx.stride, ctx.padding, ctx.size = weight, stride, padding, x.shape[2:]
        return CONVOLUTIONS[f"conv{len(stride)}d"](x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        # Under autocast, the convolution has run in another precision than the weights'.
        weight = ctx.weight.to(gradient.dtype)
        found = strided_convolution_gradient(gradient, weight, ctx.stride, ctx.padding, ctx.size)
        return found, None, None, None, None


class _FrozenBatchNorm(torch.autograd.Function):
    """Batch normalisation by fixed statistics is a multiplication: its input need not be kept."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        mean: Tensor,
        variance: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
    ) -> Tensor:
        scale = (variance + eps).rsqrt()
        ctx.scale = (scale if weight is None else scale * weight).to(x.dtype).view(-1, *[1] * (x.ndim - 2))
        return functional.batch_norm(x, mean, variance, weight, bias, eps=eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return gradient * ctx.scale, None, None, None, None, None


class FastInputGradient(TorchFunctionMode):
    """Context manager under which forward passes record cheaper backward passes.

    Of convolutions with a stride that see few channels, which first ones do, and of batch normalisation in eval mode;
    on the CPU, and where the parameters require no gradient. All else stays as it is.

    Examples
    --------
    >>> convolution = torch.nn.Conv2d(3, 8, 7, stride=2, padding=3).requires_grad_(False)
    >>> x = torch.rand(1, 3, 32, 32, requires_grad=True)
    >>> (expected,) = torch.autograd.grad(convolution(x).sum(), x)
    >>> with FastInputGradient():
    ...     score = convolution(x).sum()
    >>> torch.allclose(torch.autograd.grad(score, x)[0], expected, atol=1e-5)
    True
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in CONVOLUTIONS:
            arguments = _strided_convolution(int(name[4]), *args, **kwargs)
            if arguments:
                return _StridedConvolution.apply(*arguments)
        elif func is functional.batch_norm:
            arguments = _frozen_batch_norm(*args, **kwargs)
            if arguments:
                return _FrozenBatchNorm.apply(*arguments)
        return func(*args, **kwargs)


def _plain(x: Tensor, *parameters: Tensor | None) -> bool:
    frozen = not any(parameter.requires_grad for parameter in parameters if parameter is not None)
    return x.requires_grad and frozen and x.device.type == "cpu"


def _strided_convolution(
    ndim: int,
    input: Tensor,  # noqa: A002
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> tuple[Any, ...] | None:
    """Arguments of `_StridedConvolution`, None where it does not fit; names as in torch."""
    if isinstance(padding, str) or groups != 1 or weight.shape[1] > FEW_CHANNELS or input.ndim != ndim + 2:
        return None
    stride, padding, dilation = (_per_axis(value, ndim) for value in (stride, padding, dilation))
    fits = max(stride) > 1 and max(dilation) == 1 and _plain(input, weight, bias)
    return (input, weight, bias, stride, padding) if fits else None


def _per_axis(value: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * ndim if len(values) == 1 else values


def _frozen_batch_norm(
    input: Tensor,  # noqa: A002
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Any, ...] | None:
    """Arguments of `_FrozenBatchNorm`, None where it does not fit; names as in torch."""
    if training or running_mean is None or running_var is None or not _plain(input, weight, bias):
        return None
    return input, running_mean, running_var, weight, bias, eps
