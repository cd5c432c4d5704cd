"""One shard of one model: decoding its samples, running its network in batches, judging what comes out.

Failed samples keep their place in the batches as zeros, so that the other samples' results do not depend on them, and
come out as NaN. Each is named in the log; whether the run may go on without them is decided in `saliency.errors`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil

from saliency.config import Config, input_config
from saliency.descriptions import read_descriptions
from saliency.errors import label_problem, name_problem
from saliency.inputs import InputError, Status
from saliency.log import DataError
from saliency.manifest import line_numbers
from saliency.plan import Plan
from saliency.samples import normalised, preprocessing_of, read_sample
from saliency.shards import read_shard, write_shard
from saliency.store import plan_specs

# Jobs that run no network do not wait for torch.
if TYPE_CHECKING:
    from torch import Tensor, nn

    from saliency.explainer import Explainer, ForwardPass

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
        The JSON files of `saliency.descriptions` that the step needs.
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

    def read_regions(self) -> np.ndarray | None:
        """Values of ``region``, None where scores are summed over predicted regions."""
        return self.read("region") if "region" in self.specs else None

    def write(self, array: str, values: np.ndarray) -> None:
        """Put this shard's file in place."""
        write_shard(Path(self.files[array]), values, self.specs[array])

    def prepare(self) -> dict[str, np.ndarray]:
        """Decode the samples.

        Returns
        -------
        dict
            ``inputs`` ``(n, c, *spatial)`` and ``status`` ``(n,)``, for volumes ``affine`` ``(n, 4, 4)``, and where
            scores are summed over masks ``region`` ``(n, *spatial)``. Failed samples are NaN, in ``region`` -1.
        """
        arrays = {
            name: np.full((len(self.rows), *spec.shape), fill, dtype=spec.dtype)
            for name, fill in {"inputs": np.nan, "status": Status.OK, "affine": np.nan, "region": -1}.items()
            if (spec := self.specs.get(name))
        }
        started = time.perf_counter()
        for number, files in enumerate(self.plan.files(self.rows, self.model)):
            try:
                for name, values in read_sample(self.preprocessing, files, "region" in self.specs).items():
                    arrays[name][number] = values
            except InputError as error:
                arrays["status"][number] = error.status
                self._warn(number, str(error))
            if (number + 1) % self.config["batch_size"] == 0 or number + 1 == len(self.rows):
                self._log_progress("prepare", number + 1, started)
        return arrays

    def _warn(self, number: int, problem: str) -> None:
        """Log what is wrong with a sample of this shard."""
        log.warning("%s", name_problem(self.plan, self.model, self.rows.index[number], problem))

    def _log_progress(self, what: str, done: int, started: float) -> None:
        rate = done / (time.perf_counter() - started)
        log.info("%s: %d of %d samples, %.1f samples/s", what, done, len(self.rows), rate)

    def network(self) -> nn.Module:
        """The network, on its device and in the configured precision."""
        import torch

        from saliency.device import keep_freed_memory, use_reproducible_algorithms
        from saliency.models import arrange_channels_last, configured_model

        torch.set_num_threads(self.config["threads"])
        network = configured_model(self.config, self.model)
        if self.device == "cuda":
            use_reproducible_algorithms(tf32=self.config["reduced_precision"] == "tf32")
        network = network.to(self.device, getattr(torch, self.config["precision"]))
        if self.device == "cpu":
            keep_freed_memory()
            example = torch.zeros(1, *self.preprocessing.shape, dtype=getattr(torch, self.config["precision"]))
            arrange_channels_last(network, example)
        return network

    @property
    def device(self) -> str:
        """Name of the device to compute on."""
        from saliency.device import choose_device

        return choose_device(self.config["device"])

    @property
    def ignore_lastlayer(self) -> bool:
        """Whether scores are taken before the last activation."""
        return self.config["models"][self.model]["ignore_lastlayer"]

    def for_each_batch(
        self,
        what: str,
        inputs: np.ndarray,
        regions: np.ndarray | None,
        work: Callable[[slice, Tensor, Tensor | None], None],
    ) -> None:
        """Call `work` for one batch after the other; log progress after each.

        A batch for which memory does not suffice is halved and tried again, and the log says so. What is computed for
        a sample does not depend on the other samples of its batch; but libraries choose their algorithms by the size of
        a batch, so that the last bits of floating point results may differ, as with another ``batch_size``.

        Parameters
        ----------
        what
            The step, for the log.
        inputs
            ``(n, c, *spatial)``, NaN for failed samples.
        regions
            ``(n, *spatial)``, positive inside, where the scores of a dense model are summed over masks, else None.
        work
            Takes rows, their normalised samples ``[b, c, *spatial]``, in which failed samples are 0, and their regions
            ``[b, *spatial]`` or None. It may be called again for rows of which it has done a part.

        Raises
        ------
        DataError
            If memory does not suffice for a single sample.
        """
        import torch

        from saliency.device import is_out_of_memory, reduced_precision

        begin, size, started = 0, self.config["batch_size"], time.perf_counter()
        start_up = time.time() - psutil.Process().create_time()
        while begin < len(inputs):
            rows = slice(begin, min(begin + size, len(inputs)))
            try:
                batch = torch.from_numpy(normalised(inputs[rows], self.config, self.model)).nan_to_num().to(self.device)
                region = None if regions is None else torch.from_numpy(regions[rows] > 0).to(self.device)
                with reduced_precision(self.device, self.config["reduced_precision"]):
                    work(rows, batch, region)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                tried = rows.stop - begin
                if tried == 1:
                    words = next(iter(str(error).splitlines()), type(error).__name__)
                    raise DataError(
                        f"{what}: memory does not suffice for a single sample ({words}): use a device or machine with "
                        "more of it, or a smaller input"
                    ) from error
                size = tried // 2
                log.warning("%s: out of memory with %d samples at once: going on with %d", what, tried, size)
            else:
                begin = rows.stop
                self._log_progress(what, begin, started)
        seconds = time.perf_counter() - started
        if start_up > seconds and len(self.plan.shards) > 1:
            log.info(
                "%s: %.1f s, after %.1f s in which the job started: a larger shard_size makes fewer jobs",
                what,
                seconds,
                start_up,
            )

    def logits(self, scores: Tensor, ok: np.ndarray, rows: slice) -> np.ndarray:
        """Scores as they are stored: NaN for failed samples; others must be finite."""
        import torch

        values = scores.to("cpu", getattr(torch, self.config["precision"])).numpy().copy()
        values[~ok[rows]] = np.nan
        bad = ok[rows] & ~np.isfinite(values).all(axis=1)
        for number in np.flatnonzero(bad):
            self._warn(rows.start + number, "the network's output is not finite")
        values[bad] = np.nan
        return values

    def classes(self, logits: np.ndarray, target: str, rows: slice) -> np.ndarray:
        """Class to explain in each sample, int64; -1 where there is none, for want of a label or of an input."""
        usable, count = np.isfinite(logits).all(axis=1), logits.shape[1]
        if target == "label":
            classes = self.plan.labels(self.rows.iloc[rows])
            wrong = usable & (classes >= count)
            lines = line_numbers(self.plan.manifest, len(self.plan.samples)) if wrong.any() else []
            for number in np.flatnonzero(wrong):
                line = lines[self.rows.index[rows.start + number]]
                problem = label_problem(self.plan, classes[number], count, line)
                self._warn(rows.start + number, problem)
            classes[wrong] = -1
        elif target.startswith("class-"):
            index = int(target.removeprefix("class-"))
            if index >= count:
                raise DataError(f"targets: {index}: is outside the model's classes 0 … {count - 1}")
            classes = np.full(len(logits), index)
        else:
            rank = {"predicted": 0, "runner_up": 1}[target]
            if rank >= count:
                raise DataError(f"targets: target '{target}' needs a model with at least two classes")
            # Of equal scores the first counts, as in the table of predictions.
            classes = np.argsort(-np.nan_to_num(logits), axis=1, kind="stable")[:, rank]
        classes[~usable] = -1
        return classes

    def explain(
        self, explainer: Explainer, inputs: np.ndarray, regions: np.ndarray | None, classes: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Maps of given classes, by ``target/method``."""
        maps: dict[str, np.ndarray] = {}

        def explain_batch(rows: slice, batch: Tensor, region: Tensor | None) -> None:
            with explainer.forward_pass(batch, self.ignore_lastlayer, region) as forward:
                self.collect(maps, forward, {target: values[rows] for target, values in classes.items()}, rows)

        self.for_each_batch(explainer.map_name, inputs, regions, explain_batch)
        return maps

    def put(self, arrays: dict[str, np.ndarray], name: str, rows: slice, values: np.ndarray) -> None:
        """Put some rows of an array of this shard in their place."""
        if name not in arrays:
            arrays[name] = np.empty((len(self.rows), *values.shape[1:]), dtype=values.dtype)
        arrays[name][rows] = values

    def collect(
        self, maps: dict[str, np.ndarray], forward: ForwardPass, classes: dict[str, np.ndarray], rows: slice
    ) -> None:
        """Read the maps of one batch and put them into `maps`, by ``target/method``."""
        import torch

        from saliency.guided_gradcam import guided_product

        for number, (target, values) in enumerate(classes.items()):
            wanted = torch.from_numpy(values).to(forward.scores.device)
            found = forward.maps(wanted.clamp(min=0), keep_graph=number + 1 < len(classes))
            found = {method: batch.cpu() for method, batch in found.items()}
            if self.device != "cpu" and "guided_gradcam" in found:
                # As the step of its own makes it, which runs on the CPU: GPUs round interpolation differently.
                found["guided_gradcam"] = guided_product(found["guided_backprop"], found["gradcam"])
            for method, batch in found.items():
                name = f"{target}/{method}"
                if name in self.specs:
                    self._store_batch(maps, name, batch, values, rows)

    def _store_batch(
        self, maps: dict[str, np.ndarray], name: str, batch: Tensor, classes: np.ndarray, rows: slice
    ) -> None:
        array = batch.numpy()
        array[classes < 0] = np.nan
        explained = classes >= 0
        flat = array.reshape(len(array), -1)
        bad = explained & ~np.isfinite(flat).all(axis=1)
        for number in np.flatnonzero(bad):
            self._warn(rows.start + number, f"{name} is not finite, NaN is stored")
        array[bad] = np.nan
        blank = int((flat == 0).all(axis=1).sum())
        if blank:
            log.warning("%s: %d of %d maps are zero everywhere", name, blank, len(array))
        self.put(maps, name, rows, array)
