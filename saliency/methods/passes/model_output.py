"""Which of a model's outputs are its scores."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

# Names under which models return their scores: transformers' outputs and torchvision's auxiliary ones, and the
# segmentation networks of torchvision.
USUAL = ("logits", "out")
# Numbers of axes that scores may have; one, of a single score per sample.
_AXES = (1, 2, 4, 5)
# Further tensors are counted, in the message about them.
_LISTED = 12


def model_scores(returned: object, samples: int, output: int | str | None = None) -> Tensor:
    """Find the scores in what a model returned.

    Parameters
    ----------
    returned
        A tensor, or a tuple, mapping or object that holds tensors. Without `output`, what is called ``logits`` or
        ``out`` counts, or else the only tensor of real numbers with axes of scores.
    samples
        Number of samples that the model got.
    output
        Which one it is: an index, a key, or the name of an attribute, with dots for what lies deeper (``heads.0``).

    Returns
    -------
    Tensor
        ``[n, classes]``; of models with one score per pixel or voxel ``[n, classes, *spatial]``. One score per sample,
        ``[n]``, becomes ``[n, 1]``, and what has a single position, ``[n, classes, 1, 1]``, becomes ``[n, classes]``.

    Raises
    ------
    ValueError
        If there is no such tensor, or several of them, with a list of what is there.

    Examples
    --------
    >>> import torch
    >>> model_scores({"logits": torch.zeros(4, 10), "features": torch.zeros(4, 512)}, 4).shape
    torch.Size([4, 10])
    >>> model_scores((torch.zeros(4, 512), torch.zeros(4, 10)), 4, output=1).shape
    torch.Size([4, 10])
    """
    found = _chosen(returned, samples, output)
    if samples == 1 and found.ndim < 2:
        # A squeeze took the axis of the single sample along.
        found = found.reshape(1, -1)
    elif found.ndim == 1:
        found = found.unsqueeze(1)
    if found.ndim not in _AXES:
        raise ValueError(
            f"the model returned a tensor of shape {list(found.shape)}: wrap it so that it returns [n, classes], or "
            "[n, classes, *spatial]"
        )
    if len(found) != samples:
        raise ValueError(
            f"the model returned scores of shape {list(found.shape)} for {samples} sample{'s' * (samples != 1)}: it "
            "reads its input in another layout, or mixes samples; set input.mode and channels as it expects them, or "
            "wrap it so that it returns [n, classes]"
        )
    return found.flatten(1) if found.ndim > 2 and found.shape[2:].numel() == 1 else found


def _chosen(returned: object, samples: int, output: int | str | None) -> Tensor:
    if output is not None:
        return _named(returned, output)
    if isinstance(returned, Tensor):
        return returned
    if isinstance(returned, list) and returned and all(isinstance(entry, Mapping) for entry in returned):
        raise ValueError(
            f"the model returned a list of dicts ({', '.join(map(str, returned[0]))}), as detection models do: let "
            "factory return it wrapped in a module that returns one tensor [n, classes], such as the highest score of "
            "each class among its boxes"
        )
    entries = dict(_entries(returned))
    for name in USUAL:
        if isinstance(entry := entries.get(name), Tensor):
            return entry
    tensors = {name: tensor for name, tensor in _tensors(returned) if tensor.is_floating_point() and tensor.ndim}
    # Tokens, [n, tokens, k], are no scores; nor is what has another number of samples.
    possible = {name: tensor for name, tensor in tensors.items() if tensor.ndim in _AXES and len(tensor) == samples}
    tensors = possible or tensors
    kind = type(returned).__name__
    if not tensors:
        raise ValueError(f"the model returned a {kind} without a tensor: wrap it so that it returns one, [n, classes]")
    if len(tensors) > 1:
        # The last that looks like scores of classes, for an example.
        likely = [name for name, tensor in tensors.items() if tensor.ndim == 2 and len(tensor) == samples]
        raise ValueError(
            f"the model returned a {kind} with several tensors that could be its scores: {_list(tensors)}; say which, "
            f"such as output: {(likely or list(tensors))[-1]}"
        )
    return next(iter(tensors.values()))


def _named(returned: object, output: int | str) -> Tensor:
    """What an index or a name, with dots for what lies deeper, leads to."""
    if isinstance(returned, Tensor):
        raise ValueError(f"output: {output}: the model returned a single tensor: leave output out")
    found: Any = returned
    for name in str(output).split("."):
        entries = dict(_entries(found))
        if name not in entries and name.isidentifier() and not isinstance(found, Tensor | Mapping):
            # Such as a property, which is not among the attributes of an object.
            entries[name] = getattr(found, name, None)
        found = entries.get(name)
    if not isinstance(found, Tensor):
        there = _list(dict(_tensors(returned))) or "nothing"
        raise ValueError(
            f"output: {output}: the model returned a {type(returned).__name__}, in which that is no tensor; it has: "
            f"{there}"
        )
    return found


def _entries(value: object) -> Iterator[tuple[str, object]]:
    """What a container holds, by index and by name."""
    if isinstance(value, Mapping):
        yield from ((str(key), entry) for key, entry in value.items())
    elif isinstance(value, tuple | list):
        yield from zip(getattr(value, "_fields", ()), value, strict=False)
        yield from ((str(number), entry) for number, entry in enumerate(value))
    elif not isinstance(value, Tensor | str) and hasattr(value, "__dict__"):
        yield from ((name, entry) for name, entry in vars(value).items() if not name.startswith("_"))


def _tensors(value: object, place: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Tensors by their place in nested containers, each once."""
    seen: list[object] = []
    for name, entry in _entries(value) if depth < 4 else ():
        if any(entry is other for other in seen):
            continue
        seen.append(entry)
        if isinstance(entry, Tensor):
            yield f"{place}{name}", entry
        else:
            yield from _tensors(entry, f"{place}{name}.", depth + 1)


def _list(tensors: Mapping[str, Tensor]) -> str:
    shown = [f"{name} {list(tensor.shape)}" for name, tensor in tensors.items()]
    more = f", and {len(shown) - _LISTED} more" if len(shown) > _LISTED else ""
    return ", ".join(shown[:_LISTED]) + more
