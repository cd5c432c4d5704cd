"""Places that a model looks at in a class, and that show the same thing in picture after picture.

A shortcut (Geirhos et al., "Shortcut Learning in Deep Neural Networks", 2020, https://arxiv.org/abs/2004.07780) at a
fixed place, such as a watermark, a date or a scanner's mark, leaves two traces that an object seldom leaves together:
the maps of a class have energy at one place, and what the pictures show there is the same from one to the next, and
unlike the other classes. Nothing but maps, predicted classes and pictures is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saliency.audit.grid import place_name, window_sums
from saliency.audit.grid_files import DiskArray
from saliency.experiment.keys.audit_settings import SHORTCUT_KEYS, STATISTICS_KEYS
from saliency.registry.key import default_of


@dataclass(frozen=True)
class ShortcutSettings:
    """What counts as a shortcut.

    The defaults of `density`, `min_share` and `min_contrast` were chosen with ``tests/benchmarks/shortcut.py``.

    Attributes
    ----------
    side
        Cells of the maps' grid along each side of the window that is moved over it.
    density
        A sample looks at a window if its energy there is this many times the window's share of the area.
    min_share
        Share of a class's samples that have to look at the window.
    min_count
        Number of them.
    min_contrast
        From which `content_contrast` on a place is reported.
    cap
        Largest number of samples of the class, and of all others, whose content is compared; drawn at random.
    seed
        For drawing them.
    """

    side: int = default_of(SHORTCUT_KEYS, "side")
    density: float = default_of(SHORTCUT_KEYS, "density")
    min_share: float = default_of(SHORTCUT_KEYS, "min_share")
    min_count: int = default_of(SHORTCUT_KEYS, "min_count")
    min_contrast: float = default_of(SHORTCUT_KEYS, "min_contrast")
    cap: int = default_of(SHORTCUT_KEYS, "cap")
    seed: int = default_of(STATISTICS_KEYS, "seed")


@dataclass(frozen=True)
class Place:
    """Where the samples of a class look, and how far the content there sets them apart.

    Attributes
    ----------
    class_index
        The class.
    samples
        Number of the class's samples that have a map.
    members
        Positions of those that look at the window.
    begin, end
        The window's corners, relative to the picture: 0 … 1 along each axis.
    energy
        Mean share of the members' energy that lies in the window.
    share_elsewhere
        The largest share of another class's samples that look at the window.
    contrast, distance
        See `content_contrast`.
    found
        Whether the contrast reaches the threshold.
    """

    class_index: int
    samples: int
    members: np.ndarray
    begin: tuple[float, ...]
    end: tuple[float, ...]
    energy: float
    share_elsewhere: float
    contrast: float
    distance: float
    found: bool

    @property
    def share(self) -> float:
        """Share of the class's samples that look at the window."""
        return len(self.members) / self.samples

    @property
    def area(self) -> float:
        """The window's share of the picture."""
        return float(np.prod(np.subtract(self.end, self.begin)))

    @property
    def name(self) -> str:
        """What the place is called."""
        return place_name((np.add(self.begin, self.end) / 2).tolist())


def find_shortcuts(
    shares: np.ndarray,
    valid: np.ndarray,
    classes: np.ndarray,
    inputs: np.ndarray | DiskArray,
    settings: ShortcutSettings = ShortcutSettings(),
) -> list[Place]:
    """Search every class for a place that its samples look at and whose content sets them apart.

    Parameters
    ----------
    shares, valid
        Maps ``(n, *grid)`` of the class that each sample is predicted to be, as `grid.energy_shares` gives them.
    classes
        ``(n,)``: that class.
    inputs
        ``(n, c, *fine)``: the pictures, pooled to a whole number of pixels per cell of the grid (4 are enough).
    settings
        See `ShortcutSettings`.

    Returns
    -------
    list of Place
        One for each class in which enough samples look at any window: of the places found the one with the largest
        product of the class's energy there and the content's distance, which is largest where the window holds all of
        a mark; where none is found, the one with the largest contrast.

    Raises
    ------
    ValueError
        If the pictures' sides are not multiples of the grid's.
    """
    grid = shares.shape[1:]
    if any(fine % cells for fine, cells in zip(inputs.shape[2:], grid, strict=True)):
        raise ValueError(f"inputs have shape {inputs.shape[2:]}: pool them to multiples of the grid {grid}")
    energy = window_sums(shares, settings.side)
    threshold = settings.density * np.prod([settings.side / cells for cells in grid])
    looks = energy >= threshold
    names = np.unique(classes[valid])
    looking = np.stack([looks[valid & (classes == name)].mean(axis=0) for name in names])
    rng = np.random.default_rng(settings.seed)
    places = []
    for number, name in enumerate(names):
        own = np.flatnonzero(valid & (classes == name))
        rest = _draw(np.flatnonzero(valid & (classes != name)), settings.cap, rng)
        needed = max(settings.min_count, settings.min_share * len(own))
        positions = list(zip(*np.nonzero(looks[own].sum(axis=0) >= needed), strict=True))
        if not positions or len(rest) < settings.min_count:
            continue
        others = inputs[rest]
        candidates = []
        for position in positions:
            members = own[looks[own][(slice(None), *position)]]
            contrast, distance = content_contrast(
                _patches(inputs[_draw(members, settings.cap, rng)], position, settings.side, grid),
                _patches(others, position, settings.side, grid),
            )
            place = Place(
                class_index=int(name),
                samples=len(own),
                members=members,
                begin=tuple(float(first / cells) for first, cells in zip(position, grid, strict=True)),
                end=tuple(float((first + settings.side) / cells) for first, cells in zip(position, grid, strict=True)),
                energy=float(energy[(members, *position)].mean()),
                share_elsewhere=float(np.delete(looking[(slice(None), *position)], number).max()),
                contrast=contrast,
                distance=distance,
                found=contrast >= settings.min_contrast,
            )
            candidates.append(place)
        places.append(max(candidates, key=_rank))
    return places


