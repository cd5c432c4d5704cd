"""What an experiment consists of: samples, shards, and the shapes of what is made.

Imported while Snakemake plans its jobs, and so by every job: nothing here imports torch, Pillow or Zarr. What is chosen
of the samples stands in `selection`, what rules make of them in `sources`, and when a job runs again in `digests`.
"""

import math
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from saliency.experiment.affine_column import with_affines
from saliency.experiment.arrays import array_paths, shard_key
from saliency.experiment.config import Config, file_columns, input_shape, results_folder
from saliency.experiment.dataset_rows import with_rows
from saliency.experiment.labels import Labels, class_names_of, plain_labels, settle_labels, with_class_names
from saliency.experiment.manifest import read_manifest
from saliency.experiment.outputs import label_classes, labels_are, target_names
from saliency.files.file_names import file_name
from saliency.files.paths import resolve
from saliency.methods.registered import leading_method, method, with_parts
from saliency.metrics.batch import measured_methods

# Of one array in a shard whose size is "auto", before compression.
SHARD_BYTES = 128 * 1024**2


class Plan:
    """The experiment that a completed config describes.

    Parameters
    ----------
    config
        From `saliency.experiment.validation.complete_config`, without problems.
    root
        Folder at which the config's relative paths start: where Snakemake runs.

    Attributes
    ----------
    config
        The given one; where labels are names and a model has no ``class_names``, with those.
    samples
        The manifest: strings, one row per sample; labels are class indices, also where the file has names.
    written_labels
        What was found of labels that the file has in another form; None where they are as all that follows reads them.
    models, targets, methods
        Names; targets as they appear in paths: ``predicted``, ``label``, ``runner_up``, ``class-281``, ``label-4``,
        ``value-0``.
    labels_are
        What the manifest's labels are: one "class" of each sample, several "classes", or "numbers".
    method_settings
        By method, all of its settings.
    ndim
        Number of spatial axes.
    shard_size
        Samples per shard.
    """

    def __init__(self, config: Config, root: Path = Path()) -> None:
        self.root, self.manifest = root, resolve(config["manifest"], root)
        self.samples = with_affines(with_rows(read_manifest(self.manifest)[0], config), config)
        self.labels_are = labels_are(config)
        self.written_labels: Labels | None = None
        if "label" in self.samples and not plain_labels(self.samples["label"], self.labels_are):
            self.written_labels = settle_labels(
                self.samples["label"].tolist(), self.labels_are, class_names_of(config, root)
            )
            self.samples["label"] = self.written_labels.values
            config = with_class_names(config, self.written_labels.names)
        self.config = config
        self.results = results_folder(config)
        self.models = list(config["models"])
        labels = self.samples["label"].tolist() if "label" in self.samples else []
        self.targets = target_names(config["targets"], labels, self.labels_are)
        self.methods = with_parts(config["methods"])
        given = config["method_settings"]
        self.method_settings = {name: method(name).complete(given.get(name, {})) for name in self.methods}
        self.ndim = int(config["input"]["mode"][0])
        largest = max(map(self.sample_values, self.models)) * np.dtype(config["precision"]).itemsize
        self.shard_size = max(1, SHARD_BYTES // largest) if config["shard_size"] == "auto" else config["shard_size"]

    @property
    def shards(self) -> range:
        """Numbers of the shards."""
        return range(-(-len(self.samples) // self.shard_size))

    @property
    def largest_shard(self) -> int:
        """Number of samples in the first shard, which has the most."""
        return min(self.shard_size, len(self.samples))

    @property
    def held(self) -> int:
        """How many samples a job reads before they are needed: the next batch, and one for each core that reads."""
        return max(self.config["batch_size"], 1 + self.config["threads"])

    @property
    def arrays(self) -> list[str]:
        """Path in the store of each array of a model."""
        return array_paths(self.ndim, self.config["region"] == "mask", self.targets, self.methods)

    def shard_key(self, array: str, shard: int | str) -> str:
        """Path of a shard inside the store, for example ``predicted/gradcam/c.3.0.0``."""
        return shard_key(array, shard, self.ndim)

    @property
    def leading(self) -> str | None:
        """The method whose maps say where, which figures show over the input; None where no method does."""
        return leading_method(self.methods)

    @property
    def audited_method(self) -> str | None:
        """The method whose maps the audit is about: the config's, else the leading one; None where there is none."""
        return (self.config["audit"] or {}).get("map") or self.leading

    @property
    def measured(self) -> list[str]:
        """The methods whose maps are measured, see `measured_methods`; the audited one comes first."""
        return measured_methods(self.methods, self.audited_method)

    def rows(self, shard: int) -> pd.DataFrame:
        """Samples of one shard."""
        return self.samples.iloc[shard * self.shard_size : (shard + 1) * self.shard_size]

    @cached_property
    def shard_of(self) -> dict[str, int]:
        """Number of the shard that holds each sample, by its id."""
        return {sample: row // self.shard_size for row, sample in enumerate(self.samples["id"])}

    @cached_property
    def sample_of_file(self) -> dict[str, str]:
        """Id of the sample that the files of a name are of."""
        return {file_name(sample): sample for sample in self.columns["id"]}

    def shards_of(self, rows: "np.ndarray | range | pd.Index") -> list[int]:
        """Numbers of the shards that hold some rows, in order."""
        found: list[int] = np.unique(np.asarray(rows, dtype=np.int64) // self.shard_size).tolist()
        return found

    @cached_property
    def columns(self) -> dict[str, list[str]]:
        """The samples as lists: slicing a table once per shard takes most of the time of planning many shards."""
        return {str(name): values.tolist() for name, values in self.samples.items()}

    def values(self, column: str, shard: int) -> list[str]:
        """A column of the manifest, of one shard."""
        return self.columns[column][shard * self.shard_size : (shard + 1) * self.shard_size]

    def path(self, name: str) -> Path:
        """A file that the manifest names; one of a package that is not installed keeps its name."""
        try:
            return resolve(name, self.manifest.parent)
        except FileNotFoundError:
            return Path(name)

    def files(self, rows: pd.DataFrame, model: str) -> list[dict[str, Path]]:
        """Files of each sample by manifest column."""
        return self._files_in(rows, file_columns(self.config, model))

    def mask_files(self, rows: pd.DataFrame, model: str) -> list[dict[str, Path]]:
        """Files that are needed to read each sample's mask, by column."""
        mask = ["mask"] if "mask" in rows else []
        return self._files_in(rows, list(dict.fromkeys([*file_columns(self.config, model), *mask])))

    def _files_in(self, rows: pd.DataFrame, columns: list[str]) -> list[dict[str, Path]]:
        return [
            {column: self.path(name) for column, name in zip(columns, names, strict=True)}
            for names in rows[columns].itertuples(index=False)
        ]

    @property
    def first_column(self) -> str:
        """Column of the manifest that names the first file of each sample; the first model's, where they differ."""
        return file_columns(self.config, self.models[0])[0]

    @property
    def mask_column(self) -> str | None:
        """Column that says where the object is, if the manifest has one."""
        wanted = ["mask", "boxes"] if self.ndim == 2 else ["mask"]
        return next((name for name in wanted if name in self.samples), None)

    def labels(self, rows: pd.DataFrame) -> np.ndarray:
        """Class indices of samples, int64, -1 where there is none."""
        if "label" not in rows:
            return np.full(len(rows), -1)
        # Going through a column of text itself takes ten times as long.
        return np.array([int(label) if label else -1 for label in rows["label"].tolist()], dtype=np.int64)

    def label_classes(self, rows: pd.DataFrame) -> list[tuple[int, ...] | None]:
        """Class indices of samples that can be of several classes, None where they are not known."""
        if "label" not in rows:
            return [None] * len(rows)
        return [label_classes(label) for label in rows["label"].tolist()]

    def labelled_shards(self, model: str) -> list[int]:
        """Shards that hold samples of any split, which training reads or reports on."""
        split = self.config["models"][model]["train"]["split"]
        rows = np.flatnonzero((self.samples[split] != "") & (self.samples["label"] != ""))
        return self.shards_of(rows)

    def sample_values(self, model: str) -> int:
        """Number of values of a sample as the network sees it, and of a map of that shape."""
        return math.prod(input_shape(self.config, model))

    def spatial_shape(self, model: str) -> tuple[int, ...]:
        """Shape of a sample as the network sees it, without its channels."""
        return input_shape(self.config, model)[1:]

    @property
    def audited(self) -> bool:
        """Whether maps are measured: most measures are those of one method."""
        return self.config["audit"] is not None and self.audited_method is not None

    @property
    def reported(self) -> bool:
        """Whether the page of the report is made, which shows the audit."""
        return self.audited and self.config["report"] is not None
