"""Whether torch.compile pays for predictions: what the first batch costs, and what later ones save.

    python -m tests.benchmarks.compilation
    python -m tests.benchmarks.compilation --device cuda --batch 32

Forward passes under inference mode. Maps cannot be compiled: rectifiers are intercepted where Python calls them.
"""

import argparse
import statistics

import pandas as pd
import torch

from saliency.networks.device import use_reproducible_algorithms
from saliency.networks.memory_format import arrange_channels_last
from tests.benchmarks.markdown import markdown
from tests.benchmarks.networks import MODELS, forward, noise, timed
from tests.helpers.networks import torchvision_model


def measure(name: str, batch: int, device: str, repeats: int) -> dict[str, object]:
    x = noise(name, batch, device)
    network = torchvision_model(name).to(device)
    if device == "cpu":
        arrange_channels_last(network, x[:1])
    compiled = torch.compile(network)
    first = timed(lambda: forward(compiled, x))[0]
    times: dict[str, list[float]] = {"eager": [], "compiled": []}
    for _ in range(repeats):
        for kind, module in (("eager", network), ("compiled", compiled)):
            times[kind].append(timed(lambda m=module: forward(m, x))[1 if device == "cpu" else 0])
    eager, later = (statistics.median(values) for values in times.values())
    saved = eager - later
    return {
        **{"model": name, "eager, ms": round(eager * 1000, 1), "compiled, ms": round(later * 1000, 1)},
        "first batch, s": round(first, 1),
        "batches until it pays": round((first - eager) / saved) if saved > 0 else "never",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["resnet18", "resnet50", "vgg16"], choices=MODELS)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="times are wall times on cuda")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.device == "cuda":
        use_reproducible_algorithms(tf32=False)
    rows = [measure(name, arguments.batch, arguments.device, arguments.repeats) for name in arguments.models]
    print(markdown(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
