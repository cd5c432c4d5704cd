"""Figures of volumes and their maps: three slices through the peak of the leading map, and a montage of axial slices.

Arrays are in RAS voxel order: x grows to the patient's right, y to anterior, z to superior. Left is drawn left
(neurological convention). One colour range holds for all slices of a map: that of the whole volume, not of the slices.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from saliency.figures.display import display_map
from saliency.figures.plot import OVERLAY, draw_image, draw_map, wrapped
from saliency.figures.slices import AXIAL, centre, found_peak, leading_map, slice_plane, spread_slices, window
from saliency.methods.registered import method

DPI = 120
WIDTH = 7.6  # inches, of the panels
GAP = 0.1
OUTLINE = (withStroke(linewidth=1.5, foreground="black"),)


class _Plane(NamedTuple):
    name: str
    normal: str
    across: int
    upward: int
    left: str
    right: str
    top: str
    bottom: str


PLANES = (
    _Plane("sagittal", "x", 1, 2, "P", "A", "S", "I"),
    _Plane("coronal", "y", 0, 2, "L", "R", "S", "I"),
    _Plane("axial", "z", 0, 1, "L", "R", "A", "P"),
)


class _Layer(NamedTuple):
    """A volume ``(1, x, y, z)``; a grey image in 0 … 1 where there are no limits."""

    values: np.ndarray
    limits: tuple[float, float] | None = None
    signed: bool = False
    alpha: float = 1.0


def scale_bar_length(width: float) -> float:
    """Choose 1, 2 or 5 times a power of ten, as near to a quarter of `width` as there is.

    Examples
    --------
    >>> scale_bar_length(240), scale_bar_length(96), scale_bar_length(2)
    (50.0, 20.0, 0.5)
    """
    decade = 10.0 ** np.floor(np.log10(width / 4))
    return float(min((decade * step for step in (1, 2, 5, 10)), key=lambda length: abs(np.log(length / (width / 4)))))


def orthogonal_figure(
    image: np.ndarray,
    maps: dict[str, np.ndarray],
    voxel_size: Sequence[float],
    heading: str,
    caption: str,
    sides: bool = True,
) -> Figure:
    """Sagittal, coronal and axial slice through the peak: of the input, then of each map.

    Parameters
    ----------
    image
        ``(c, x, y, z)`` in RAS order; the first channel is shown.
    maps
        By method, ``(c, x, y, z)`` or ``(1, x, y, z)``; NaN where there is none. Those on the target layer's grid are
        drawn over the input. A row's colours span the whole volume, as in `display_map`.
    voxel_size
        Of x, y and z, in mm. All panels are drawn at one scale.
    heading, caption
        Written above.
    sides
        Whether it is known which side is left; letters are drawn only then.

    Examples
    --------
    >>> from saliency.methods.registered import leading_method, methods
    >>> name = leading_method(list(methods()))
    >>> image, cam = np.random.default_rng(0).random((1, 8, 9, 10)), np.zeros((1, 8, 9, 10))
    >>> cam[0, 7, 6, 0] = 1
    >>> figure = orthogonal_figure(image, {name: cam}, (1, 1, 2), "patient 7", "predicted glioma")
    >>> [axes.get_title() for axes in figure.axes[:3]]
    ['sagittal, x = 7', 'coronal, y = 6', 'axial, z = 0']
    """
    _check_shapes(image, maps)
    found = found_peak(maps)
    voxel = centre(image) if found is None else found[1]
    rows = _rows(image, maps)
    extents = _extents(image, voxel_size)
    scale = min(WIDTH / sum(width for width, _ in extents), 3.2 / max(height for _, height in extents))
    # Room for the titles, however thin the volume is.
    columns = [max(width * scale, 1.1) for width, _ in extents]
    line = max(max(height for _, height in extents) * scale, 1.2)
    label, bar, titles = 0.3, 0.75, 0.28
    figure, origin, top = _framed_figure(
        label + sum(columns) + 2 * GAP + bar,
        titles + len(rows) * line + (len(rows) - 1) * GAP,
        f"{heading}\n{caption}",
        _footnote(found, voxel, sides),
    )
    for number, (name, layers) in enumerate(rows.items()):
        upper = top - titles - number * (line + GAP)
        figure.text(*_fractions(figure, origin + label / 2, upper - line / 2), _title(name), fontsize=9,
                    rotation=90, ha="center", va="center")  # fmt: skip
        drawn, left = None, origin + label
        for axis, plane in enumerate(PLANES):
            axes = _add_axes(figure, left, upper - line, columns[axis], line)
            drawn = _draw_slice(axes, layers, axis, voxel[axis], extents[axis], (columns[axis] / scale, line / scale))
            if drawn is None:
                _say_missing(axes, "no input" if name == "input" else "no map")
            if number == 0:
                axes.set_title(f"{plane.name}, {plane.normal} = {voxel[axis]}", fontsize=9, pad=4)
                _mark_directions(axes, plane, plane[4:] if sides else ())
            if found is not None and (name == "input" or method(name).grid == "features"):
                _mark_voxel(axes, plane, voxel, voxel_size)
            left += columns[axis] + GAP
        if number == 0:
            _draw_scale_bar(figure.axes[0])
        if drawn is not None and name != "input":
            _draw_colour_bar(figure, drawn, left, upper - line * 0.9, line * 0.8)
    return figure


def montage_figure(
    image: np.ndarray,
    maps: dict[str, np.ndarray],
    heading: str,
    caption: str,
    count: int = 12,
    voxel_size: Sequence[float] = (1.0, 1.0, 1.0),
    sides: bool = True,
) -> Figure:
    """Axial slices from inferior to superior: the leading map, else the first, else the input.

    Parameters
    ----------
    image, maps, heading, caption
        As in `orthogonal_figure`; the colours span the whole volume.
    count
        Number of slices: the middle ones of as many equal parts of the volume.
    voxel_size
        Of x, y and z, in mm.
    sides
        As in `orthogonal_figure`.

    Examples
    --------
    >>> from saliency.methods.registered import leading_method, methods
    >>> name, image = leading_method(list(methods())), np.random.default_rng(0).random((1, 8, 9, 10))
    >>> figure = montage_figure(image, {name: image}, "patient 7", "predicted glioma", 2, (1, 1, 2.5))
    >>> [axes.get_xlabel() for axes in figure.axes[:2]]
    ['z = 2, 5 mm', 'z = 7, 17.5 mm']
    """
    _check_shapes(image, maps)
    shown = leading_map(maps) or "input"
    layers = _rows(image, {shown: maps[shown]} if shown in maps else {})[shown]
    slices = spread_slices(image.shape[3], count)
    width, height = _extents(image, voxel_size)[AXIAL]
    columns = int(np.ceil(np.sqrt(len(slices) * 4 / 3)))
    lines = -(-len(slices) // columns)
    scale = min(WIDTH / (columns * width), 2.6 / height)
    column, line, label = max(width * scale, 1.0), max(height * scale, 0.5), 0.25
    if shown == "input":
        what = "Input, for there is no map."
    else:
        what = (
            f"{method(shown).title} over the input." if method(shown).grid == "features" else f"{method(shown).title}."
        )
    figure, origin, top = _framed_figure(
        columns * (column + GAP) + 0.65,
        lines * (line + label),
        f"{heading}\n{caption}",
        f"{what} Axial slices; mm above the lowest slice. {_sides(sides)} Colours span the whole volume.",
    )
    drawn = None
    for number, index in enumerate(slices):
        row, place = divmod(number, columns)
        axes = _add_axes(figure, origin + place * (column + GAP), top - row * (line + label) - line, column, line)
        drawn = _draw_slice(axes, layers, AXIAL, index, (width, height), (column / scale, line / scale))
        if drawn is None:
            _say_missing(axes, "no input")
        axes.set_xlabel(f"z = {index}, {index * voxel_size[2]:g} mm", fontsize=7, labelpad=2)
        if number == 0:
            _mark_directions(axes, PLANES[AXIAL], ("L", "R") if sides else ())
    if drawn is not None and shown != "input":
        tall = min(lines * (line + label) - label, 3.0)
        _draw_colour_bar(figure, drawn, origin + columns * (column + GAP), top - tall, tall)
    return figure


def _title(name: str) -> str:
    return name if name == "input" else method(name).title


def _check_shapes(image: np.ndarray, maps: dict[str, np.ndarray]) -> None:
    if image.ndim != 4:
        raise ValueError(f"image has shape {list(image.shape)}: pass [c, x, y, z]")
    for name, values in maps.items():
        if values.ndim != 4 or values.shape[1:] != image.shape[1:]:
            raise ValueError(f"{name} of shape {list(values.shape)} does not fit image of shape {list(image.shape)}")


def _rows(image: np.ndarray, maps: dict[str, np.ndarray]) -> dict[str, list[_Layer]]:
    """What to draw, lowest first; nothing where values are missing."""
    grey = [_Layer(window(image[:1]))] if np.isfinite(image[0]).all() else []
    rows = {"input": grey}
    for name, values in maps.items():
        if not np.isfinite(values).all():
            rows[name] = []
            continue
        kind = method(name)
        over = kind.grid == "features"
        flat, low, high = display_map(values, kind.signed)
        layer = _Layer(flat[np.newaxis], (low, high), kind.signed, OVERLAY if over else 1.0)
        rows[name] = [*grey, layer] if over else [layer]
    return rows


def _extents(image: np.ndarray, voxel_size: Sequence[float]) -> list[tuple[float, float]]:
    """Width and height of each plane, in mm."""
    sizes = [count * float(size) for count, size in zip(image.shape[1:], voxel_size, strict=True)]
    return [(sizes[plane.across], sizes[plane.upward]) for plane in PLANES]


def _sides(known: bool) -> str:
    if known:
        return "L, R: the patient's left and right."
    return "The file does not say which side is left."


def _footnote(found: tuple[str, tuple[int, int, int]] | None, voxel: tuple[int, int, int], sides: bool) -> str:
    if found is None:
        what = f"Slices through the centre, voxel {voxel}: no map has a peak."
    else:
        largest = "largest magnitude" if method(found[0]).signed else "largest value"
        what = f"Cross-hair at voxel {voxel}: {largest} of {_title(found[0])}."
    return f"{what} {_sides(sides)} Colours of a row span the whole volume."


def _framed_figure(width: float, height: float, title: str, note: str) -> tuple[Figure, float, float]:
    """A figure with title and note around an empty rectangle, whose left and upper edge are returned, in inches."""
    margin = 0.1
    # Room for a title even over a single narrow panel.
    whole = max(width + 2 * margin, 4.0)
    title, note = wrapped(title, whole - 2 * margin, 10), wrapped(note, whole - 2 * margin, 7)
    above = 2 * margin + 0.17 * (title.count("\n") + 1)
    below = 2 * margin + 0.12 * (note.count("\n") + 1)
    figure = Figure(figsize=(whole, above + height + below), dpi=DPI)
    # Names of samples may hold dollar signs.
    figure.text(*_fractions(figure, whole / 2, above + height + below - margin), title, fontsize=10,
                ha="center", va="top", parse_math=False)  # fmt: skip
    figure.text(*_fractions(figure, margin, margin), note, fontsize=7, va="bottom", color="0.3", parse_math=False)
    return figure, (whole - width) / 2, below + height


def _fractions(figure: Figure, x: float, y: float) -> tuple[float, float]:
    width, height = figure.get_size_inches()
    return x / width, y / height


def _add_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    return figure.add_axes((*_fractions(figure, left, bottom), *_fractions(figure, width, height)))


def _draw_slice(
    axes: Axes,
    layers: list[_Layer],
    axis: int,
    index: int,
    extent: tuple[float, float],
    panel: tuple[float, float],
) -> AxesImage | None:
    """Draw a slice in the middle of a panel, in mm from the slice's lower left corner; the uppermost is returned."""
    drawn = None
    for layer in layers:
        picture = slice_plane(layer.values, axis, index)
        if layer.limits is None:
            drawn = draw_image(axes, picture)
        else:
            drawn = draw_map(axes, picture, layer.signed, layer.alpha)
            # By itself, a slice has a range of its own, and a constant one is drawn as zero.
            drawn.set(data=picture[0], clim=layer.limits)
        drawn.set_extent((0, extent[0], 0, extent[1]))
        axes.set_facecolor(drawn.cmap(0.5) if layer.signed else "black")
    (left, right), (bottom, top) = (
        ((size - room) / 2, (size + room) / 2) for size, room in zip(extent, panel, strict=True)
    )
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[])
    return drawn


