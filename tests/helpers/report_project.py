"""Whole reports made in this process, from projects in a folder: the steps of the workflow, without Snakemake."""

import contextlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from PIL import Image

from saliency.audit.document import write_findings
from saliency.audit.files import write_audit, write_mean_maps
from saliency.audit.measure import measure, write_metrics
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.networks.describe import write_descriptions
from saliency.report.document import write_report
from saliency.report.model_data import write_model_data
from saliency.report.outlines import write_outlines
from saliency.report.sprites import layers, write_sprites
from saliency.steps.failures import write_errors
from saliency.steps.fused import fused
from saliency.steps.predictions import write_predictions
from saliency.store.layout import write_metadata
from tests.helpers.audit_data import AUDIT_TABLES
from tests.helpers.shards import files_of_shards, stored_shard
from tests.helpers.workflow_project import Project

EXECUTES = "<img src=x onerror=alert(1)>"
CLOSES = '"></script><script>alert(2)</script>\u2028'
CLASS_NAMES = [EXECUTES, "b", CLOSES, "d", "e"]
WIDE = """

class Wide(Network):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 7)
"""
VOLUME_NETWORK = '''
import torch
from torch import nn


class Network(nn.Module):
    """Two convolutions, two classes."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(1, 4, 3)
        self.second = nn.Conv3d(4, 4, 3)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return self.head(x.mean((2, 3, 4)))
'''


def build_report(project: Project) -> Path:
    """Run every step for a project; return the page."""
    with contextlib.chdir(project.folder):
        config, problems = complete_config(project.config)
        assert problems == []
        plan, results = Plan(config), Path("results/test")
        report = results / "report"
        findings = []
        for model in plan.models:
            folder = results / model
            store = Path(f"{folder}.zarr")
            descriptions = [folder / "model.json", folder / "target_layer.json"]
            write_descriptions(config, model, dict(zip(("model", "target_layer"), descriptions, strict=True)))
            write_metadata(plan, model, store, descriptions)
            tables = [folder / f"measures/{shard}.parquet" for shard in plan.shards]
            grids = [folder / f"measures/{shard}.npz" for shard in plan.shards]
            for number in plan.shards:
                shard = stored_shard(config, model, number, store, descriptions)
                fused(shard)
                measure(shard, tables[number], grids[number])
                named: dict[str, list[Path]] = {}
                for path, file in shard.files.items():
                    named.setdefault(path.rpartition("/")[2], []).append(file)
                pictures = [report / f"data/{model}/{name}/{number}.js" for name in layers(plan)]
                volumes = [report / f"data/{model}/volumes/{name}/{number}.js" for name in layers(plan)]
                write_sprites(config, model, number, named, descriptions, pictures, volumes if plan.ndim == 3 else [])
                if plan.mask_column is not None:
                    place = "volumes/mask" if plan.ndim == 3 else "mask"
                    write_outlines(config, model, number, report / f"data/{model}/{place}/{number}.js")
            predictions = folder / "predictions.csv"
            files = files_of_shards(plan, store, plan.targets[0])
            write_predictions(config, model, files["status"], files["logits"], descriptions[0], predictions)
            metrics = folder / "metrics.parquet"
            write_metrics(config, model, tables, predictions, metrics, folder / "metrics.csv")
            audits = {"mean_maps": []}
            for target in plan.targets:
                audit = folder / "audit" / target
                outputs = {name: audit / name for name in AUDIT_TABLES}
                write_audit(config, model, target, metrics, grids, outputs)
                documents = {"findings_json": audit / "findings.json", "findings_md": audit / "findings.md"}
                write_findings(config, target, metrics, outputs["evidence"], [], {}, **documents)
                files = files_of_shards(plan, store, target)
                shards = {"class": files["class"], "maps": files[plan.measured[0]]}
                write_mean_maps(config, model, target, shards, descriptions, audit / "mean_maps.zarr")
                audits["mean_maps"].append(audit / "mean_maps.zarr" / "zarr.json")
                for name in ("distributions", "groups", "clusters"):
                    audits.setdefault(name, []).append(outputs[name])
                findings.append(documents["findings_json"])
            outputs = {"predictions": [report / f"data/{model}/predictions.js"]}
            for kind in ("measures", "nearest", "classes"):
                outputs[kind] = [report / f"data/{model}/{target}/{kind}.js" for target in plan.targets]
            write_model_data(config, model, metrics, grids, audits, outputs)
        said = {model: results / model / "predictions.csv" for model in plan.models}
        described = {model: results / model / "model.json" for model in plan.models}
        write_errors(config, said, described, results / "errors.csv")
        tables = {
            name: [results / model / "audit" / plan.targets[0] / name for model in plan.models]
            for name in ("performance", "confusion", "calibration")
        }
        write_report(config, list(said.values()), findings, results / "errors.csv", report, tables=tables)
        return (report / "index.html").resolve()


