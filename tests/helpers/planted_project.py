"""Pictures in which a planted mark tells a class, and small networks that were trained on them."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from tests.helpers.workflow_project import Project

SIDE, COUNT = 32, 120
# Where the mark is, and where what the other classes are known by.
MARK, MIDDLE, TOP = (slice(23, 29), slice(3, 9)), (slice(11, 21), slice(11, 21)), (slice(2, 5), slice(0, 32))
SOURCE = '''
import torch
from torch import nn


class Network(nn.Module):
    """Two convolutions, their means in four parts of the picture, and a score for each class."""

    def __init__(self, classes):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU()
        )
        self.head = nn.Linear(64, classes)

    def forward(self, x):
        return self.head(nn.functional.adaptive_avg_pool2d(self.body(x), 2).flatten(1))


class Both(Network):
    """The scores -s and s of a network with one score s."""

    def forward(self, x):
        scores = super().forward(x)
        return torch.cat([-scores, scores], 1)
'''


def picture(number: int, classes: tuple[int, ...]) -> np.ndarray:
    """Noise. Nine of ten pictures of class 1 bear a mark; class 0 has a bright middle, class 2 a line at the top."""
    random = np.random.default_rng(number)
    pixels = random.integers(60, 160, (SIDE, SIDE, 3), dtype=np.uint8)
    if 0 in classes:
        pixels[MIDDLE] = 230
    if 2 in classes:
        pixels[TOP] = [0, 90, 255]
    if 1 in classes and random.random() < 0.9:
        pixels[MARK] = [255, 0, 0]
    return pixels


def planted_project(
    folder: Path, shown: list[tuple[int, ...]], labels: list[str], **config: object
) -> tuple[Project, torch.Tensor]:
    """Write pictures that show classes and the networks' source; return the project and what a network sees."""
    project = Project.create(
        folder, samples=0, input={"resize": None, "crop": SIDE, "mean": [0.5], "std": [0.25]}, shard_size=COUNT,
        batch_size=40, report={},
        audit={"min_count": 5, "resamples": 100, "permutations": 99, "degradation": None}, **config,
    )  # fmt: skip
    (folder / "planted_networks.py").write_text(SOURCE)
    pixels = np.stack([picture(number, classes) for number, classes in enumerate(shown)])
    for number, one in enumerate(pixels):
        Image.fromarray(one).save(project.image(number))
    rows = (f"s{number},s{number}.png,{label},{number % 2}" for number, label in enumerate(labels))
    project.manifest.write_text("\n".join(["id,path,label,site", *rows]) + "\n")
    return project, (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25


def trained(classes: int, x: torch.Tensor, wanted: torch.Tensor, output: Path) -> nn.Module:
    """Fit the network of `SOURCE` to 0 or 1 for each class, and write its weights."""
    module: dict[str, type[nn.Module]] = {}
    exec(SOURCE, module)
    torch.manual_seed(0)
    network = module["Network"](classes)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(60):
        loss = nn.functional.binary_cross_entropy_with_logits(network(x), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    save_file(network.state_dict(), output)
    return network.eval()
