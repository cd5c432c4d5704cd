"""What the tensors of a checkpoint are to a network: where in it they lie, and under which prefix.

Training scripts nest state dicts and put prefixes before names in more ways than could be listed. So every mapping of
names to tensors is tried, with every prefix, and a reading counts if all names and shapes are the network's.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from saliency.files.one_line import one_line

# What wrappers (torch.compile, FSDP, activation checkpointing) put into names; nobody calls a layer so.
WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
# What DataParallel does; a network may have a layer of this name.
PARALLEL = "module"
# Counts batches of training; nothing is computed from it afterwards, and old checkpoints lack it.
COUNTER = "num_batches_tracked"
# Kind of numbers that are no plain ones.
SPECIAL = "quantised or special"
# How deep state dicts lie in a checkpoint.
DEPTH = 6
# How many readings of a mapping are told of that lack names.
NEAREST = 4


def state_dicts(content: Any) -> dict[str, dict[str, Tensor]]:
    """Every mapping of names to tensors in a checkpoint, by the keys that lead to it, joined by dots.

    Modules count as their state dict, and lists as a mapping of numbers.

    Examples
    --------
    >>> found = state_dicts({"epoch": 3, "nets": [{"weight": torch.ones(2)}]})
    >>> {key: list(tensors) for key, tensors in found.items()}
    {'nets.0': ['weight']}
    """
    return dict(_walk(content, (), set()))


def _walk(content: Any, path: tuple[str, ...], seen: set[int]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    if isinstance(content, nn.Module):
        content = content.state_dict()
    if isinstance(content, Mapping):
        tensors = OrderedDict(
            (name, value) for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)
        )
        if tensors:
            tensors._metadata = getattr(content, "_metadata", None)  # type: ignore[attr-defined]
            yield ".".join(path), tensors
        items: Iterable[tuple[Any, Any]] = content.items()
    elif isinstance(content, list | tuple):
        items = enumerate(content)
    else:
        return
    if len(path) < DEPTH and id(content) not in seen:
        seen.add(id(content))
        for name, value in items:
            yield from _walk(value, (*path, str(name)), seen)


@dataclass(frozen=True)
class Reading:
    """One way to read a checkpoint for a network.

    Attributes
    ----------
    key
        Keys that lead to the state dict, joined by dots; "" for the checkpoint itself.
    prefix
        What is removed from its names, such as ``net.``; names without it belong to something else.
    added
        What is put before them instead.
    own
        The network's tensors.
    state
        Those of the checkpoint that the network has a place for, by the network's names.
    names
        Their names in the checkpoint.
    left
        Tensors under the prefix that the network has no place for, by their names in the checkpoint.
    renamed
        Names of `left` without what is removed.
    """

    key: str
    prefix: str
    added: str
    own: Mapping[str, Tensor] = field(repr=False)
    state: OrderedDict[str, Tensor] = field(repr=False)
    names: Mapping[str, str] = field(repr=False)
    left: Mapping[str, Tensor] = field(repr=False)
    renamed: Mapping[str, str] = field(repr=False)

    @cached_property
    def unlike(self) -> list[str]:
        """Names of tensors of another shape, or of another kind of number."""
        return [name for name, value in self.state.items() if not _alike(value, self.own[name])]

    @cached_property
    def missing(self) -> list[str]:
        """Names of the network that the checkpoint lacks, but for counters and for second names of a tensor."""
        return self.without(self.state)

    @cached_property
    def torn(self) -> list[str]:
        """Names of tensors that the network has once, and the checkpoint several times with different values."""
        first: dict[object, str] = {}
        return [
            name
            for name, value in self.state.items()
            if not _equal(value, self.state[first.setdefault(_place(self.own[name]), name)])
        ]

    @property
    def fits(self) -> OrderedDict[str, Tensor]:
        """Tensors that fit, by the network's names."""
        unlike = {*self.unlike, *self.torn}
        found = OrderedDict((name, value) for name, value in self.state.items() if name not in unlike)
        found._metadata = getattr(self.state, "_metadata", {})  # type: ignore[attr-defined]
        return found

    @property
    def fitting(self) -> int:
        """Number of tensors that fit."""
        return len(self.state) - len({*self.unlike, *self.torn})

    @property
    def counters(self) -> int:
        """Number of the network's tensors that may be missing."""
        return sum(name.endswith(COUNTER) for name in self.own)

    def without(self, state: Mapping[str, Tensor]) -> list[str]:
        """Names of the network's tensors that keep what they have when `state` is loaded."""
        there = {_place(self.own[name]) for name in state if name in self.own}
        return [name for name, value in self.own.items() if not name.endswith(COUNTER) and _place(value) not in there]

    def complete(self, heads: bool = False) -> bool:
        """Whether each of the network's tensors is there; with `heads`, also for another number of classes."""
        return not (self.missing or self.torn or [name for name in self.unlike if not (heads and self.is_head(name))])

    def is_head(self, name: str) -> bool:
        """Whether a tensor differs in the length of its first axis only, as those that give the scores of classes."""
        value, own = self.state[name], self.own[name]
        return (
            value.ndim == own.ndim > 0 and value.shape[1:] == own.shape[1:] and number_kind(value) == number_kind(own)
        )

    def same(self, other: Reading) -> bool:
        """Whether another reading for the same network gives it the same values."""
        mine, theirs = ({_place(made.own[name]): value for name, value in made.state.items()} for made in (self, other))
        return mine.keys() == theirs.keys() and all(_equal(value, theirs[place]) for place, value in mine.items())

    @property
    def words(self) -> str:
        """What is read; "" for the checkpoint as it is."""
        wrappers = {
            part
            for name, original in self.names.items()
            for part in original.removeprefix(self.prefix).split(".")
            if part in WRAPPERS | {PARALLEL} and part not in name.split(".")
        }
        parts = [
            *([f"from '{self.key}'"] if self.key else []),
            *([f"without the prefix '{self.prefix}'"] if self.prefix else []),
            *([f"without '{name}' in the names" for name in sorted(wrappers)]),
            *([f"with '{self.added}' before the names"] if self.added else []),
        ]
        return one_line(" ".join(parts))


