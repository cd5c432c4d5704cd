"""What a run will take on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import psutil

from saliency.experiment.plan import Plan
from saliency.experiment.resources import largest_job
from saliency.files.in_words import in_bytes
from saliency.store.layout import described_specs


@dataclass(frozen=True)
class Estimate:
    """Of the maps of one model over the whole manifest.

    Attributes
    ----------
    seconds
        On all cores.
    memory
        Bytes that the largest job asks for.
    machine
        Bytes of memory that there are.
    disk
        Bytes of the arrays, before compression.
    cores
        Of this machine.
    """

    seconds: float
    memory: float
    machine: float
    disk: float
    cores: int

    @property
    def line(self) -> str:
        """In words."""
        return (
            f"about {_duration(self.seconds)} for reading and maps on {self.cores} cores, {in_bytes(self.memory)} of "
            f"memory a job (this machine has {in_bytes(self.machine)}), at most {in_bytes(self.disk)} on disk"
        )


def estimate(plan: Plan, model: str, described: Mapping[str, Any], reading: float, maps: float) -> Estimate:
    """Multiply what a sample takes.

    Parameters
    ----------
    plan
        The experiment.
    model
        Model name.
    described
        What the model's JSON descriptions say.
    reading
        Seconds to read a sample.
    maps
        Seconds for its maps of one target, with ``threads`` threads.
    """
    cores = psutil.cpu_count() or 1
    jobs = min(max(1, cores // plan.config["threads"]), len(plan.shards))
    count = len(plan.samples)
    specs = described_specs(plan, model, described).values()
    each = sum(prod(spec.shape) * np.dtype(spec.dtype).itemsize for spec in specs)
    return Estimate(
        seconds=count * (reading + maps * len(plan.targets)) / jobs,
        memory=largest_job(plan, model)[1] * 1e6,
        machine=psutil.virtual_memory().total,
        disk=count * each,
        cores=cores,
    )


def _duration(seconds: float) -> str:
    """Seconds, minutes or hours.

    Examples
    --------
    >>> _duration(40), _duration(600), _duration(9000)
    ('40 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
