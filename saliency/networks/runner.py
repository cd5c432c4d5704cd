"""A network on its device, over the batches of some samples."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
import psutil
import torch
from torch import Tensor, nn

from saliency.exceptions import DataError
from saliency.experiment.config import Config, input_axes, input_config, network_shape
from saliency.files.made_with import say_made_with
from saliency.methods.method import Method
from saliency.methods.passes.explainer import Explainer
from saliency.methods.passes.layout import Layout
from saliency.methods.passes.score_reader import ScoreReader
from saliency.methods.passes.target_layer import WantedLayer
from saliency.methods.registered import method
from saliency.networks.device import (
    choose_device,
    device_name,
    is_out_of_memory,
    keep_freed_memory,
    reduced_precision,
    use_reproducible_algorithms,
)
from saliency.networks.load import configured_model
from saliency.networks.memory_format import arrange_channels_last
from saliency.networks.parameters import network_id
from saliency.networks.precision import in_precision
from saliency.readers.normalisation import normalised

log = logging.getLogger(__name__)
Found = TypeVar("Found")


class Seen(NamedTuple):
    """What a network gets of one sample.

    Attributes
    ----------
    values
        ``(c, *spatial)``, normalised.
    region
        ``(*spatial)``, bool, where the scores of a dense model are summed over masks, else None.
    """

    values: np.ndarray
    region: np.ndarray | None


class Runner:
    """The network of one of an experiment's models.

    Parameters
    ----------
    config
        The completed config.
    model
        Model name.
    target_layer
        Of the methods that use one, as in `saliency.methods.method.Method`; None where it is not needed or to be found.
    layout
        Of that layer's output, or of each layer's, where it is known.
    built
        The model's network, where it has been built already.
    """

    def __init__(
        self,
        config: Config,
        model: str,
        target_layer: WantedLayer | Sequence[WantedLayer] = None,
        layout: Layout | Sequence[Layout] | None = None,
        built: nn.Module | None = None,
    ) -> None:
        self.config, self.model, self.target_layer, self.layout = config, model, target_layer, layout
        self.built = built
        self.settings = config["models"][model]

    @property
    def device(self) -> str:
        """Name of the device to compute on."""
        return choose_device(self.config["device"])

    @property
    def dtype(self) -> torch.dtype:
        """Of the parameters and of what is stored."""
        found: torch.dtype = getattr(torch, self.config["precision"])
        return found

    @property
    def ignore_lastlayer(self) -> bool:
        """Whether scores are taken before the last activation."""
        return bool(self.settings["ignore_lastlayer"])

    @property
    def reader(self) -> ScoreReader:
        """Reads the scores off what the network returns."""
        axes = input_axes(self.config, self.model)
        return ScoreReader(self.settings["output"], self.settings["outputs"], axes)

    @cached_property
    def network(self) -> nn.Module:
        """The network, on its device and in the configured precision.

        Raises
        ------
        DataError
            If it cannot be built, or memory does not suffice for it.
        """
        torch.set_num_threads(self.config["threads"])
        network = self.built
        if network is None:
            network = configured_model(self.config, self.model)
            say_made_with(network=network_id(self.config, self.model, network), device=device_name(self.device))
        if self.device != "cpu":
            use_reproducible_algorithms(tf32=self.config["reduced_precision"] == "tf32")
        try:
            network = in_precision(network, self.device, self.dtype)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise DataError(
                f"models.{self.model}: memory does not suffice for the network on {self.device} "
                f"({_first_line(error)}): use a device or machine with more of it, or let fewer jobs share it"
            ) from error
        if self.device == "cpu":
            keep_freed_memory()
            arrange_channels_last(network, torch.zeros(1, *network_shape(self.config, self.model), dtype=self.dtype))
        return network

    def explainer(self, names: Sequence[str], network: nn.Module | None = None) -> Explainer:
        """What makes the maps of some methods of this network, or of another one that is built alike."""
        chosen: list[type[Method]] = [method(name) for name in names]
        return Explainer(
            network or self.network,
            chosen,
            self.target_layer,
            self.settings["section_names"],
            self.config["input"]["mode"],
            self.config["method_settings"],
            self.reader,
            self.layout,
        )

    def normalised(self, inputs: np.ndarray) -> np.ndarray:
        """What the network sees of ``inputs`` ``(n, c, *spatial)``, which are stored before normalisation."""
        settings = input_config(self.config, self.model)
        return normalised(inputs, settings["mean"], settings["std"])

    def seen(self, inputs: np.ndarray, region: np.ndarray | None = None) -> Seen:
        """What the network gets of one sample: of ``inputs`` ``(c, *spatial)``, and of ``region`` ``(*spatial)``.

        Of a failed sample, whose inputs are NaN, zeros.
        """
        values = self.normalised(inputs[np.newaxis])[0]
        # Here, where several threads do it.
        torch.from_numpy(values).nan_to_num_()
        return Seen(values, None if region is None else region > 0)

    def batches(
        self,
        what: str,
        samples: Iterable[Seen],
        count: int,
        work: Callable[[slice, Tensor, Tensor | None], Found],
        progress: Callable[[int], None],
        one_of_many: bool = False,
    ) -> Iterator[tuple[slice, Found]]:
        """Call `work` for one batch after the other; rows, and what it returned.

        A batch for which memory does not suffice is halved and tried again, and the log says so. What is computed for
        a sample does not depend on the other samples of its batch; but libraries choose their algorithms by the size of
        a batch, so that the last bits of floating point results may differ, as with another ``batch_size``.

        Parameters
        ----------
        what
            The step, for the log.
        samples
            What `seen` gives; taken when they are needed.
        count
            How many there are.
        work
            Takes rows, their samples ``[b, c, *spatial]``, and their regions ``[b, *spatial]`` or None. It may be
            called again for rows of which it has done a part.
        progress
            Is told how many samples are done, after each batch.
        one_of_many
            Whether other jobs do the same for other samples: if the job took longer to start than to do this, the log
            says that there could be fewer.

        Raises
        ------
        DataError
            If memory does not suffice for a single sample.
        """
        begin, size, started = 0, self.config["batch_size"], time.perf_counter()
        start_up = time.time() - psutil.Process().create_time()
        left, held = iter(samples), list[Seen]()
        while begin < count:
            rows = slice(begin, min(begin + size, count))
            number = rows.stop - begin
            held += islice(left, max(0, number - len(held)))
            try:
                batch, region = self._batch(held[:number])
                if self.settings["allow_random"]:
                    # Each step draws the same numbers for a batch, in each run.
                    torch.manual_seed(begin)
                with reduced_precision(self.device, self.config["reduced_precision"]):
                    found = work(rows, batch, region)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if number == 1:
                    raise DataError(
                        f"{what}: memory does not suffice for a single sample ({_first_line(error)}): use a device or "
                        "machine with more of it, or a smaller input"
                    ) from error
                size = number // 2
                log.warning("%s: out of memory with %d samples at once: going on with %d", what, number, size)
            else:
                del held[:number]
                begin = rows.stop
                yield rows, found
                progress(begin)
        seconds = time.perf_counter() - started
        if one_of_many and start_up > seconds:
            log.info(
                "%s: %.1f s, after %.1f s in which the job started: a larger shard_size makes fewer jobs",
                what,
                seconds,
                start_up,
            )

    def _batch(self, samples: Sequence[Seen]) -> tuple[Tensor, Tensor | None]:
        """Samples and regions on the device."""
        values = self._stacked([sample.values for sample in samples], self.dtype)
        regions = [sample.region for sample in samples if sample.region is not None]
        region = self._stacked(regions, torch.bool).to(self.device, non_blocking=True) if regions else None
        return values.to(self.device, non_blocking=True), region

    def _stacked(self, arrays: Sequence[np.ndarray], dtype: torch.dtype) -> Tensor:
        """One tensor of them. From memory that is pinned, a GPU copies by itself while the host goes on."""
        stacked = torch.empty((len(arrays), *arrays[0].shape), dtype=dtype, pin_memory=self.device != "cpu")
        np.stack(arrays, out=stacked.numpy())
        return stacked


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
