import json

import numpy as np
import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")
pytest.importorskip("ipywidgets")

pytestmark = pytest.mark.slow  # a kernel of Jupyter

PLOT = """
%matplotlib inline
import json
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from saliency import saliency_plot

drawn = []

def record(figure):
    drawn.append([[image.get_array().tolist() for image in axes.images] for axes in figure.axes])
    return as_png(figure)

as_png = get_ipython().display_formatter.formatters["image/png"].for_type(Figure, record)
x = torch.arange(120).view(2, 1, 5, 3, 4) / 120
widget = saliency_plot(x, 2 * x, show_cb=False, interactive=True)
widget
"""
MOVE = """
slider, output = widget.children
before = output.outputs
slider.value = 4
"""
TELL = """
print(json.dumps({
    "drawn": drawn,
    "range": [slider.min, slider.max],
    "shown": [[message["data"]["image/png"] for message in messages] for messages in (before, output.outputs)],
    "open": plt.get_fignums(),
}))
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Outputs of the cells of a notebook run by a kernel."""
    with pytest.MonkeyPatch.context() as patch:
        home = str(tmp_path_factory.mktemp("home"))
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, home)
        patch.delenv("MPLBACKEND", raising=False)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in (PLOT, MOVE, TELL)])
        nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.fixture(scope="module")
def told(cells):
    (output,) = cells[2]
    return json.loads(output["text"])


def test_slider_is_the_result_of_its_cell(cells):
    (output,) = cells[0]
    assert output["output_type"] == "execute_result"
    assert "application/vnd.jupyter.widget-view+json" in output["data"]


def test_moving_the_slider_draws_that_slice(told):
    assert told["range"] == [0, 4]
    x = np.arange(120).reshape(2, 5, 3, 4) / 120
    # Once at the start, in the middle, and once for the move.
    expected = [[[sample[sl], 2 * sample[sl]] for sample in x] for sl in (2, 4)]
    np.testing.assert_allclose(told["drawn"], expected, rtol=1e-6)


def test_moving_the_slider_replaces_the_figure_shown(told):
    before, after = told["shown"]
    assert len(before) == len(after) == 1
    assert before != after
    assert told["open"] == []
