"""Drawing images and maps; stored maps are raw."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from saliency.figures.display import display_image, display_map
from saliency.methods.registered import method

if TYPE_CHECKING:
    from ipywidgets import VBox
    from torch import Tensor


HEAT = "inferno"
SIGNED = "RdBu_r"
# Opacity of a map on the target layer's grid, which is laid over the input; others have as much detail as that.
OVERLAY = 0.55


def wrapped(text: str, inches: float, points: float) -> str:
    """Break lines that are too long for a width at a size of the default font.

    Examples
    --------
    >>> wrapped("Guided Grad-CAM", 1, 10).splitlines()
    ['Guided', 'Grad-CAM']
    """
    # Small letters are about 0.55 to 0.64 and digits 0.64 as wide as high.
    width = int(inches * 72 / (0.65 * points))
    return "\n".join(textwrap.fill(line, width) for line in text.split("\n"))


def draw_image(axes: Axes, image: np.ndarray) -> AxesImage:
    """Draw an image ``(c, h, w)``."""
    return axes.imshow(display_image(image), cmap="gray", vmin=0, vmax=1)


def draw_map(axes: Axes, values: np.ndarray, signed: bool, alpha: float = 1.0) -> AxesImage:
    """Draw a map ``(c, h, w)``, over what `axes` shows already if `alpha` is below 1."""
    flat, low, high = display_map(values, signed)
    return axes.imshow(flat, cmap=SIGNED if signed else HEAT, vmin=low, vmax=high, alpha=alpha)


def saliency_plot(
    x: Tensor | np.ndarray,
    cam: Tensor | np.ndarray | None = None,
    alpha: float = 0.5,
    scale: float = 1.0,
    nrow: int | None = None,
    sl: int | None = None,
    show_cb: bool = True,
    save_fig: bool = False,
    mode: str | None = None,
    interactive: bool = False,
) -> Figure | VBox:
    """Plot a batch of images or maps, or maps over images.

    Parameters
    ----------
    x
        ``[n, c, h, w]`` or ``[n, c, d, h, w]``, also without n if `mode` is given. One channel is drawn grey, three as
        RGB. Without `cam`, values below 0 make it a signed map: channels are summed and the colours centred on 0.
    cam
        Maps of the same batch and spatial size, drawn over `x`; a constant map is drawn as zero.
    alpha
        Opacity of `cam`.
    scale
        Factor on the figure's size.
    nrow
        Images per row; the batch size by default.
    sl
        Index of the slice along the first spatial axis (3D only); the middle by default.
    show_cb
        Draw colour bars; RGB images have none.
    save_fig
        Save as ``saliency.png`` instead of showing.
    mode
        "2D", "3D", or None for what the number of axes says.
    interactive
        Return a slider for the slice, with the figure below; a notebook shows it as the result of a cell (3D only;
        needs ipywidgets).

    Returns
    -------
    Figure or VBox
        The widget if `interactive`: its children are the slider and the output.

    Raises
    ------
    ValueError
        If shapes, mode or slice do not fit.

    Examples
    --------
    >>> import torch
    >>> from saliency import saliency_plot
    >>> figure = saliency_plot(torch.rand(4, 3, 16, 16), torch.rand(4, 1, 16, 16), nrow=2)
    >>> plt.close(figure)
    """
    images = _as_batch(x, mode, "x")
    maps = None if cam is None else _as_batch(cam, f"{images.ndim - 2}D", "cam")
    if maps is not None and (len(maps), *maps.shape[2:]) != (len(images), *images.shape[2:]):
        raise ValueError(f"cam of shape {list(maps.shape)} does not fit x of shape {list(images.shape)}")
    volume = images.ndim == 5
    # Of the whole volume: its slices are drawn alike.
    signed = maps is None and bool(images.min() < 0)
    if not volume and (interactive or sl is not None):
        raise ValueError("sl and interactive are for volumes: pass x of shape [n, c, d, h, w]")
    depth = images.shape[2] if volume else 1
    chosen = depth // 2 if sl is None else sl
    if not 0 <= chosen < depth:
        raise ValueError(f"sl is {sl}, but x has slices 0 … {depth - 1}")

    def draw(sl: int) -> Figure:
        shown = images[:, :, sl] if volume else images
        over = maps[:, :, sl] if volume and maps is not None else maps
        figure = _grid(shown, over, alpha, scale, nrow or len(images), show_cb, signed)
        if save_fig:
            figure.savefig("saliency.png", bbox_inches="tight")
        return figure

    if interactive:
        return _slider(draw, depth, chosen)
    figure = draw(chosen)
    if not save_fig and plt.get_backend().lower() != "agg":
        plt.show()
    return figure


def _as_batch(values: Tensor | np.ndarray, mode: str | None, name: str) -> np.ndarray:
    # Only tensors have it; figures of stored maps do not wait for torch.
    array = values.detach().cpu().float().numpy() if hasattr(values, "detach") else np.asarray(values, dtype=float)
    if mode not in (None, "2D", "3D"):
        raise ValueError(f"mode is {mode!r}: pass '2D', '3D' or None")
    ndim = int(mode[0]) if mode else array.ndim - 2
    if array.ndim == ndim + 1:
        array = array[np.newaxis]
    if array.ndim != ndim + 2 or ndim not in (2, 3) or array.size == 0:
        raise ValueError(f"{name} has shape {list(array.shape)}: pass [n, c, h, w], or [n, c, d, h, w] for volumes")
    return array


def _grid(
    images: np.ndarray, maps: np.ndarray | None, alpha: float, scale: float, nrow: int, show_cb: bool, signed: bool
) -> Figure:
    rows = -(-len(images) // nrow)
    figure, grid = plt.subplots(
        rows, nrow, figsize=(3 * scale * nrow, 3 * scale * rows), squeeze=False, layout="constrained"
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for number, (axes, image) in enumerate(zip(grid.flat, images, strict=False)):
        if maps is not None:
            draw_image(axes, image)
            drawn = draw_map(axes, maps[number], signed=bool(maps[number].min() < 0), alpha=alpha)
        elif signed:
            drawn = draw_map(axes, image, signed=True)
        else:
            drawn = draw_image(axes, image)
        values = drawn.get_array()
        if show_cb and values is not None and values.ndim == 2:
            figure.colorbar(drawn, ax=axes, shrink=0.8)
    return figure


def _slider(draw: Callable[[int], Figure], depth: int, sl: int) -> VBox:
    from IPython.display import display
    from ipywidgets import IntSlider, VBox, interactive_output

    def show(sl: int) -> None:
        figure = draw(sl)
        display(figure)
        plt.close(figure)

    slider = IntSlider(value=sl, min=0, max=depth - 1, description="slice")
    return VBox([slider, interactive_output(show, {"sl": slider})])


def sample_panels(cells: Sequence[Axes], image: np.ndarray, maps: dict[str, np.ndarray], titles: bool) -> None:
    """Draw one sample: the input, then each map; those on the target layer's grid over the greyed input.

    Parameters
    ----------
    cells
        One more than there are maps.
    image
        ``(c, h, w)``.
    maps
        By method, ``(1, h, w)`` or ``(c, h, w)``; NaN where there is none.
    titles
        Write the methods' names over the cells.
    """
    for axes in cells:
        axes.set_xticks([])
        axes.set_yticks([])
    if titles:
        cells[0].set_title("input", fontsize=9)
    if np.isfinite(image).all():
        draw_image(cells[0], image)
    for axes, (name, values) in zip(cells[1:], maps.items(), strict=True):
        kind = method(name)
        if titles:
            axes.set_title(kind.title, fontsize=9)
        if not np.isfinite(values).all():
            axes.text(0.5, 0.5, "no map", ha="center", va="center", transform=axes.transAxes)
        elif kind.grid == "features":
            draw_image(axes, image.mean(axis=0, keepdims=True))
            draw_map(axes, values, kind.signed, OVERLAY)
        else:
            draw_map(axes, values, kind.signed)