def number_kind(value: Tensor) -> str:
    """What kind of numbers a tensor holds; a value of one kind is not written into a tensor of another."""
    if value.is_quantized or type(value) not in (Tensor, nn.Parameter, nn.Buffer):
        return SPECIAL
    if value.is_complex():
        return "complex"
    return "floating point" if value.is_floating_point() else "integer"


def _alike(value: Tensor, own: Tensor) -> bool:
    return value.shape == own.shape and number_kind(value) == number_kind(own)


def _place(value: Tensor) -> object:
    """The same for two names of one tensor."""
    if value.numel() == 0 or value.is_meta or value.is_quantized:
        return id(value)
    return value.data_ptr(), value.dtype, value.shape, value.stride()


def _equal(value: Tensor, other: Tensor) -> bool:
    return value is other or (value.shape == other.shape and value.dtype == other.dtype and torch.equal(value, other))


def _prefixes(name: str) -> Iterator[str]:
    """Beginnings of a dotted name, up to a dot.

    Examples
    --------
    >>> list(_prefixes("module.conv.weight"))
    ['', 'module.', 'module.conv.']
    """
    yield ""
    for at, character in enumerate(name):
        if character == ".":
            yield name[: at + 1]


def without(wrappers: Iterable[str], name: str) -> str:
    """A dotted name without parts that wrappers put into it; those with which it begins are a prefix like any other.

    Examples
    --------
    >>> without({"module"}, "module.body.module.weight")
    'module.body.weight'
    """
    parts = name.split(".")
    begin = next((at for at, part in enumerate(parts) if part not in wrappers), len(parts))
    return ".".join([*parts[:begin], *(part for part in parts[begin:] if part not in wrappers)])


