"""Audits of real data, and where the maps lie against the objects.

python -m tests.benchmarks.real_data kangaroo --data DATA --folder audits
python -m tests.benchmarks.real_data imagenet --data DATA --folder audits
python -m tests.benchmarks.real_data hippocampus --data DATA --folder audits
python -m tests.benchmarks.real_data kangaroo --data DATA --folder audits --methods gradcam layercam gradient

`kangaroo/` holds photographs (`images/NUMBER.jpg`) with boxes in Pascal VOC's format (`annots/NUMBER.xml`,
https://github.com/experiencor/kangaroo), `imagenet/` one photograph for each class of `labels.csv` (`file`, `label`,
`wnid`), both seen by the network of `config/config.yaml`; `hippocampus/` the volumes of `config/hippocampus.yaml`.
A table by group is printed: means of measures, with what an even map, the image's centre and a random point would give.
With `--randomisation 16`, a second one: how similar the maps of so many samples stay while the layers are given
random weights, from the top down (means of the rank correlation of absolute values). With `--methods`, methods are
compared instead, and nothing else of the audit is tested.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import yaml

ROOT = Path(__file__).parents[2]
MEASURES = {
    "energy_in_mask": "energy in mask",
    "mask_share": "mask's share",
    "pointing_hit": "pointing game",
    "pointing_hit_centre": "of the centre",
    "pointing_random": "of a random point",
    "border_energy": "energy at the border",
    "border_share": "border's share",
    "correct": "accuracy",
}
KANGAROO = 104
# Groups with fewer maps are not shown.
SMALLEST = 10


def boxes(annotation: Path) -> str:
    """Boxes of a Pascal VOC file as the manifest has them; its pixels count from 1, and the last one is inside."""
    found = [[int(box.findtext(name)) for name in ("xmin", "ymin", "xmax", "ymax")]
             for box in ElementTree.parse(annotation).iter("bndbox")]  # fmt: skip
    return "; ".join(f"{left - 1} {top - 1} {right} {bottom}" for left, top, right, bottom in found)


def kangaroos(data: Path) -> pd.DataFrame:
    """Manifest of the photographs of kangaroos."""
    paths = sorted((data / "images").glob("*.jpg"))
    table = pd.DataFrame({"id": [path.stem for path in paths], "path": paths, "label": KANGAROO})
    return table.assign(boxes=[boxes(data / "annots" / f"{name}.xml") for name in table["id"]])


def imagenet(data: Path) -> pd.DataFrame:
    """Manifest of one photograph per class."""
    labels = pd.read_csv(data / "labels.csv")
    paths = [data / name for name in labels["file"]]
    return pd.DataFrame({"id": labels["wnid"], "path": paths, "label": labels["label"]})


def write_config(name: str, data: Path, audit: dict[str, object], methods: list[str], checked: int) -> Path:
    """Write the config of an audit, and its manifest where it has none, to the working directory."""
    if name == "hippocampus":
        config = yaml.safe_load((ROOT / "config" / "hippocampus.yaml").read_text(encoding="utf-8"))
        config["patches"] |= {"volumes": str(data / "images"), "masks": str(data / "labels")}
        manifest = (ROOT / config["manifest"]).read_text(encoding="utf-8")
        Path("data").mkdir(exist_ok=True)
        # Paths in it are relative to its folder.
        Path("data/hippocampus.csv").write_text(manifest, encoding="utf-8")
        config["manifest"] = "data/hippocampus.csv"
    else:
        config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
        {"kangaroo": kangaroos, "imagenet": imagenet}[name](data).to_csv(f"{name}.csv", index=False)
        config["models"]["efficientnet_lite0"]["class_names"] = str(ROOT / "config" / "imagenet_classes.txt")
        config |= {"manifest": f"{name}.csv", "execution": "fused", "shard_size": 84, "on_error": "skip"}
        config["targets"] = ["predicted", "runner_up"]
        config["plots"] = {"samples": "random", "count": 4}
    config["audit"] = config.get("audit", {}) | audit
    if methods:
        config |= {"methods": methods, "targets": ["predicted"], "report": {}}
        compared = {check: {"samples": checked} for check in ("faithfulness", "stability")}
        left_out = {"transfer": None, "degradation": None}
        config["audit"] |= compared | left_out | {"randomisation": {"samples": 16}, "methods": {"samples": 1000}}
    path = Path(f"{name}.yaml")
    path.write_text(yaml.safe_dump(config | {"experiment": name}), encoding="utf-8")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["kangaroo", "imagenet", "hippocampus"])
    parser.add_argument("--data", type=Path, required=True, help="folder of the three folders")
    parser.add_argument("--folder", type=Path, required=True, help="where to work")
    parser.add_argument("--tolerance", type=float, help="of the pointing game, in pixels; by default the config's")
    parser.add_argument("--randomisation", type=int, metavar="SAMPLES", help="test the maps with random weights")
    parser.add_argument("--methods", nargs="+", default=[], help="compare these")
    parser.add_argument(
        "--checked", type=int, default=64, help="samples on which faithfulness and stability are judged"
    )
    arguments = parser.parse_args()
    data = (arguments.data / arguments.name).resolve()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(arguments.folder)
    audit = {} if arguments.tolerance is None else {"tolerance": arguments.tolerance}
    if arguments.randomisation:
        audit["randomisation"] = {"samples": arguments.randomisation}
    config = write_config(arguments.name, data, audit, arguments.methods, arguments.checked)
    command = ["-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--cores", "all", "--configfile", config]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *command, "--quiet"], check=True, env=environment)
    for path in sorted(Path("results", arguments.name).glob("*/audit/predicted/distributions.csv")):
        table = pd.read_csv(path, dtype={"group": str})
        means = table.pivot(index=["column", "group"], columns="measure", values="mean")
        counts = table[table["measure"] == "gini"].set_index(["column", "group"])["count"].rename("maps")
        shown = means.reindex(columns=list(MEASURES)).rename(columns=MEASURES).join(counts)
        shown = shown[shown["maps"] >= SMALLEST].dropna(axis=1, how="all").reset_index()
        print(f"\n{path}\n\n{shown.to_markdown(index=False, floatfmt='.3f')}")
        print(f"\n{path.with_name('findings.md').read_text(encoding='utf-8')}")
    for path in sorted(Path("results", arguments.name).glob("*/audit/predicted/methods*.csv")):
        if path.stem != "methods_pairs":
            print(f"\n{path}\n\n{pd.read_csv(path).to_markdown(index=False, floatfmt='.3f')}")
    for path in sorted(Path("results", arguments.name).glob("*/audit/randomisation.csv")):
        table = pd.read_csv(path).fillna({"layer": "none"}).groupby(["depth", "layer", "method"])["spearman_absolute"]
        print(f"\n{path}\n\n{table.mean().unstack().reset_index().to_markdown(index=False, floatfmt='.2f')}")


if __name__ == "__main__":
    main()
