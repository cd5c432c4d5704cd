"""What `reduced_precision` saves, and how far maps are from those of float32.

    python -m tests.benchmarks.reduced_precision
    python -m tests.benchmarks.reduced_precision --device cuda --batch 32

Predictions and all maps of one class from one forward pass, in both memory formats, beside those of float32. Errors are
shares of a sample's largest float32 value; stated are the largest error, and the lowest correlation, of all samples.
"""

import argparse
import copy
import statistics
import sys
import warnings

import pandas as pd
import torch
from torch import Tensor, nn

from saliency import GuidedGradCAM
from saliency.networks.device import reduced_precision, use_reproducible_algorithms
from saliency.networks.memory_format import arrange_channels_last
from tests.benchmarks.markdown import markdown
from tests.benchmarks.networks import MODELS, explained_class, noise, timed
from tests.helpers.networks import torchvision_model

MAPS = ("gradcam", "guided_backprop")


def explain(model: nn.Module, x: Tensor, target: int, precision: str) -> dict[str, Tensor]:
    if x.is_cuda:
        use_reproducible_algorithms(tf32=precision == "tf32")
    reduced = reduced_precision(x.device.type, None if precision == "float32" else precision)
    with reduced, GuidedGradCAM(model).forward_pass(x) as done:
        return {"logits": done.scores, **done.maps(torch.full((len(x),), target, device=x.device))}


def compare(found: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, object]:
    row: dict[str, object] = {
        "same class": f"{(found['logits'].argmax(1) == expected['logits'].argmax(1)).float().mean():.0%}"
    }
    for name in MAPS:
        one, other = found[name].flatten(1).double(), expected[name].flatten(1).double()
        row[f"{name} error"] = f"{((one - other).abs().amax(1) / other.abs().amax(1)).max():.1e}"
        row[f"{name} correlation"] = round(
            float(torch.cosine_similarity(one - one.mean(1, True), other - other.mean(1, True)).min()), 4
        )
    return row


def measure(name: str, batch: int, device: str, precisions: list[str], repeats: int) -> list[dict[str, object]]:
    x = noise(name, batch, device)
    plain = torchvision_model(name).to(device)
    networks = {"contiguous": plain, "channels last": arrange_channels_last(copy.deepcopy(plain), x[:1])}
    target = explained_class(plain, x)
    expected = explain(plain, x, target, "float32")
    jobs = {
        (precision, layout): lambda m=network, p=precision: explain(m, x, target, p)
        for precision in precisions
        for layout, network in networks.items()
    }
    rows = {
        key: {"model": name, "precision": key[0], "layout": key[1], **compare(job(), expected)}
        for key, job in jobs.items()
    }
    times = {key: [] for key in jobs}
    for _ in range(repeats):
        for key, job in jobs.items():
            times[key].append(timed(job)[1 if device == "cpu" else 0] * 1000 / batch)
    for key, row in rows.items():
        row["ms a sample"] = round(statistics.median(times[key]), 3)
    return list(rows.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--precisions", nargs="+", help="all that the device has where left out")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="times are wall times on cuda")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    known = ["float32", *(["tf32"] if arguments.device == "cuda" else []), "bfloat16", "float16"]
    rows = []
    for name in arguments.models:
        rows += measure(name, arguments.batch, arguments.device, arguments.precisions or known, arguments.repeats)
        print(f"{name}: done", file=sys.stderr, flush=True)
    print(markdown(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
