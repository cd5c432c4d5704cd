"""How long each method takes, beside another library's, and those of the target layer together beside Grad-CAM alone.

    python -m tests.benchmarks.methods --models resnet18 resnet50

Both get the same network, batch, class and settings. In each round everything runs once; printed are medians over the
rounds of processor times of one thread, as multiples of our own Grad-CAM in the same round.
"""

import argparse
import warnings
from collections.abc import Callable

import captum.attr
import pandas as pd
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torch.nn import functional
from zennit.attribution import Gradient
from zennit.composites import EpsilonPlus
from zennit.torchvision import ResNetCanonizer

from saliency.methods.passes.explainer import Explainer
from saliency.methods.registered import method
from tests.benchmarks.markdown import markdown
from tests.benchmarks.networks import explained_class, noise, timed
from tests.helpers.networks import torchvision_model

LAYER = "layer4"
FAMILY = {
    "gradcam": pytorch_grad_cam.GradCAM,
    "gradcam_plus_plus": pytorch_grad_cam.GradCAMPlusPlus,
    "xgradcam": pytorch_grad_cam.XGradCAM,
    "hirescam": pytorch_grad_cam.HiResCAM,
    "layercam": pytorch_grad_cam.LayerCAM,
    "eigencam": pytorch_grad_cam.EigenCAM,
}
# Fewer than by default, so that a round is short; beside them, ours has one pass for the predictions.
STEPS, SAMPLES, WINDOW, STRIDE = 16, 12, 0.5, 0.25
SETTINGS = {
    "integrated_gradients": {"steps": STEPS},
    "smoothgrad": {"samples": SAMPLES},
    "occlusion": {"window": WINDOW, "stride": STRIDE},
}


def ours(names: list[str], model: nn.Module, x: Tensor, classes: Tensor) -> Callable[[], object]:
    """Maps of some methods, from as few passes as they need."""
    settings = {name: SETTINGS.get(name, {}) for name in names}
    explainer = Explainer(model, [method(name) for name in names], LAYER, mode="2D", settings=settings)

    def run() -> dict[str, Tensor]:
        with explainer.forward_pass(x) as forward:
            return forward.maps(classes)

    return run


def peers(model: nn.Module, x: Tensor, classes: Tensor) -> dict[str, Callable[[], object]]:
    """What another library needs for a method: pytorch-grad-cam for those of the target layer, zennit, else captum."""
    layer, targets = model.get_submodule(LAYER), [ClassifierOutputTarget(int(index)) for index in classes]

    def of_layer(kind: type[pytorch_grad_cam.GradCAM]) -> Callable[[], object]:
        def run() -> object:
            with kind(model, [layer]) as cam:
                return cam(x, targets)

        return run

    def relevance() -> object:
        with Gradient(model, EpsilonPlus(canonizers=[ResNetCanonizer()])) as attributor:
            return attributor(x.clone(), lambda scores: scores * functional.one_hot(classes, scores.shape[1]))

    attr, side = captum.attr, x.shape[2]
    window, stride = (x.shape[1], *[int(WINDOW * side)] * 2), (x.shape[1], *[int(STRIDE * side)] * 2)
    return {name: of_layer(kind) for name, kind in FAMILY.items()} | {
        "gradient": lambda: attr.Saliency(model).attribute(x.clone(), classes, abs=False),
        "input_x_gradient": lambda: attr.InputXGradient(model).attribute(x.clone(), classes),
        "deconvolution": lambda: attr.Deconvolution(model).attribute(x.clone(), classes),
        "guided_backprop": lambda: attr.GuidedBackprop(model).attribute(x.clone(), classes),
        "integrated_gradients": lambda: attr.IntegratedGradients(model).attribute(
            x.clone(), target=classes, n_steps=STEPS, method="gausslegendre", internal_batch_size=len(x)
        ),
        "smoothgrad": lambda: attr.NoiseTunnel(attr.Saliency(model)).attribute(
            x.clone(), nt_type="smoothgrad", nt_samples=SAMPLES, nt_samples_batch_size=1, target=classes, abs=False
        ),
        "lrp": relevance,
        "occlusion": lambda: attr.Occlusion(model).attribute(x, window, stride, target=classes),
    }


def measure(name: str, batch: int, repeats: int) -> list[dict[str, object]]:
    """Rows of all methods for one network."""
    model = torchvision_model(name).to(memory_format=torch.channels_last)
    x = noise(name, batch, "cpu")
    classes = torch.full((batch,), explained_class(model, x))
    others = peers(model, x, classes)
    runs = {("ours", key): ours([key], model, x, classes) for key in others}
    runs |= {("peer", key): run for key, run in others.items()}
    runs["ours", "family"] = ours(list(FAMILY), model, x, classes)
    times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    for round_ in range(repeats + 1):
        for key, run in runs.items():
            used = timed(run)[1]
            # The first round finds layers and warms up.
            if round_:
                times[key].append(used)
    table = pd.DataFrame(times)
    table = table.div(table["ours", "gradcam"], axis=0)
    table["peer", "family"] = sum(table["peer", key] for key in FAMILY)
    return [
        {
            "network": name,
            "method": f"{len(FAMILY)} of the target layer, together" if key == "family" else method(key).title,
            "ours": f"{table['ours', key].median():.2f}",
            "other library": f"{table['peer', key].median():.2f}",
            "other / ours": f"{(table['peer', key] / table['ours', key]).median():.2f}",
        }
        for key in [*others, "family"]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["resnet18", "resnet50"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    rows = [row for name in arguments.models for row in measure(name, arguments.batch, arguments.repeats)]
    print(markdown(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
