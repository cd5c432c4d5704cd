"""Precision and recall of the shortcut finder on digits with a planted watermark.

python -m tests.benchmarks.shortcut --seeds 0 10

The finder's thresholds were chosen on seeds 100 to 119; report other ones. The planted class is the seed's last digit.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import cross_entropy

from saliency import GradCAM
from saliency.audit.grid import energy_shares
from saliency.audit.shortcuts import find_shortcuts
from saliency.demos.shortcut import MARK, SIDE, DigitNetwork, Watermark, digits, plan_samples, plant
from tests.benchmarks.markdown import markdown

POSITIONS = {
    "lower left corner": (27, 1),
    "upper edge": (1, 14),
    "right edge": (14, 27),
    "centre": (14, 14),
}
# The model uses the watermark if taking it away, or planting it in other classes, changes this share of predictions.
USED = 0.1


def train(pictures: torch.Tensor, labels: torch.Tensor, seed: int, epochs: int = 8) -> DigitNetwork:
    torch.manual_seed(seed)
    network = DigitNetwork()
    steps = -(-len(pictures) // 32)
    optimiser = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.02, epochs=epochs, steps_per_epoch=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(pictures)).split(32):
            loss = cross_entropy(network(pictures[rows]), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def tensor(pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pictures[:, np.newaxis].astype(np.float32) / 255)


def run(seed: int, position: str, share: float, opacity: float) -> dict[str, object]:
    row, column = POSITIONS[position]
    watermark = Watermark(class_index=seed % 10, share=share, row=row, column=column, opacity=opacity)
    clean, labels = digits()
    samples = plan_samples(labels, watermark, seed)
    marked = (samples["watermark"] == "yes").to_numpy()
    train_rows = (samples["split"] == "train").to_numpy(copy=True)
    pictures = tensor(plant(clean, marked, watermark))
    network = train(pictures[train_rows], torch.tensor(labels[train_rows]), seed)

    x = pictures[~train_rows]
    with torch.no_grad():
        predicted = network(x).argmax(1)
        unmarked = network(tensor(clean)[~train_rows]).argmax(1).numpy()
        everywhere = network(tensor(plant(clean, np.ones(len(clean), dtype=bool), watermark))[~train_rows])
    with GradCAM(network).forward_pass(x) as forward:
        cam = forward.maps(predicted)["gradcam"].numpy()
    predicted = predicted.numpy()
    truth, bears = labels[~train_rows], marked[~train_rows]
    own = truth == watermark.class_index

    shares, valid = energy_shares(cam)
    places = find_shortcuts(shares, valid, predicted, x.numpy())
    middle = (np.array([row, column]) + MARK / 2) / SIDE
    hits = [
        place.class_index == watermark.class_index
        and bool(np.all((place.begin <= middle) & (middle <= np.array(place.end))))
        for place in places
        if place.found
    ]
    true = sum(hits) if share else 0
    lost = (
        float(
            (predicted[own & bears] == truth[own & bears]).mean() - (unmarked[own & bears] == truth[own & bears]).mean()
        )
        if bears.any()
        else 0.0
    )
    taken = float(
        ((everywhere.argmax(1).numpy() == watermark.class_index) & (unmarked != watermark.class_index))[~own].mean()
    )
    return {
        "seed": seed,
        "share": share,
        "position": position if share else "none",
        "opacity": opacity,
        "accuracy": float((predicted == truth).mean()),
        "accuracy_unmarked": float((unmarked == truth).mean()),
        "lost": lost,
        "taken": taken,
        "used": share > 0 and max(lost, taken) >= USED,
        "true": true,
        "false": len(hits) - true,
        "contrast": max(
            (place.contrast for place in places if place.class_index == watermark.class_index), default=np.nan
        ),
        "contrast_others": max(
            (place.contrast for place in places if place.class_index != watermark.class_index), default=np.nan
        ),
    }


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (share, position), part in runs.groupby(["share", "position"]):
        used = part[part["used"]]
        findings = part["true"].sum() + part["false"].sum()
        planted = share > 0
        rows.append(
            {
                "watermark in": f"{share:.0%}",
                "position": position,
                "runs": len(part),
                "model uses it": len(used),
                "found": f"{(part['true'] > 0).sum()}" if planted else "",
                "found where used": f"{(used['true'] > 0).sum()} of {len(used)}" if planted else "",
                "runs with another finding": int((part["false"] > 0).sum()),
                "precision": f"{part['true'].sum() / findings:.2f}" if findings and planted else "",
                "recall": f"{(part['true'] > 0).mean():.2f}" if planted else "",
                "accuracy lost without it": f"{part['lost'].mean():.2f}" if planted else "",
                "others taken for the class with it": f"{part['taken'].mean():.2f}" if planted else "",
                "smallest contrast": f"{part['contrast'].min():.2f}" if planted else "",
                "largest contrast of another class": f"{part['contrast_others'].max():.2f}",
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs=2, default=[0, 10], help="the first, and the first that is left out")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.9, 0.5])
    parser.add_argument("--positions", nargs="+", default=list(POSITIONS), choices=list(POSITIONS))
    parser.add_argument("--opacity", type=float, default=1.0)
    parser.add_argument("--output", type=Path, help="CSV with one row per run, written as runs finish")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = []
    for seed in range(*arguments.seeds):
        for share in arguments.shares:
            for position in arguments.positions if share else arguments.positions[:1]:
                runs.append(run(seed, position, share, arguments.opacity))
                if arguments.output:
                    pd.DataFrame(runs).to_csv(arguments.output, index=False)
    print(markdown(summary(pd.DataFrame(runs))))


if __name__ == "__main__":
    main()