def photographs(folder: Path) -> Project:
    """60 pictures in shards of 25, two models and targets; hostile names, and one file that is no picture."""
    project = Project.create(folder, samples=60)
    # Modules of other tests' names would already be imported where these run in the same process.
    (folder / "report_network.py").write_text((folder / "tiny_network.py").read_text() + WIDE)
    generator = np.random.default_rng(1)
    for number in range(60):
        # Half of the pictures have a bright corner.
        picture = generator.integers(0, 120, (40, 48, 3), dtype=np.uint8)
        if number % 2:
            picture[-16:, :20] = 255
        Image.fromarray(picture).save(project.image(number))
    table = pd.read_csv(project.manifest, dtype=str, keep_default_na=False)
    table["site"] = np.where(np.arange(60) % 2 == 0, EXECUTES, "site b")
    table[CLOSES] = [f"{CLOSES} {number % 3}" for number in range(60)]
    table["__proto__"] = [str(number / 4) for number in range(60)]
    broken = project.folder / "data" / EXECUTES
    broken.write_bytes(b"no picture")
    table.loc[7, "path"] = EXECUTES
    # One picture has a mask: its left half.
    half = np.zeros((40, 48), dtype=np.uint8)
    half[:, :24] = 255
    Image.fromarray(half).save(project.folder / "data/half.png")
    table["mask"] = ["half.png" if number == 8 else "" for number in range(60)]
    table.to_csv(project.manifest, index=False)
    project.write_config(
        models={
            "tiny": {"factory": "report_network:Network", "class_names": CLASS_NAMES},
            "wide": {"factory": "report_network:Wide"},
        },
        targets=["predicted", "label"],
        shard_size=25,
        batch_size=25,
        on_error="skip",
        audit={"min_count": 5, "resamples": 100, "permutations": 99, "clusters": {"min_count": 6}},
        report={},
    )
    return project


VOLUME_SHAPE = (14, 11, 9)
MASKED = (slice(3, 9), slice(2, 8), slice(4, 7))


def volume(number: int) -> np.ndarray:
    """A volume in which every slice of each plane is another; RAS order."""
    x, y, z = np.indices(VOLUME_SHAPE)
    return ((3 * x + 5 * y + 7 * z + 11 * number) % 40 + x).astype(np.float32)


def volumes(folder: Path) -> Project:
    """Four volumes of voxels of 1 x 1 x 2 mm, the last of which is damaged, and the one before has a mask."""
    project = Project(folder)
    (folder / "data").mkdir(parents=True)
    (folder / "report_volume_network.py").write_text(VOLUME_NETWORK)
    rows = ["id,path,label,site,mask"]
    for number in range(4):
        nib.save(nib.Nifti1Image(volume(number), np.diag([1, 1, 2, 1])), folder / f"data/v{number}.nii")
        rows.append(f"v{number},v{number}.nii,{number % 2},s{number % 2},{'mask.nii' if number == 2 else ''}")
    mask = np.zeros(VOLUME_SHAPE, dtype=np.uint8)
    mask[MASKED] = 1
    nib.save(nib.Nifti1Image(mask, np.diag([1, 1, 2, 1])), folder / "data/mask.nii")
    (folder / "data/v3.nii").write_bytes(b"no volume")
    project.manifest.write_text("\n".join(rows) + "\n")
    project.write_config(
        input={"mode": "3D", "crop": list(VOLUME_SHAPE), "intensity": "none", "intensity_over": "all"},
        models={"tiny": {"factory": "report_volume_network:Network"}},
        targets=["predicted", 1],
        shard_size=2,
        on_error="skip",
        audit={"min_count": 2, "resamples": 100, "permutations": 99},
        report={},
    )
    return project