def _say_missing(axes: Axes, what: str) -> None:
    axes.text(0.5, 0.5, what, fontsize=8, ha="center", va="center", transform=axes.transAxes)


def _mark_directions(axes: Axes, plane: _Plane, sides: Sequence[str]) -> None:
    dark = axes.get_facecolor()[:3] == (0, 0, 0)
    for letter, x, y, ha, va in (
        (plane.left, 0.015, 0.5, "left", "center"),
        (plane.right, 0.985, 0.5, "right", "center"),
        (plane.top, 0.5, 0.985, "center", "top"),
        (plane.bottom, 0.5, 0.015, "center", "bottom"),
    ):
        if letter in sides:
            axes.text(x, y, letter, transform=axes.transAxes, ha=ha, va=va, fontsize=8, fontweight="bold",
                      color="white" if dark else "black", path_effects=OUTLINE if dark else None)  # fmt: skip


def _mark_voxel(axes: Axes, plane: _Plane, voxel: tuple[int, int, int], voxel_size: Sequence[float]) -> None:
    x, y = ((voxel[axis] + 0.5) * voxel_size[axis] for axis in (plane.across, plane.upward))
    axes.axvline(x, color="cyan", linewidth=0.5, alpha=0.8)
    axes.axhline(y, color="cyan", linewidth=0.5, alpha=0.8)


def _draw_scale_bar(axes: Axes) -> None:
    (left, right), bottom = axes.get_xlim(), axes.get_ylim()[0]
    length = scale_bar_length(right - left)
    gap, thickness = 0.03 * (right - left), 0.012 * (right - left)
    colour = "white" if axes.images else "black"
    axes.add_patch(Rectangle((left + gap, bottom + gap), length, thickness, facecolor=colour, edgecolor="none"))
    axes.text(left + gap + length / 2, bottom + gap + 1.5 * thickness, f"{length:g} mm", fontsize=7, color=colour,
              ha="center", va="bottom", path_effects=OUTLINE if axes.images else None)  # fmt: skip


def _draw_colour_bar(figure: Figure, drawn: AxesImage, left: float, bottom: float, height: float) -> None:
    bar = figure.colorbar(drawn, cax=_add_axes(figure, left, bottom, 0.09, height), ticks=MaxNLocator(4))
    if bar.solids is not None:
        bar.solids.set_alpha(1)
    if isinstance(bar.formatter, ScalarFormatter):
        bar.formatter.set_powerlimits((-2, 3))
    bar.ax.tick_params(labelsize=7)
    bar.ax.yaxis.get_offset_text().set(fontsize=7, ha="left")
