"""The order and direction of axes in which a 3D network was trained, where those of its volumes are others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

RAS = "RAS"
# The end of each axis of a volume in RAS order, and its begin.
ENDS, BEGINS = RAS, "LPI"
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class TurnedAxes:
    """From volumes in RAS order to what a network sees, and back, without interpolation.

    Volumes, masks and maps are in RAS order everywhere else: what is turned for the network is turned back where it
    comes out.

    Attributes
    ----------
    code
        Where the network's axes run to, one letter each: "SAR" is upwards, to the front, to the right. With "RAS",
        samples of any number of axes stay as they are.

    Examples
    --------
    >>> import torch
    >>> axes, volume = TurnedAxes("SPL"), torch.arange(8).reshape(1, 1, 2, 2, 2)
    >>> axes.turned(volume).flatten().tolist(), axes.shape((30, 40, 50))
    ([6, 2, 4, 0, 7, 3, 5, 1], (50, 40, 30))
    >>> torch.equal(axes.back(axes.turned(volume)), volume)
    True
    """

    code: str = RAS

    @property
    def order(self) -> tuple[int, ...]:
        """Which RAS axis each of the network's is."""
        return tuple((ENDS if letter in ENDS else BEGINS).index(letter) for letter in self.code)

    @property
    def flipped(self) -> tuple[int, ...]:
        """Which of the network's axes run the other way."""
        return tuple(axis for axis, letter in enumerate(self.code) if letter in BEGINS)

    def shape(self, spatial: Sequence[Entry]) -> tuple[Entry, ...]:
        """What belongs to the RAS axes, by the network's; of other samples as it is."""
        return tuple(spatial) if self.code == RAS else tuple(spatial[axis] for axis in self.order)

    def turned(self, values: Tensor) -> Tensor:
        """``[n, c, x, y, z]`` as the network sees it."""
        if self.code == RAS:
            return values
        return values.permute(0, 1, *(2 + axis for axis in self.order)).flip([2 + axis for axis in self.flipped])

    def back(self, values: Tensor) -> Tensor:
        """What the network computed for each place, ``[n, k, *spatial]``, in RAS order; scores ``[n, k]`` stay."""
        if self.code == RAS or values.ndim == 2:
            return values
        unturned = [2 + self.order.index(axis) for axis in range(3)]
        return values.flip([2 + axis for axis in self.flipped]).permute(0, 1, *unturned)

    def also(self, other: TurnedAxes) -> TurnedAxes:
        """The axes that a network sees for which volumes are turned to `other`, and the result as if it were in RAS.

        Examples
        --------
        >>> TurnedAxes("SAR").also(TurnedAxes("LAS")).code, TurnedAxes("LPS").also(TurnedAxes("LPS")).code
        ('SAL', 'RAS')
        """
        opposite = dict(zip(ENDS + BEGINS, BEGINS + ENDS, strict=True))
        letters = self.shape(other.code)
        return TurnedAxes("".join(opposite[one] if at in self.flipped else one for at, one in enumerate(letters)))


# Of photographs as well.
UNTURNED = TurnedAxes()
