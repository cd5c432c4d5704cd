"""What an intervention is: a property of pictures that can be given to others, and taken away."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np


@dataclass(frozen=True)
class Variant:
    """An intervention with its numbers.

    Attributes
    ----------
    name
        In tables; unique among the variants of an intervention.
    words
        In sentences, after "the": ``outer frame (9 % of each side)``.
    numbers
        What the intervention needs to know.
    """

    name: str
    words: str
    numbers: tuple[Any, ...]


class Loaded(Protocol):
    """Pictures by their numbers, and what is known of them (`saliency.audit.probes.predictions.Predictions`)."""

    def pictures(self, numbers: np.ndarray) -> np.ndarray:
        """``(n, c, *spatial)``."""
        ...

    def masks(self, numbers: np.ndarray) -> np.ndarray:
        """``(n, *spatial)``, bool: where the object is."""
        ...

    def places(self, numbers: np.ndarray) -> np.ndarray:
        """``(n,)``: number of the box on which the prediction rests most."""
        ...


class Intervention(ABC):
    """A property of pictures that can be given to others, and taken away.

    Arrays are ``(n, c, *spatial)``, as stored: before normalisation.

    Attributes
    ----------
    name
        In tables.
    title
        In the documentation and in figures.
    verb
        In sentences, before the variant's words: ``Pasting``.
    reference
        In captions, of what was given: ``that frame``.
    version
        Raise it when a change to the code changes its pictures.
    order
        Interventions with smaller numbers are tried first.
    screened
        Whether there are so many variants that a few pictures choose which of them are tested, on other pictures.
    removable
        Whether it can be taken away.
    beside_the_object
        Whether it cannot be the object, so that a class which needs it looks at something else.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    verb: ClassVar[str]
    reference: ClassVar[str]
    version: ClassVar[int] = 1
    order: ClassVar[int]
    screened: ClassVar[bool] = False
    removable: ClassVar[bool] = True
    beside_the_object: ClassVar[bool] = False

    @classmethod
    def variants(cls, spatial: Sequence[int]) -> list[Variant]:
        """All variants for inputs of a spatial shape."""
        raise NotImplementedError(f"{cls.__name__} has no variants")

    @classmethod
    def variants_of(cls, loaded: Loaded, spatial: Sequence[int], own: np.ndarray, others: np.ndarray) -> list[Variant]:
        """`variants`, for a class with these pictures, by number."""
        return cls.variants(spatial)

    @classmethod
    def area(cls, spatial: Sequence[int], variant: Variant) -> float:
        """Share of the picture's content that is given: what covers much of it also carries the object."""
        return 0.0

    @classmethod
    def give(cls, targets: np.ndarray, sources: np.ndarray, variant: Variant) -> np.ndarray:
        """Targets with the property of the sources, one source for each target."""
        raise NotImplementedError(f"{cls.__name__} has no give")

    @classmethod
    def remove(cls, pictures: np.ndarray, others: np.ndarray, variant: Variant) -> np.ndarray:
        """Pictures without the property: with that of the mean of `others`, in which it should not be."""
        raise NotImplementedError(f"{cls.__name__} has no remove")

    @classmethod
    def area_of(cls, loaded: Loaded, variant: Variant, targets: np.ndarray) -> float:
        """`area`, for pictures by number."""
        return cls.area(loaded.pictures(targets[:1]).shape[2:], variant)

    @classmethod
    def given(cls, loaded: Loaded, variant: Variant, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        """`give`, for pictures by number."""
        return cls.give(loaded.pictures(targets), loaded.pictures(sources), variant)

    @classmethod
    def removed(cls, loaded: Loaded, variant: Variant, own: np.ndarray, others: np.ndarray) -> np.ndarray:
        """`remove`, for pictures by number."""
        return cls.remove(loaded.pictures(own), loaded.pictures(others), variant)


class RegionIntervention(Intervention):
    """An intervention that is the content of a region, the same in each picture."""

    @classmethod
    def region(cls, spatial: Sequence[int], variant: Variant) -> np.ndarray:
        """``(*spatial)``, bool: the region."""
        raise NotImplementedError(f"{cls.__name__} has no region")

    @classmethod
    def area(cls, spatial: Sequence[int], variant: Variant) -> float:
        """The region's share of the picture."""
        return float(cls.region(spatial, variant).mean())

    @classmethod
    def give(cls, targets: np.ndarray, sources: np.ndarray, variant: Variant) -> np.ndarray:
        """Paste the sources' region in place."""
        return np.where(cls.region(targets.shape[2:], variant), sources, targets)

    @classmethod
    def remove(cls, pictures: np.ndarray, others: np.ndarray, variant: Variant) -> np.ndarray:
        """Fill the region with the mean of each picture's channel outside of it."""
        return filled(pictures, cls.region(pictures.shape[2:], variant))


class MaskedIntervention(Intervention):
    """An intervention that needs to know where the object of each picture is.

    Masks are ``(n, *spatial)``, bool, of pictures with something inside and something outside.
    """

    @classmethod
    def masked_area(cls, masks: np.ndarray, variant: Variant) -> float:
        """`area` of pictures with these masks, on average."""
        raise NotImplementedError(f"{cls.__name__} has no masked_area")

    @classmethod
    def give_masked(
        cls,
        targets: np.ndarray,
        sources: np.ndarray,
        variant: Variant,
        target_masks: np.ndarray,
        source_masks: np.ndarray,
    ) -> np.ndarray:
        """`give`, with masks."""
        raise NotImplementedError(f"{cls.__name__} has no give_masked")

    @classmethod
    def remove_masked(
        cls, pictures: np.ndarray, others: np.ndarray, variant: Variant, masks: np.ndarray, other_masks: np.ndarray
    ) -> np.ndarray:
        """`remove`, with masks."""
        raise NotImplementedError(f"{cls.__name__} has no remove_masked")

    @classmethod
    def area_of(cls, loaded: Loaded, variant: Variant, targets: np.ndarray) -> float:
        """`masked_area`, for pictures by number."""
        return cls.masked_area(loaded.masks(targets), variant)

    @classmethod
    def given(cls, loaded: Loaded, variant: Variant, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        """`give_masked`, for pictures by number."""
        x, other = loaded.pictures(targets), loaded.pictures(sources)
        return cls.give_masked(x, other, variant, loaded.masks(targets), loaded.masks(sources))

    @classmethod
    def removed(cls, loaded: Loaded, variant: Variant, own: np.ndarray, others: np.ndarray) -> np.ndarray:
        """`remove_masked`, for pictures by number."""
        x, other = loaded.pictures(own), loaded.pictures(others)
        return cls.remove_masked(x, other, variant, loaded.masks(own), loaded.masks(others))


class PlacedIntervention(Intervention):
    """An intervention that needs to know on which box of each picture its prediction rests most.

    It gives what lies in that box. There is no removal: to lose the box on which it rests most harms any prediction.
    """

    removable = False

    @classmethod
    def boxes(cls, spatial: Sequence[int]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Begin and end of the boxes among which a picture's is chosen, all of one size."""
        raise NotImplementedError(f"{cls.__name__} has no boxes")

    @classmethod
    def give_placed(cls, targets: np.ndarray, sources: np.ndarray, variant: Variant, places: np.ndarray) -> np.ndarray:
        """`give`, with the number of each source's box, ``(n,)``."""
        raise NotImplementedError(f"{cls.__name__} has no give_placed")

    @classmethod
    def given(cls, loaded: Loaded, variant: Variant, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        """`give_placed`, for pictures by number."""
        x, other = loaded.pictures(targets), loaded.pictures(sources)
        return cls.give_placed(x, other, variant, loaded.places(sources))


def box(spatial: Sequence[int], begin: Sequence[int], end: Sequence[int]) -> np.ndarray:
    """``(*spatial)``, bool: whether a pixel or voxel lies in a box; `end` lies outside.

    Examples
    --------
    >>> box((3,), (1,), (3,)).tolist()
    [False, True, True]
    """
    inside = np.zeros(tuple(spatial), dtype=bool)
    inside[tuple(slice(low, high) for low, high in zip(begin, end, strict=True))] = True
    return inside


def filled(pictures: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Fill a region with the mean of each picture's channel outside of it.

    Parameters
    ----------
    pictures
        ``(n, c, *spatial)``.
    region
        ``(*spatial)``, bool; some of the picture lies outside.

    Examples
    --------
    >>> filled(np.array([[[1.0, 3.0, 9.0]]]), np.array([False, False, True])).tolist()
    [[[1.0, 3.0, 2.0]]]
    """
    outside = pictures[:, :, ~region].mean(axis=2)
    return np.where(region, outside.reshape(*outside.shape, *[1] * region.ndim), pictures).astype(pictures.dtype)
