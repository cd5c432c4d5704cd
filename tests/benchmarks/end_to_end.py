"""From files to stored maps: the workflow, a plain script with captum, and this library in a plain loop.

    python -m tests.benchmarks.end_to_end --images FOLDER
    python -m tests.benchmarks.end_to_end --images FOLDER --count 64 --repeats 1

ResNet-18 with random weights, the maps of the predicted class. The workflow stores everything and makes its tables,
without figures and audit; several sizes of shards give several runs of it. The loop writes shards of 128. The script
reads with a DataLoader, computes with captum, and saves one .npy file for each map. All have the same cores. Each runs
as a program of its own, in turn; printed are medians.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from tests.benchmarks.markdown import markdown
from tests.helpers.workflow_project import Project

MODEL = "torchvision.models:resnet18"
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

CAPTUM = """
import sys
from pathlib import Path
import captum.attr
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import models, transforms

names, output = Path("files.txt").read_text().splitlines(), Path("npy")
torch.set_num_threads(int(sys.argv[1]))
output.mkdir(exist_ok=True)
read = transforms.Compose(
    [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), transforms.Normalize({mean}, {std})]
)

class Photographs(Dataset):
    def __len__(self):
        return len(names)

    def __getitem__(self, index):
        return index, read(Image.open(names[index]).convert("RGB"))

torch.manual_seed(0)
model = models.resnet18().eval()
gradcam, guided = captum.attr.LayerGradCam(model, model.layer4[1]), captum.attr.GuidedBackprop(model)
for rows, x in DataLoader(Photographs(), batch_size=32, num_workers=1):
    with torch.no_grad():
        logits = model(x)
    classes = logits.argmax(1)
    cam = gradcam.attribute(x, classes, relu_attributions=True).detach()
    gbp = guided.attribute(x.requires_grad_(), classes).detach()
    product = gbp * captum.attr.LayerAttribution.interpolate(cam, x.shape[2:], "bilinear")
    for name, values in dict(logits=logits, gradcam=cam, guided_backprop=gbp, guided_gradcam=product).items():
        for row, value in zip(rows.tolist(), values.numpy(), strict=True):
            np.save(output / f"{{row}}_{{name}}.npy", value)
"""

LOOP = """
import sys
from pathlib import Path
import numpy as np
import torch
from torchvision import models
from saliency import GuidedGradCAM
from saliency.readers.images import Preprocessing, read_image
from saliency.networks.memory_format import arrange_channels_last
from saliency.experiment.arrays import array_paths
from saliency.store.codec import write_shard
from saliency.store.layout import array_specs

names, output, size = Path("files.txt").read_text().splitlines(), Path("loop.zarr"), 128
torch.set_num_threads(int(sys.argv[1]))
preprocessing = Preprocessing(3, 256, 224, "bilinear")
mean, std = (torch.tensor(values).view(-1, 1, 1) for values in ({mean}, {std}))
torch.manual_seed(0)
model = arrange_channels_last(models.resnet18().eval(), torch.zeros(1, 3, 224, 224))
explainer = GuidedGradCAM(model)
methods = ["gradcam", "guided_backprop", "guided_gradcam"]
paths = array_paths(2, False, ["predicted"], methods)
specs = array_specs(paths, (3, 224, 224), 1000, (7, 7), size)
for shard in range(-(-len(names) // size)):
    inputs = np.stack([read_image(Path(name), preprocessing) for name in names[shard * size : (shard + 1) * size]])
    parts = {{name: [] for name in ["logits", *methods]}}
    for batch in torch.from_numpy(inputs).split(32):
        with explainer.forward_pass((batch - mean) / std) as forward:
            found = {{"logits": forward.scores, **forward.maps(forward.scores.argmax(1))}}
        for name, values in parts.items():
            values.append(found[name].numpy())
    for name, values in [("inputs", [inputs]), *parts.items()]:
        key = name if name in ("inputs", "logits") else f"predicted/{{name}}"
        write_shard(output / key / f"c.{{shard}}", np.concatenate(values), specs[key])
"""


def photographs(folder: Path) -> list[Path]:
    return sorted(path.resolve() for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))


def project(folder: Path, images: list[Path], threads: int, shard_size: int) -> Project:
    made = Project.create(folder, samples=0)
    rows = [f"s{number},{path}" for number, path in enumerate(images)]
    made.manifest.write_text("\n".join(["id,path", *rows]) + "\n")
    settings = {"resize": 256, "crop": 224, "interpolation": "bilinear", "mean": MEAN, "std": STD}
    made.write_config(
        input=settings,
        models={"resnet18": {"factory": MODEL}},
        shard_size=shard_size,
        batch_size=32,
        execution="fused",
        threads=threads,
        plots={"count": 0, "contact_sheets": []},
    )
    return made


def timed(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Wall time, and processor time with that of all processes it waited for."""
    # What the run before has written is still on its way to the disk, and the workflow waits for its own files.
    os.sync()
    before, begin = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - begin, used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder with JPEG files")
    parser.add_argument("--count", type=int, help="only so many of them")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of each job of the workflow")
    parser.add_argument("--shard-sizes", nargs="+", type=int, default=[128], help="of the workflow")
    arguments = parser.parse_args()
    files = photographs(arguments.images)[: arguments.count]
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parents[2]}"}
    rows = []
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "files.txt").write_text("\n".join(map(str, files)))
            for kind, text in [("captum", CAPTUM), ("loop", LOOP)]:
                (folder / f"run_{kind}.py").write_text(text.format(mean=MEAN, std=STD))
            commands = {
                kind: ([sys.executable, f"run_{kind}.py", str(arguments.cores)], folder) for kind in ("captum", "loop")
            }
            for size in arguments.shard_sizes:
                made = project(folder / f"workflow{size}", files, arguments.threads, size)
                command = made.command("--cores", str(arguments.cores), "--quiet")
                commands[f"workflow, shards of {size}"] = (command, made.folder)
            for kind, (command, place) in commands.items():
                wall, used = timed(command, place, environment)
                rows.append({"what": kind, "wall s": wall, "processor s": used})
                print(f"{kind}: {wall:.1f} s, {used:.1f} s of processor time", file=sys.stderr, flush=True)
    table = pd.DataFrame(rows).groupby("what", sort=False).median()
    for kind in ("captum", "loop"):
        table[f"wall, {kind} = 1"] = table["wall s"] / table["wall s"][kind]
    print(f"{len(files)} images, {arguments.cores} cores\n")
    print(markdown(table.round(2).reset_index()))


if __name__ == "__main__":
    main()
