"""Calls of torch that are rectifiers, in whatever words a network writes them."""

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

LEAKY = frozenset({"leaky_relu", "leaky_relu_"})
RELU = frozenset({"relu", "relu_", "relu6"}) | LEAKY
# hardtanh is what nn.ReLU6 calls.
CLAMPS = frozenset({"clamp", "clamp_", "clip", "clip_", "clamp_min", "clamp_min_", "hardtanh", "hardtanh_"})
MAXIMA = frozenset({"maximum", "max", "fmax"})
THRESHOLDS = frozenset({"threshold", "threshold_", "_threshold"})
FILLS = frozenset({"masked_fill", "masked_fill_"})
PRODUCTS = frozenset({"mul", "mul_", "multiply", "multiply_", "__mul__", "__rmul__", "__imul__"})
POSITIVE = frozenset({"gt", "ge", "greater", "greater_equal", "__gt__", "__ge__"})
NEGATIVE = frozenset({"lt", "le", "less", "less_equal", "__lt__", "__le__"})
SPELLINGS = CLAMPS | MAXIMA | THRESHOLDS | FILLS | PRODUCTS | frozenset({"where", "__setitem__"})
# These write into their first argument, beside those whose name ends in an underscore.
WRITING = frozenset({"__imul__", "__setitem__"})
# What turns a mask into numbers of the same meaning.
CASTS = frozenset({"to", "float", "double", "half", "bfloat16", "type", "type_as"})
NEGATIONS = frozenset({"__invert__", "logical_not", "bitwise_not"})
# A bound up to here keeps a division or a power from zero, in normalisation and pooling, and rectifies nothing.
GUARD = 1e-3


@dataclass(frozen=True)
class Origin:
    """Where something that carries no gradient comes from: computed of values that carry one.

    Attributes
    ----------
    values
        The tensor, alive as long as the network keeps it.
    version
        How often that had been written to.
    sign
        1 where this is a mask that is true where `values` are positive, -1 where they are negative, 0 for other masks,
        None for what is no mask.
    """

    values: Callable[[], Tensor | None]
    version: int
    sign: int | None = None

    def signs(self, tensor: object, sign: int) -> bool:
        """Whether this is a mask of the sign of `tensor` as it is now."""
        return self.sign == sign and self.values() is tensor and getattr(tensor, "_version", None) == self.version


def origin_of(value: object) -> Origin | None:
    """What `remember` noted of a tensor."""
    return getattr(value, "_saliency_origin", None) if isinstance(value, Tensor) else None


def remember(name: str, args: Sequence[Any], output: Tensor) -> None:
    """Note on what a call returned what it was computed from.

    Parameters
    ----------
    name
        Of the function.
    args
        Its positional arguments.
    output
        What it returned, which carries no gradient.
    """
    if name.startswith("new_") or name.endswith("_like") or any(output is value for value in args):
        return
    source = next((value for value in args if isinstance(value, Tensor) and value.requires_grad), None)
    if source is not None:
        found = Origin(weakref.ref(source), source._version)
    else:
        known = next((origin for origin in map(origin_of, args) if origin), None)
        if known is None:
            return
        found = known
    sign = found.sign
    if output.dtype == torch.bool:
        sign = -(sign or 0) if name in NEGATIONS else _compared(name, args)
    elif sign is not None and name not in CASTS:
        sign = 0
    output._saliency_origin = Origin(found.values, found.version, sign)  # type: ignore[attr-defined]


def _compared(name: str, args: Sequence[Any]) -> int:
    if len(args) < 2 or name not in POSITIVE | NEGATIVE:
        return 0
    sign = 1 if name in POSITIVE else -1
    if isinstance(args[0], Tensor) and is_zero(args[1]):
        return sign
    return -sign if is_zero(args[0]) else 0


def is_zero(value: object) -> bool:
    """Whether a number, or each value of a tensor without a gradient, is 0."""
    if isinstance(value, Tensor):
        return not value.requires_grad and value.dtype != torch.bool and not bool(value.any())
    return isinstance(value, int | float) and not isinstance(value, bool) and value == 0


def is_rectifier(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    r"""Whether a call computes :math:`\max(0, x)` of its argument, or such a thing with an upper bound or a leak.

    Parameters
    ----------
    name
        Of the function.
    args, kwargs
        Its arguments.

    Examples
    --------
    >>> x = torch.tensor([1.0, -1.0], requires_grad=True)
    >>> is_rectifier("clamp", (x,), {"min": 0}), is_rectifier("clamp", (x,), {"min": -1})
    (True, False)
    """
    if name in RELU:
        return True
    if name in CLAMPS:
        bounds = ("min_val", "max_val") if name.startswith("hardtanh") else ("min", "max")
        low, high = (_argument(args, kwargs, 1 + place, bound) for place, bound in enumerate(bounds))
        return is_zero(low) and (isinstance(high, Tensor) or high is None or high > 0)
    if name in MAXIMA:
        pair = _argument(args, kwargs, 0, "input"), _argument(args, kwargs, 1, "other")
        return all(isinstance(value, Tensor) for value in pair) and any(map(is_zero, pair))
    if name in THRESHOLDS:
        return all(is_zero(_argument(args, kwargs, place, word)) for place, word in ((1, "threshold"), (2, "value")))
    return _is_masked(name, args, kwargs)


def _is_masked(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether a call keeps a tensor where it is positive, and puts 0 elsewhere."""
    first = _argument(args, kwargs, 0, "input")
    if name == "where":
        mask, kept, other = first, _argument(args, kwargs, 1, "input"), _argument(args, kwargs, 2, "other")
        if isinstance(kept, Tensor) and kept.dtype == torch.bool and not (isinstance(mask, Tensor) and origin_of(mask)):
            # As a method: x.where(mask, other).
            mask, kept = kept, mask
        origin = origin_of(mask)
        if origin is None:
            return False
        return (origin.signs(kept, 1) and is_zero(other)) or (origin.signs(other, -1) and is_zero(kept))
    if name in FILLS or name == "__setitem__":
        origin = origin_of(_argument(args, kwargs, 1, "mask"))
        return origin is not None and origin.signs(first, -1) and is_zero(_argument(args, kwargs, 2, "value"))
    if name in PRODUCTS:
        second = _argument(args, kwargs, 1, "other")
        pairs = ((first, origin_of(second)), (second, origin_of(first)))
        return any(origin.signs(factor, 1) for factor, origin in pairs if origin)
    return False


def bends(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    """How to call what is no rectifier, but neither treats all values alike; None for what does.

    A mask that does not depend on what the network computes makes a linear operation; one that does is an activation.
    """
    if name in CLAMPS and not name.startswith("hardtanh"):
        low, high = _argument(args, kwargs, 1, "min"), _argument(args, kwargs, 2, "max")
        return None if high is None and isinstance(low, int | float) and 0 < low <= GUARD else "clamp"
    if name in MAXIMA:
        second = _argument(args, kwargs, 1, "other")
        return "maximum" if isinstance(second, Tensor) else None
    if name in THRESHOLDS:
        return "Threshold"
    masks = [origin for origin in map(origin_of, (*args, *kwargs.values())) if origin and origin.sign is not None]
    if not masks or (name == "where" and len(args) + len(kwargs) < 3):
        return None
    if name in PRODUCTS:
        return "a product with a mask"
    return {"where": "where", "__setitem__": "an assignment to a mask"}.get(name, "masked_fill")


def _argument(args: Sequence[Any], kwargs: Mapping[str, Any], place: int, word: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(word)
