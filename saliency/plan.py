"""What an experiment consists of: samples, shards, files, and the digest that decides what is made again.

Imported while Snakemake plans its jobs, and so by every job: nothing here imports torch or opens an image.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from saliency.config import Config, file_columns, input_config, results_folder
from saliency.manifest import read_manifest
from saliency.paths import fingerprint, made_by_rule, resolve

# Raise a step's number when a change to its code changes its results: its shards are then made again.
VERSIONS = {
    "model": 1,
    "patches": 1,
    "digits": 1,
    "prepare": 1,
    "train": 1,
    "measure": 1,
    "audit": 1,
    "predict": 3,
    "target_class": 1,
    "gradcam": 1,
    "guided_backprop": 2,
    "guided_gradcam": 1,
    "metadata": 2,
    "table": 1,
    "errors": 1,
    "figure": 1,
    "contact_sheets": 1,
    "faithfulness": 1,
    "randomisation": 1,
    "sprites": 1,
    "report": 1,
}
# Of one array in a shard whose size is "auto", before compression.
SHARD_BYTES = 128 * 1024**2
# Longest sides of a report's pictures and volumes to choose from: few, so that a larger manifest seldom changes it.
REPORT_SIDES = {2: (224, 160, 112, 80, 56, 40, 28), 3: (128, 96, 64, 48, 32, 24, 16)}
# What a report's pictures may take up together, and each of their values on average: in the demo 0.19 to 0.24.
REPORT_BYTES = 120_000_000
VALUE_BYTES = 0.3
METHODS = ("guided_backprop", "gradcam", "guided_gradcam")


def digest(*parts: Any) -> str:
    """Hash values that JSON can hold.

    Examples
    --------
    >>> digest("gradcam", 1) == digest("gradcam", 1) != digest("gradcam", 2)
    True
    """
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def report_shape(spatial: Sequence[int], side: int) -> list[int]:
    """Shape in which the report shows a sample whose longest side may be `side`; none is enlarged.

    Examples
    --------
    >>> report_shape([200, 100], 50), report_shape([28, 28], 224)
    ([50, 25], [28, 28])
    """
    scale = min(1, side / max(spatial))
    return [max(1, round(size * scale)) for size in spatial]


class Plan:
    """The experiment that a completed config describes.

    Parameters
    ----------
    config
        From `saliency.config.complete_config`, without problems.

    Attributes
    ----------
    samples
        The manifest: strings, one row per sample.
    models, targets, methods
        Names; targets as they appear in paths: ``predicted``, ``label``, ``runner_up``, ``class-281``.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.manifest = Path(config["manifest"])
        self.samples, _ = read_manifest(self.manifest)
        self.results = results_folder(config)
        self.models = list(config["models"])
        self.targets = [target if isinstance(target, str) else f"class-{target}" for target in config["targets"]]
        wanted = config["methods"]
        # Guided Grad-CAM is the product of the other two, which are stored as well.
        self.methods = [name for name in METHODS if name in wanted or "guided_gradcam" in wanted]
        self.ndim = int(config["input"]["mode"][0])
        largest = max(map(self.sample_values, self.models)) * np.dtype(config["precision"]).itemsize
        self.shard_size = max(1, SHARD_BYTES // largest) if config["shard_size"] == "auto" else config["shard_size"]
        self._shard_digest = lru_cache(maxsize=None)(self._uncached_shard_digest)
        self._model_digest = lru_cache(maxsize=None)(self._uncached_model_digest)

    @property
    def shards(self) -> range:
        """Numbers of the shards."""
        return range(-(-len(self.samples) // self.shard_size))

    @property
    def arrays(self) -> list[str]:
        """Path in the store of each array of a model."""
        affine = ["affine"] if self.ndim == 3 else []
        region = ["region"] if self.config["region"] == "mask" else []
        per_target = [f"{target}/{name}" for target in self.targets for name in ["class", *self.methods]]
        return ["inputs", "status", *affine, *region, "logits", *per_target]

    def shard_key(self, array: str, shard: int | str) -> str:
        """Path of a shard inside the store, for example ``predicted/gradcam/c.3.0.0``."""
        name = array.rpartition("/")[2]
        further_axes = {
            **{"status": 0, "class": 0, "logits": 1, "affine": 2},
            **{"region": self.ndim, "gradcam": self.ndim},
        }.get(name, self.ndim + 1)
        return ".".join([f"{array}/c", str(shard), *["0"] * further_axes])

    def rows(self, shard: int) -> pd.DataFrame:
        """Samples of one shard."""
        return self.samples.iloc[shard * self.shard_size : (shard + 1) * self.shard_size]

    @cached_property
    def _columns(self) -> dict[str, list[str]]:
        """The samples as lists: slicing a table once per shard takes most of the time of planning many shards."""
        return {name: self.samples[name].tolist() for name in self.samples}

    def _values(self, column: str, shard: int) -> list[str]:
        return self._columns[column][shard * self.shard_size : (shard + 1) * self.shard_size]

    def files(self, rows: pd.DataFrame, model: str) -> list[dict[str, Path]]:
        """Files of each sample by manifest column; one of a package that is not installed keeps its name."""
        columns = file_columns(self.config, model)
        return [
            {column: self._path(name) for column, name in zip(columns, names, strict=True)}
            for names in rows[columns].itertuples(index=False)
        ]

    def _path(self, name: str) -> Path:
        try:
            return resolve(name, self.manifest.parent)
        except FileNotFoundError:
            return Path(name)

    def made_files(self, model: str, shard: int) -> list[str]:
        """Files of a shard's samples that rules make; the others are known by their fingerprints."""
        names = [name for column in file_columns(self.config, model) for name in self._values(column, shard)]
        return [str(made) for name in names if (made := made_by_rule(self._path(name), self.results))]

    def made_weights(self, model: str) -> list[str]:
        """The model's weights if a rule makes them."""
        weights = self.config["models"][model]["weights"]
        made = made_by_rule(resolve(weights, Path()), self.results) if weights else None
        return [str(made)] if made else []

    @property
    def audited(self) -> bool:
        """Whether maps are measured: most measures are those of Grad-CAM."""
        return self.config["audit"] is not None and "gradcam" in self.methods

    @property
    def mask_column(self) -> str | None:
        """Column that says where the object is, if the manifest has one."""
        wanted = ["mask", "boxes"] if self.ndim == 2 else ["mask"]
        return next((name for name in wanted if name in self.samples), None)

    def mask_files(self, rows: pd.DataFrame, model: str) -> list[dict[str, Path]]:
        """Files that are needed to read each sample's mask, by column."""
        columns = list(dict.fromkeys([*file_columns(self.config, model), *(["mask"] if "mask" in rows else [])]))
        return [
            {column: self._path(name) for column, name in zip(columns, names, strict=True)}
            for names in rows[columns].itertuples(index=False)
        ]

    def made_masks(self, shard: int) -> list[str]:
        """Masks of a shard's samples that rules make."""
        names = self._values("mask", shard) if self.mask_column == "mask" else []
        return [str(made) for name in names if (made := made_by_rule(self._path(name), self.results))]

    @property
    def audit_columns(self) -> list[str]:
        """Columns of the manifest by which samples are grouped."""
        wanted = self.config["audit"]["columns"]
        if wanted is not None:
            return wanted
        others = ("id", "path", "label", "mask", "boxes", "volume", *self.config["audit"]["where"])
        return [name for name in self.samples if name not in others and not name.startswith("path_")]

    @property
    def patch_sources(self) -> list[str]:
        """Volumes and masks out of which patches are cut."""
        names = self.samples["volume"].unique()
        return [str(Path(self.config["patches"][kind]) / name) for kind in ("volumes", "masks") for name in names]

    @property
    def patch_files(self) -> list[str]:
        """Patches of all samples, then those of their masks."""
        paths = [self.manifest.parent / name for name in [*self.samples["path"], *self.samples["mask"]]]
        return [str(made_by_rule(path, self.results)) for path in paths]

    def patch_digest(self) -> str:
        """Digest of the job that cuts patches."""
        table = self.samples[["path", "mask", "volume", "label"]].to_dict("list")
        return digest("patches", VERSIONS["patches"], table, self.config["patches"])

    @property
    def digit_files(self) -> list[str]:
        """Pictures of the shortcut demo."""
        return [str(made_by_rule(self.manifest.parent / name, self.results)) for name in self.samples["path"]]

    def digits_digest(self) -> str:
        """Digest of the job that writes them."""
        table = self.samples[["path", "watermark"]].to_dict("list")
        return digest("digits", VERSIONS["digits"], table, self.config["digits"])

    def labelled_shards(self, model: str) -> list[int]:
        """Shards that hold samples of any split, which training reads or reports on."""
        split = self.config["models"][model]["train"]["split"]
        rows = np.flatnonzero((self.samples[split] != "") & (self.samples["label"] != ""))
        return np.unique(rows // self.shard_size).tolist()

    def labels(self, rows: pd.DataFrame) -> np.ndarray:
        """Class indices of samples, int64, -1 where there is none."""
        if "label" not in rows:
            return np.full(len(rows), -1)
        return np.array([int(label) if label else -1 for label in rows["label"]], dtype=np.int64)

    def sample_values(self, model: str) -> int:
        """Number of values of a sample as the network sees it, and of a map of that shape."""
        settings = input_config(self.config, model)
        channels = settings["channels"] if isinstance(settings["channels"], int) else len(settings["channels"])
        return channels * math.prod(self.spatial_shape(model))

    def spatial_shape(self, model: str) -> list[int]:
        """Shape of a sample as the network sees it, without its channels."""
        settings = input_config(self.config, model)
        size = settings.get("resize") if settings["crop"] is None else settings["crop"]
        return [size] * self.ndim if isinstance(size, int) else size

    @property
    def reported(self) -> bool:
        """Whether the page of the report is made, which shows the audit."""
        return self.audited and self.config["report"] is not None

    @cached_property
    def report_side(self) -> int:
        """Longest side of the report's pictures, in pixels or voxels; smaller samples keep their size."""
        side = self.config["report"]["side"]
        if side != "auto":
            return side
        layers = 1 + len(self.targets) * len(self.methods)

        def size(side: int) -> float:
            shapes = [report_shape(self.spatial_shape(model), side) for model in self.models]
            return len(self.samples) * layers * sum(map(math.prod, shapes)) * VALUE_BYTES

        sides = REPORT_SIDES[self.ndim]
        return next((side for side in sides if size(side) <= REPORT_BYTES), sides[-1])

    @cached_property
    def chosen(self) -> pd.DataFrame:
        """Samples that get a figure of their own; known before anything has run."""
        wanted, count = self.config["plots"]["samples"], self.config["plots"]["count"]
        if isinstance(wanted, list):
            return self.samples[self.samples["id"].isin(wanted)]
        return self.samples.loc[self.positions(wanted, count)]

    @cached_property
    def shard_of(self) -> dict[str, int]:
        """Number of the shard that holds each sample, by its id."""
        return {sample: row // self.shard_size for row, sample in enumerate(self.samples["id"])}

    @property
    def exported(self) -> list[str]:
        """Ids of the samples whose maps are written as NIfTI."""
        wanted = self.config["export"]
        if isinstance(wanted, list):
            return wanted
        return {"none": [], "plotted": self.chosen["id"].tolist(), "all": self.samples["id"].tolist()}[wanted]

    def positions(self, selection: str, count: int) -> np.ndarray:
        """Row numbers of a selection that needs no predictions: "first" or "random" (with the config's seed)."""
        total = len(self.samples)
        if selection == "random":
            return self._random_positions(count, self.config["plots"]["seed"])
        return np.arange(total if selection == "all" else min(count, total))

    def checked(self, check: str) -> np.ndarray:
        """Row numbers of the samples of a check: "faithfulness" or "randomisation", with the audit's seed."""
        audit = self.config["audit"]
        return self._random_positions(audit[check]["samples"], audit["seed"])

    def _random_positions(self, count: int, seed: int) -> np.ndarray:
        return np.sort(np.random.default_rng(seed).permutation(len(self.samples))[:count])

    def digest(self, step: str, model: str, shard: int | None = None, target: str | None = None) -> str:
        """Identify what a step's result depends on; a job whose digest changed is run again.

        Parameters
        ----------
        step
            A key of `VERSIONS`.
        model
            Model name.
        shard
            Number of the shard, for steps that work on one.
        target
            Name of the target, for steps that explain a class.

        Returns
        -------
        str
            Covers the shard's sample ids and file fingerprints, the part of the config that the step and the steps
            before it read, and their version numbers.
        """
        if shard is not None:
            return self._shard_digest(step, model, shard, target)
        match step:
            case "model":
                return self._model_digest(model)
            case "target_layer":
                return self._model_digest(model, layer=True)
            case "train":
                return self._train_digest(model)
            case "metadata":
                ids = self.samples["id"].tolist()
                layout = [self.arrays, self.shard_size]
                return digest(step, VERSIONS[step], self._model_digest(model, layer=True), ids, layout)
            case "table":
                shards = [self.digest("predict", model, number) for number in self.shards]
                outputs = self.config["models"][model]["outputs"]
                names, explained = self._names_fingerprint(model), "label" in self.targets
                return digest(step, VERSIONS[step], shards, self._columns, outputs, explained, names)
            case "audit":
                measured = [self.digest("measure", model, number) for number in self.shards]
                checks = ("faithfulness", "randomisation")
                settings = {key: value for key, value in self.config["audit"].items() if key not in checks}
                return digest(step, VERSIONS[step], measured, self.digest("table", model), settings)
            case "figure" | "contact_sheets":
                others = "contact_sheets" if step == "figure" else "samples"
                settings = {key: value for key, value in self.config["plots"].items() if key != others}
                names = self._names_fingerprint(model)
                chosen = self.chosen["id"].tolist() if step == "figure" else None
                return digest(step, VERSIONS[step], chosen, settings, names, self.methods)
            case "faithfulness" | "randomisation":
                return self._check_digest(step, model, target)
            case "report":
                return digest(step, VERSIONS[step], self.digest("audit", model), self._names_fingerprint(model))
        raise ValueError(f"step '{step}' works on a shard")

    def _check_digest(self, check: str, model: str, target: str | None) -> str:
        rows, audit = self.checked(check), self.config["audit"]
        # A target's maps follow from the prepared samples.
        steps = self.methods if target else ["prepare"]
        return digest(
            check,
            VERSIONS[check],
            [self.digest(step, model, shard, target) for shard in np.unique(rows // self.shard_size) for step in steps],
            self._model_digest(model, layer=True),
            rows.tolist(),
            [audit[check], audit["seed"], self.methods, self.config["batch_size"]],
            self.config["models"][model]["outputs"],
        )

    def fused_digest(self, model: str, shard: int) -> str:
        """Digest of the job that makes all of a shard's arrays at once."""
        last = [self.digest(method, model, shard, target) for target in self.targets for method in self.methods]
        return digest("fused", last)

    def report_digest(self) -> str:
        """Digest of the job that writes the report's page."""
        models = [self.digest("report", model) for model in self.models]
        return digest("page", VERSIONS["report"], self.config["experiment"], models, self.targets, self.methods)

    def errors_digest(self) -> str:
        """Digest of the job that judges the failed samples."""
        return digest("errors", VERSIONS["errors"], self.config["on_error"], self.config["max_failed"])

    def everything_digest(self) -> str:
        """Digest of the whole experiment."""
        shards = [self.fused_digest(model, shard) for model in self.models for shard in self.shards]
        return digest("provenance", shards, self.config, self._columns)

    def _names_fingerprint(self, model: str) -> list[object]:
        names = self.config["models"][model]["class_names"]
        return [names, fingerprint(resolve(names, Path())) if isinstance(names, str) else None]

    def _fingerprint(self, path: Path) -> str:
        """Fingerprint of a file that the user keeps; Snakemake itself notices when a rule makes its file again."""
        return "made by a rule" if made_by_rule(path, self.results) else fingerprint(path)

    def _train_digest(self, model: str) -> str:
        settings = self.config["models"][model]
        rows = self.samples.iloc[[row for shard in self.labelled_shards(model) for row in self.rows(shard).index]]
        normalisation = {key: input_config(self.config, model)[key] for key in ("mean", "std")}
        return digest(
            VERSIONS["train"],
            {key: settings[key] for key in ("factory", "kwargs", "train")},
            [self.digest("prepare", model, shard) for shard in self.labelled_shards(model)],
            rows[["id", "label", settings["train"]["split"]]].to_dict("list"),
            normalisation,
            self.config["threads"],
        )

    def _uncached_model_digest(self, model: str, layer: bool = False) -> str:
        settings = self.config["models"][model]
        weights = settings["weights"]
        keys = ["factory", "kwargs", "ignore_lastlayer"] + (["target_layer", "section_names"] if layer else [])
        return digest(
            VERSIONS["model"],
            {key: settings[key] for key in keys},
            self._fingerprint(resolve(weights, Path())) if weights else None,
            self._train_digest(model) if settings["train"] else None,
            weights,
            input_config(self.config, model),
            self.config["precision"],
        )

    def _uncached_shard_digest(self, step: str, model: str, shard: int, target: str | None) -> str:
        def before(name: str, of: str | None = None) -> str:
            return self._shard_digest(name, model, shard, of)

        version = VERSIONS[step]
        match step:
            case "prepare":
                inputs, columns = input_config(self.config, model), file_columns(self.config, model)
                paths = zip(*(self._values(name, shard) for name in columns), strict=True)
                files = [[self._fingerprint(self._path(name)) for name in names] for names in paths]
                unused = ["mean", "std"] + ([] if "mask" in columns else ["mask_values"])
                settings = {key: value for key, value in inputs.items() if key not in unused}
                ids, region = self._values("id", shard), self.config["region"]
                return digest(step, version, ids, files, settings, region, self.shard_size, self.config["precision"])
            case "predict":
                reduced = [self.config["reduced_precision"]] if self.config["reduced_precision"] else []
                settings = [self.config["batch_size"], *reduced]
                return digest(step, version, before("prepare"), self._model_digest(model), *settings)
            case "target_class":
                labels = self.labels(self.rows(shard)).tolist() if target == "label" else None
                return digest(step, version, before("predict"), target, labels)
            case "gradcam":
                return digest(step, version, before("target_class", target), self._model_digest(model, layer=True))
            case "guided_backprop":
                return digest(step, version, before("target_class", target))
            case "guided_gradcam":
                return digest(step, version, before("guided_backprop", target), before("gradcam", target))
            case "measure":
                methods = [name for name in self.methods if name != "guided_gradcam"]
                maps = [before(name, target) for target in self.targets for name in methods]
                column = self.mask_column
                masks = self._values(column, shard) if column else []
                files = [self._fingerprint(self._path(name)) for name in masks] if column == "mask" else []
                settings = {key: self.config["audit"][key] for key in ("tolerance", "border", "grid")}
                values = input_config(self.config, model).get("mask_values")
                return digest(step, version, maps, column, masks, files, values, settings)
            case "sprites":
                maps = [before(name, target) for target in self.targets for name in self.methods]
                return digest(step, version, maps, self.report_side)
        raise ValueError(f"step '{step}' does not work on a shard")
