"""Loading a checkpoint's weights into a network: exactly one reading of it has to fit."""

import copy
import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from saliency.exceptions import DataError
from saliency.files.one_line import one_line
from saliency.files.paths import resolve
from saliency.networks.checkpoint import read_checkpoint
from saliency.networks.misfit import misfit
from saliency.networks.state_dicts import PARALLEL, WRAPPERS, Reading, number_kind, readings, state_dicts, without

log = logging.getLogger(__name__)

# How many readings that lack names are tried with what the network itself makes of them.
TRIED = 3
# How many names a line shows.
SHOWN = 10


@dataclass(frozen=True)
class Choice:
    """Which reading of a checkpoint is meant: the keys ``weights_key``, ``weights_prefix`` and ``weights_strict``.

    Attributes
    ----------
    key
        Keys that lead to the state dict, joined by dots; None finds it.
    prefix
        What is removed from the names in it; None finds it.
    strict
        Whether all has to fit.
    """

    key: str | None = None
    prefix: str | None = None
    strict: bool = True

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Choice":
        """That of a model's settings."""
        return cls(settings["weights_key"], settings["weights_prefix"], settings["weights_strict"])

    def fits(self, reading: Reading) -> bool:
        """Whether a reading removes this prefix; wrappers in it count for nothing, as in names."""
        if self.prefix is None:
            return True
        prefix = f"{self.prefix.rstrip('.')}." if self.prefix else ""
        return reading.prefix in (prefix, without(WRAPPERS, prefix), without(WRAPPERS | {PARALLEL}, prefix))


# What fits is found, and all has to.
FOUND = Choice()


