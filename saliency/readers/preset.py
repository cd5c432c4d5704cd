"""What a source of presets is: one class that reads a preprocessing of another package as keys of ``input``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, ClassVar

from saliency.exceptions import DataError
from saliency.registry.discovery import discover_classes


class PresetSource(ABC):
    """A package that publishes how pictures reach its networks.

    A new source is one file in `saliency.readers.presets`. It is imported while jobs are planned, and imports its
    package inside `keys` and `of_network` only.

    Attributes
    ----------
    name
        What stands before the colon: ``name:PRESET``. It is that of the package.
    """

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def keys(cls, preset: str) -> dict[str, Any]:
        """Read a preset.

        Parameters
        ----------
        preset
            What stands behind the colon.

        Returns
        -------
        dict
            ``channels``, ``resize``, ``crop``, ``interpolation``, ``mean`` and ``std``, as in the config's ``input``,
            with which pictures become what the preset's own transform makes of them.

        Raises
        ------
        DataError
            If there is no such preset, or no key says what it does.
        """

    @classmethod
    @abstractmethod
    def of_network(cls, factory: str, kwargs: Mapping[str, Any], checkpoint: bool) -> str:
        """Name the preset that belongs to the weights of a network.

        Parameters
        ----------
        factory
            ``package.module:callable`` of the package.
        kwargs
            Its keyword arguments.
        checkpoint
            Whether weights of a file replace those that the factory gives.

        Returns
        -------
        str
            What `keys` takes.

        Raises
        ------
        DataError
            If that cannot be known. It names the presets that there are.
        """


@cache
def preset_sources() -> Mapping[str, type[PresetSource]]:
    """All sources by name.

    Examples
    --------
    >>> list(preset_sources())
    ['timm', 'torchvision']
    """
    kind: Any = PresetSource
    return {source.name: source for source in discover_classes("saliency.readers.presets", kind)}


def choose_from(presets: Iterable[str]) -> str:
    """What to do where a preset cannot be known.

    Examples
    --------
    >>> choose_from(["timm:resnet18.a1_in1k", "timm:resnet18.tv_in1k"])
    'set preset to timm:resnet18.a1_in1k or timm:resnet18.tv_in1k'
    """
    return f"set preset to {' or '.join(presets)}"


def whole_crop(resize: int, crop: int) -> None:
    """Refuse a preset whose crop goes beyond what is resized: it would be padded, which no key says.

    Raises
    ------
    DataError
        If the crop is larger.

    Examples
    --------
    >>> whole_crop(256, 224)
    """
    if crop > resize:
        raise DataError(f"pads pictures of {resize} pixels to {crop}, which no key says")