def _unwrapped(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Names without what wrappers put between their parts, with the names as they are.

    Examples
    --------
    >>> _unwrapped(["body.module.weight", "head._orig_mod.weight"], ["body.weight", "head.weight"])
    {'body.weight': 'body.module.weight', 'head.weight': 'head._orig_mod.weight'}
    """
    names = list(names)
    # A layer may have this name.
    parallel = set() if any(PARALLEL in other.split(".") for other in others) else {PARALLEL}
    for parts in (WRAPPERS | parallel, WRAPPERS):
        found = {without(parts, name): name for name in names}
        if len(found) == len(names):
            return found
    return {name: name for name in names}


def readings(network: nn.Module, found: Mapping[str, Mapping[str, Tensor]]) -> list[Reading]:
    """Readings of `state_dicts` for a network: all in which it finds every name, and the nearest of each mapping.

    Parameters
    ----------
    network
        Whose names are looked for.
    found
        As `state_dicts` returns it.

    Returns
    -------
    list of Reading
        The one with the most tensors that fit first; of equals, the one that changes the fewest names.

    Examples
    --------
    >>> linear = nn.Linear(2, 1)
    >>> state = {f"net.{name}": value for name, value in linear.state_dict().items()}
    >>> [(reading.prefix, reading.complete()) for reading in readings(linear, {"": state})]
    [('net.', True)]
    """
    own = {name: value for name, value in network.state_dict().items() if isinstance(value, Tensor)}
    needed = len({_place(value) for name, value in own.items() if not name.endswith(COUNTER)})
    made = []
    for key, tensors in found.items():
        names, theirs = _unwrapped(own, tensors), _unwrapped(tensors, own)
        common, children = _beginnings(names)
        for added in common + children:
            wanted = {name.removeprefix(added) for name in names if name.startswith(added)}
            counts = Counter(
                prefix for name in theirs for prefix in _prefixes(name) if name.removeprefix(prefix) in wanted
            )
            nearest = [
                prefix for prefix, count in counts.most_common(NEAREST) if added in common or 2 * count >= len(wanted)
            ]
            made += [
                _reading((key, prefix, added), tensors, theirs, own, names)
                for prefix, count in counts.items()
                if prefix in nearest or count >= needed
            ]
    return sorted(
        made,
        key=lambda reading: (
            -reading.fitting,
            len(reading.left),
            len(reading.added),
            len(reading.prefix),
            reading.key.count(".") + bool(reading.key),
        ),
    )


def _beginnings(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """What all names begin with, and the children that consist of several layers.

    Examples
    --------
    >>> _beginnings(["net.body.conv.weight", "net.body.norm.weight", "net.head.weight"])
    (['', 'net.'], [])
    >>> _beginnings(["body.conv.weight", "body.norm.weight", "head.weight"])
    ([''], ['body.'])
    """
    names = list(names)
    common = [
        prefix for prefix in _prefixes(names[0] if names else "") if all(name.startswith(prefix) for name in names)
    ]
    children = dict.fromkeys(f"{name.partition('.')[0]}." for name in names if name.count(".") > 1)
    return common, [child for child in children if child not in common]


def _reading(
    way: tuple[str, str, str],
    tensors: Mapping[str, Tensor],
    theirs: Mapping[str, str],
    own: Mapping[str, Tensor],
    names: Mapping[str, str],
) -> Reading:
    key, prefix, added = way
    state: OrderedDict[str, Tensor] = OrderedDict()
    known, left, renamed = {}, {}, {}
    for name, original in theirs.items():
        if not name.startswith(prefix):
            continue
        wanted = added + name.removeprefix(prefix)
        if wanted in names:
            state[names[wanted]], known[names[wanted]] = tensors[original], original
        else:
            left[original], renamed[original] = tensors[original], wanted
    # Versions of modules, by which they read what older ones wrote.
    versions = getattr(tensors, "_metadata", None)
    if isinstance(versions, dict):
        state._metadata = {  # type: ignore[attr-defined]
            (added + f"{without(WRAPPERS, module)}.".removeprefix(prefix)).rstrip("."): version
            for module, version in versions.items()
        }
    return Reading(key, prefix, added, own, state, known, left, renamed)