def content_contrast(patches: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    r"""How far the content of patches sets them apart from the same place in other pictures.

    A matched filter is fitted, which gives the patches' mean a high score and what varies in the others a low one:

    .. math:: w = \Sigma_o^{-1} (\mu - \mu_o), \qquad
              \mathrm{contrast} = \frac{q_{25}(w^T x) - q_{95}(w^T x_o)}{q_{50}(w^T x) - q_{50}(w^T x_o)}

    It is fitted on one half and scores the other half, and the other way round. How far the means are apart is

    .. math:: \mathrm{distance} = (\mu - \mu_o)^T \Sigma_o^{-1} (\mu - \mu_o)

    Parameters
    ----------
    patches
        ``(n, values)``.
    others
        ``(m, values)``.

    Returns
    -------
    contrast
        1 where all patches are the same and unlike the others; 0 where a quarter of the patches scores below the
        highest 5 % of the others; -inf where patches and others score alike. What all pictures show there does not
        count, nor does what varies from patch to patch.
    distance
        The mean of both halves; not negative.

    Notes
    -----
    Turin, "An introduction to matched filters", 1960, https://doi.org/10.1109/TIT.1960.1057571. The covariance is
    shrunk (Ledoit & Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", 2004,
    https://doi.org/10.1016/S0047-259X(03)00096-4).

    Examples
    --------
    >>> others = np.random.default_rng(0).random((100, 9))
    >>> contrast, distance = content_contrast(np.tile(np.eye(3).ravel(), (20, 1)), np.zeros((100, 9)))
    >>> contrast, round(distance)  # three values that differ by 255 steps
    (1.0, 195075)
    >>> content_contrast(others[:20], others[20:])[0] < 0
    True
    """
    from sklearn.covariance import ledoit_wolf

    scores, reference, distances = [], [], []
    for half in (0, 1):
        fitted, known = patches[half::2], others[half::2]
        centre = known.mean(axis=0)
        # The floor, a step of 8-bit values squared, is for places that are the same in all other pictures.
        covariance, _ = ledoit_wolf(known - centre, assume_centered=True)
        covariance += 255.0**-2 * np.eye(len(covariance))
        weights = np.linalg.solve(covariance, fitted.mean(axis=0) - centre)
        distance = (fitted.mean(axis=0) - centre) @ weights
        if distance <= 0:
            return -np.inf, 0.0
        distances.append(distance)
        scores.append((patches[1 - half :: 2] - centre) @ weights / distance)
        reference.append((others[1 - half :: 2] - centre) @ weights / distance)
    low, median = np.quantile(np.concatenate(scores), [0.25, 0.5])
    usual, high = np.quantile(np.concatenate(reference), [0.5, 0.95])
    contrast = float((low - high) / (median - usual)) if median > usual else -np.inf
    return contrast, float(np.mean(distances))


def _rank(place: Place) -> tuple[bool, float]:
    return place.found, place.distance * place.energy * place.share if place.found else place.contrast


def _draw(positions: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    return positions if len(positions) <= number else np.sort(rng.choice(positions, number, replace=False))


def _patches(inputs: np.ndarray, position: Sequence[int], side: int, grid: Sequence[int]) -> np.ndarray:
    box = tuple(
        slice(first * fine // cells, (first + side) * fine // cells)
        for first, fine, cells in zip(position, inputs.shape[2:], grid, strict=True)
    )
    return inputs[(slice(None), slice(None), *box)].reshape(len(inputs), -1).astype(np.float64)