def load_weights(
    network: nn.Module, weights: str, trust: bool = False, choice: Choice = FOUND, heads: bool = False
) -> list[str]:
    """Read a checkpoint, find the one reading of it that fits a network, and load it.

    Parameters
    ----------
    network
        Changed in place.
    weights
        A file, as `saliency.networks.checkpoint.read_checkpoint` reads it; ``package://…`` works too.
    trust
        Run code that is in it.
    choice
        Which reading is meant, where there are several.
    heads
        Leave out tensors that differ in the length of their first axis only, as for another number of classes.

    Returns
    -------
    list of str
        Names of tensors that keep what the network had.

    Raises
    ------
    DataError
        If the file cannot be read, no reading of it fits, or several fit and differ.

    Examples
    --------
    >>> import torch
    >>> from tempfile import TemporaryDirectory
    >>> source, network = nn.Linear(2, 1), nn.Linear(2, 1)
    >>> with TemporaryDirectory() as folder:
    ...     torch.save({"epoch": 3, "net": nn.DataParallel(source).state_dict()}, f"{folder}/w.pt")
    ...     load_weights(network, f"{folder}/w.pt")
    []
    >>> torch.equal(network.weight, source.weight)
    True
    """
    found = state_dicts(read_checkpoint(resolve(weights, Path()), weights, trust))
    if not found:
        raise DataError(f"weights '{weights}' hold no state dict: save model.state_dict()")
    other = [name for name, value in network.state_dict().items() if not isinstance(value, Tensor)]
    if other:
        raise DataError(
            f"weights '{weights}' cannot be loaded into {other[0]}, which is no tensor: let the factory load the "
            "checkpoint, and set weights: null"
        )
    reading, state = _chosen(network, _below(found, choice.key, weights), weights, choice, heads)
    if reading.words:
        log.info("weights '%s': read %s", weights, reading.words)
    if reading.left and not choice.strict:
        log.warning("weights '%s': the network has no place for %s", weights, _some(reading.left))
    try:
        network.load_state_dict(_filled(network, state))
    except RuntimeError as error:
        raise DataError(f"weights '{weights}' do not fit the network: {' '.join(str(error).split())}") from error
    kept = reading.without(state)
    other = [name for name in kept if not (heads and name in reading.state and reading.is_head(name))]
    if other:
        log.warning(
            "weights '%s' do not fill the network: %d of %d tensors stay as the factory made them, mostly random: %s",
            weights,
            len(other),
            len(reading.own),
            _some(other),
        )
    return kept


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return one_line(", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""))


def _filled(network: nn.Module, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """A state dict in which nothing is missing."""
    full = OrderedDict(network.state_dict() | dict(state))
    full._metadata = getattr(state, "_metadata", {})  # type: ignore[attr-defined]
    return full


def _below(found: dict[str, dict[str, Tensor]], key: str | None, weights: str) -> dict[str, dict[str, Tensor]]:
    """The state dict at a key, or those below it."""
    if key is None:
        return found
    below = {name: found[name] for name in found if name == key} or {
        name: found[name] for name in found if name.startswith(f"{key}.")
    }
    if not below:
        largest = sorted(found, key=lambda name: -len(found[name]))[:SHOWN]
        raise DataError(
            f"weights '{weights}': weights_key '{key}' leads to no state dict: choose from "
            f"{', '.join(map(repr, largest))}"
        )
    return below


def _chosen(
    network: nn.Module, found: dict[str, dict[str, Tensor]], weights: str, choice: Choice, heads: bool
) -> tuple[Reading, Mapping[str, Tensor]]:
    """The reading that fits, and what to load of it."""
    made = readings(network, found)
    complete = [reading for reading in made if reading.complete(heads)]
    meant = [reading for reading in complete if choice.fits(reading)]
    nearest = [reading for reading in made if choice.fits(reading)]
    if made and not nearest:
        prefixes = dict.fromkeys(repr(reading.prefix) for reading in made[:SHOWN])
        raise DataError(
            f"weights '{weights}': weights_prefix '{choice.prefix}' leaves no name of the network: choose from "
            f"{', '.join(prefixes)}"
        )
    if meant:
        reading = _only(meant, weights)
        # What another reading takes is not left over.
        taken = {name for other in complete if other.key == reading.key for name in other.names.values()}
        if not choice.strict or all(name in taken for name in reading.left):
            return reading, reading.fits
        nearest = [reading]
    if accepted := [(reading, state) for reading in nearest[:TRIED] if (state := _accepted(network, reading))]:
        first = _only([reading for reading, _ in accepted], weights)
        return next((reading, state) for reading, state in accepted if reading is first)
    if choice.strict or not nearest or not nearest[0].fitting:
        raise DataError(misfit(weights, nearest[0] if nearest else None, found, network))
    reading = _only([reading for reading in nearest if reading.fitting == nearest[0].fitting], weights)
    return reading, reading.fits


def _accepted(network: nn.Module, reading: Reading) -> Mapping[str, Tensor] | None:
    """What a network makes of a reading by itself: modules may know the names and shapes of their older versions."""
    state = reading.state | {reading.renamed[name]: value for name, value in reading.left.items()}
    kinds = {number_kind(reading.state[name]) == number_kind(reading.own[name]) for name in reading.unlike}
    if reading.torn or False in kinds or len(state) < len(reading.own) - reading.counters:
        return None
    state._metadata = getattr(reading.state, "_metadata", {})  # type: ignore[attr-defined]
    try:
        trial = copy.deepcopy(network)
        # Classes that override it may pass over what does not fit.
        nn.Module.load_state_dict(trial, state)
    # Code of others.
    except Exception:
        return None
    return trial.state_dict()


def _only(fitting: Sequence[Reading], weights: str) -> Reading:
    """The first of some readings, if all give the same values."""
    different: list[Reading] = []
    for reading in fitting:
        if not any(reading.same(other) for other in different):
            different.append(reading)
    if len(different) == 1:
        return different[0]
    keys, prefixes = ([getattr(reading, name) for reading in different] for name in ("key", "prefix"))
    if len(set(zip(keys, prefixes, strict=True))) < len(different):
        places = ", ".join(dict.fromkeys(repr(reading.added) for reading in different))
        remedy = f"names of the network that begin with {places} fit alike: let the factory load the checkpoint"
    elif len(set(keys)) == len(different):
        remedy = f"set weights_key to one of {', '.join(map(repr, keys))}"
    elif len(set(keys)) == 1:
        remedy = f"set weights_prefix to one of {', '.join(map(repr, prefixes))}"
    else:
        pairs = [f"{key!r} and {prefix!r}" for key, prefix in zip(keys, prefixes, strict=True)]
        remedy = f"set weights_key and weights_prefix to {', or '.join(pairs)}"
    raise DataError(f"weights '{weights}' can be read in {len(different)} ways that fit and differ: {remedy}")
