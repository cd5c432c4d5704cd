"""One shard of one model: decoding its samples, running its network in batches, judging what comes out.

Failed samples keep their place in the batches as zeros, so that the other samples' results do not depend on them, and
come out as NaN.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from saliency.config import Config, input_config
from saliency.explainer import Explainer, ForwardPass
from saliency.inputs import InputError
from saliency.log import DataError
from saliency.models import load_model
from saliency.plan import Plan
from saliency.samples import preprocessing_of
from saliency.shards import read_shard, write_shard
from saliency.store import plan_specs, read_descriptions
from saliency.targets import select_classes

log = logging.getLogger(__name__)


class ShardJob:
    """One shard of one model: its samples, its network, and where its arrays lie.

    Parameters
    ----------
    config
        The completed config.
    model
        Model name.
    shard
        Shard number.
    files
        The shard's file for each array that the step reads or writes, by the array's path in the store.
    descriptions
        The JSON files of `saliency.models.describe_model` and `describe_target_layer` that the step needs.
    """

    def __init__(
        self,
        config: Config,
        model: str,
        shard: int,
        files: Mapping[str, str | Path],
        descriptions: Sequence[str | Path] = (),
    ) -> None:
        self.plan = Plan(config)
        self.config, self.model, self.files = config, model, files
        self.rows = self.plan.rows(shard)
        self.preprocessing = preprocessing_of(input_config(config, model))
        self.target_layer: str | None = read_descriptions(descriptions).get("target_layer")
        self.specs = plan_specs(self.plan, model, descriptions)

    def read(self, array: str) -> np.ndarray:
        """Values of this shard, ``(samples, …)``."""
        return read_shard(Path(self.files[array]), len(self.rows), self.specs[array])

    def write(self, array: str, values: np.ndarray) -> None:
        """Put this shard's file in place."""
        write_shard(Path(self.files[array]), values, self.specs[array])

    def prepare(self) -> dict[str, np.ndarray]:
        """Decode the samples.

        Returns
        -------
        dict
            ``inputs`` ``(n, c, *spatial)``, NaN where a sample failed, ``status`` ``(n,)``, and for volumes ``affine``
            ``(n, 4, 4)``.
        """
        spec = self.specs["inputs"]
        inputs = np.full((len(self.rows), *spec.shape), np.nan, dtype=spec.dtype)
        status = np.zeros(len(self.rows), dtype=np.int8)
        affines = np.full((len(self.rows), 4, 4), np.nan)
        problems = []
        files = self.plan.files(self.rows, self.model)
        for rows in self._progress("prepare"):
            for number in range(rows.start, rows.stop):
                try:
                    inputs[number], affine = self.preprocessing.read(files[number])
                    if affine is not None:
                        affines[number] = affine
                except InputError as error:
                    status[number] = error.status
                    names = ", ".join(map(str, files[number].values()))
                    problems.append(f"sample '{self.rows['id'].iloc[number]}': {names}: {error}")
        self._judge(problems)
        arrays = {"inputs": inputs, "status": status, "affine": affines}
        return {name: values for name, values in arrays.items() if name in self.specs}

    def _judge(self, problems: list[str]) -> None:
        """Fail with all problems, or log them and go on, as ``on_error`` says."""
        if problems and self.config["on_error"] == "fail":
            hint = "(on_error: skip goes on without them)"
            raise DataError("\n".join([*problems, f"{len(problems)} of {len(self.rows)} samples failed {hint}"]))
        for line in problems:
            log.warning("%s", line)

    def network(self) -> nn.Module:
        """The network, on its device and in the configured precision."""
        torch.set_num_threads(self.config["threads"])
        settings = self.config["models"][self.model]
        network = load_model(settings["factory"], settings["kwargs"], settings["weights"], settings["trust_checkpoint"])
        return network.to(self.device, getattr(torch, self.config["precision"]))

    @property
    def device(self) -> str:
        """Name of the device to compute on."""
        wanted = self.config["device"]
        if wanted == "auto":
            return "cuda" if torch.cuda.is_available() else "cpu"
        if wanted == "cuda" and not torch.cuda.is_available():
            raise DataError("device: cuda is configured, but torch finds no CUDA device here: use auto or cpu")
        return wanted

    @property
    def ignore_lastlayer(self) -> bool:
        """Whether scores are taken before the last activation."""
        return self.config["models"][self.model]["ignore_lastlayer"]

    def batches(self, what: str, inputs: np.ndarray) -> Iterator[tuple[slice, Tensor]]:
        """Normalised batches ``[b, c, *spatial]`` with their rows; logs progress after each."""
        settings = input_config(self.config, self.model)
        dims = (-1, *[1] * (inputs.ndim - 2))
        mean, std = (
            torch.tensor(settings[key], dtype=getattr(torch, self.config["precision"])).view(dims)
            for key in ("mean", "std")
        )
        for rows in self._progress(what):
            batch = (torch.from_numpy(inputs[rows]) - mean) / std
            yield rows, batch.nan_to_num().to(self.device)

    def _progress(self, what: str) -> Iterator[slice]:
        """Rows of each batch; logs a line when the work on them is done."""
        total, started = len(self.rows), time.perf_counter()
        for begin in range(0, total, self.config["batch_size"]):
            rows = slice(begin, min(begin + self.config["batch_size"], total))
            yield rows
            rate = rows.stop / (time.perf_counter() - started)
            log.info("%s: %d of %d samples, %.1f samples/s", what, rows.stop, total, rate)

    def logits(self, scores: Tensor, ok: np.ndarray, rows: slice) -> np.ndarray:
        """Scores as they are stored: NaN for failed samples; others must be finite."""
        values = scores.cpu().numpy().copy()
        values[~ok[rows]] = np.nan
        bad = ok[rows] & ~np.isfinite(values).all(axis=1)
        self._judge(
            [f"sample '{sample}': the network's output is not finite" for sample in self.rows["id"].iloc[rows][bad]]
        )
        values[bad] = np.nan
        return values

    def classes(self, logits: np.ndarray, target: str, rows: slice) -> np.ndarray:
        """Class to explain in each sample, int64; -1 where there is none, for want of a label or of an input."""
        scores = torch.from_numpy(logits)
        usable = np.isfinite(logits).all(axis=1)
        if target == "label":
            classes = self.plan.labels(self.rows.iloc[rows])
            wrong = usable & (classes >= logits.shape[1])
            self._judge(
                [
                    f"sample '{sample}': label {label} is outside the model's {logits.shape[1]} classes"
                    for sample, label in zip(self.rows["id"].iloc[rows][wrong], classes[wrong], strict=True)
                ]
            )
            classes[wrong] = -1
        elif target.startswith("class-"):
            index = int(target.removeprefix("class-"))
            try:
                classes = select_classes(scores, index).numpy().copy()
            except ValueError as error:
                raise DataError(f"targets: {index}: {error}") from error
        else:
            try:
                classes = select_classes(scores.nan_to_num(), target).numpy().copy()
            except ValueError as error:
                raise DataError(f"targets: {error}") from error
        classes[~usable] = -1
        return classes

    def explain(
        self, explainer: Explainer, inputs: np.ndarray, classes: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Maps of given classes, by ``target/method``."""
        maps: dict[str, np.ndarray] = {}
        for rows, batch in self.batches(explainer.map_name, inputs):
            with explainer.forward_pass(batch, self.ignore_lastlayer) as forward:
                batch_classes = {target: values[rows] for target, values in classes.items()}
                self.collect(maps, forward, batch_classes, rows)
        return maps

    def collect(
        self, maps: dict[str, np.ndarray], forward: ForwardPass, classes: dict[str, np.ndarray], rows: slice
    ) -> None:
        """Read the maps of one batch and put them into `maps`, by ``target/method``."""
        for number, (target, values) in enumerate(classes.items()):
            wanted = torch.from_numpy(values).to(forward.scores.device)
            found = forward.maps(wanted.clamp(min=0), keep_graph=number + 1 < len(classes))
            for method, batch in found.items():
                name = f"{target}/{method}"
                if name in self.specs:
                    self._store_batch(maps, name, batch, values, rows)

    def _store_batch(
        self, maps: dict[str, np.ndarray], name: str, batch: Tensor, classes: np.ndarray, rows: slice
    ) -> None:
        array = batch.cpu().numpy()
        array[classes < 0] = np.nan
        explained = classes >= 0
        flat = array.reshape(len(array), -1)
        self._judge(
            [
                f"sample '{sample}': {name} is not finite"
                for sample in self.rows["id"].iloc[rows][explained & ~np.isfinite(flat).all(axis=1)]
            ]
        )
        blank = int((flat == 0).all(axis=1).sum())
        if blank:
            log.warning("%s: %d of %d maps are zero everywhere", name, blank, len(array))
        if name not in maps:
            maps[name] = np.empty((len(self.rows), *array.shape[1:]), dtype=array.dtype)
        maps[name][rows] = array
