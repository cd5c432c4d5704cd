"""Draws docs/methods.webp: all methods on one photograph, the cat of scikit-image (Chelsea, CC0, Stéfan van der Walt).

    python docs/methods_picture.py docs/methods.webp

The network is EfficientNet-Lite0 of the demo with its ImageNet weights, the class is the one that it predicts, and the
settings are the defaults. It needs the extra `test` and minutes of one core, most of them for Score-CAM, Ablation-CAM
and RISE, which see thousands of changed pictures.
"""

import argparse
import io
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
import yaml
from matplotlib.figure import Figure
from PIL import Image

from saliency.experiment.config import input_config
from saliency.experiment.validation import complete_config
from saliency.figures.plot import sample_panels
from saliency.files.atomic_files import write_atomically
from saliency.files.paths import resolve
from saliency.methods.passes.explainer import Explainer
from saliency.methods.registered import methods
from saliency.methods.upsampling import upsample
from saliency.networks.load import configured_model
from saliency.readers.normalisation import normalised
from saliency.readers.samples import preprocessing_of

COLUMNS = 7
# CAM asks for a target layer right before the pooling; here an activation lies between. LRP has no rule for additions.
# There is no attention.
REFUSED = ("attention_relevance", "attention_rollout", "cam", "lrp")
PHOTOGRAPH = "package://skimage/data/chelsea.png"


def drawn_methods() -> list[str]:
    """Names of the methods with a section of their own in docs/methods.md, but for those that this network has not."""
    documents = {name: import_module(kind.__module__).__doc__ or "" for name, kind in methods().items()}
    return [name for name, document in documents.items() if "\n\n" in document.strip() and name not in REFUSED]


def maps_of_photograph(names: list[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The photograph as the demo prepares it, ``(3, h, w)``, and the maps by method, ``(c, h, w)``."""
    config, problems = complete_config(yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8")))
    assert problems == [], problems
    model = "efficientnet_lite0"
    settings = input_config(config, model)
    image, _ = preprocessing_of(settings).read({"path": resolve(PHOTOGRAPH, Path())})
    x = torch.from_numpy(normalised(image[np.newaxis], settings["mean"], settings["std"])).float()
    explainer = Explainer(configured_model(config, model).eval(), [methods()[name] for name in names])
    torch.manual_seed(0)
    with explainer.forward_pass(x) as forward:
        found = forward.maps(forward.scores.argmax(dim=1))
    maps = {}
    for name in names:
        kind, values = methods()[name], found[name].detach()
        values = upsample(values, x.shape[2:]) if kind.grid == "features" else values
        maps[name] = values[0].numpy() if values.ndim == 4 else values.numpy()
    return image, maps


def picture(image: np.ndarray, maps: dict[str, np.ndarray]) -> Figure:
    """The photograph, and each map with its title, in rows."""
    rows = -(-(1 + len(maps)) // COLUMNS)
    figure = Figure(figsize=(1.75 * COLUMNS, 2.0 * rows), layout="constrained", dpi=100)
    cells = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    sample_panels(cells[: 1 + len(maps)].tolist(), image, maps, titles=True)
    for cell in cells[1 + len(maps) :]:
        cell.set_axis_off()
    return figure


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="file to write, .webp or .png")
    output = parser.parse_args().output
    content = io.BytesIO()
    picture(*maps_of_photograph(drawn_methods())).savefig(content, format="png")
    with Image.open(content) as drawn:
        written = io.BytesIO()
        drawn.convert("RGB").save(written, output.suffix[1:].upper(), quality=85, method=6)
    write_atomically(output, written.getvalue())


if __name__ == "__main__":
    main()
