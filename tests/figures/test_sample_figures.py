"""Figures of single samples."""

import numpy as np
import pytest

from saliency.figures.sample_figures import PANELS, sample_figure
from saliency.methods.registered import methods


@pytest.mark.parametrize(("maps", "rows", "columns"), [(3, 1, 4), (7, 1, 8), (8, 2, 5), (14, 2, 8), (16, 3, 6)])
def test_many_maps_take_several_rows(maps, rows, columns):
    names = list(methods())[:maps]
    found = {name: np.zeros((3 if methods()[name].channels else 1, 8, 8)) for name in names}
    figure = sample_figure(np.zeros((3, 8, 8)), found, "heading", "caption", dpi=40)
    figure.canvas.draw()
    drawn = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in drawn] == ["input", *(methods()[name].title for name in names)]
    places = [axes.get_position() for axes in drawn]
    assert len({round(place.y0, 3) for place in places}) == rows
    assert len({round(place.x0, 3) for place in places}) == columns <= PANELS
    assert all(place.width == pytest.approx(places[0].width, abs=1e-6) for place in places)
