"""Checking what a run left: every shard is read, and compared with what the provenance says of it."""

import json
import logging
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr

from saliency.config import Config
from saliency.inputs import Status
from saliency.log import DataError
from saliency.paths import file_sha256
from saliency.plan import Plan
from saliency.shards import ArraySpec, ShardError, read_blocks, read_shard
from saliency.store import described_specs, read_descriptions, store_metadata
from saliency.tables import shard_digests

log = logging.getLogger(__name__)

ADVICE = {
    "missing": "run the workflow to make it",
    "damaged": "delete it (--delete-bad), then run the workflow",
    "unreadable": "let it be read",
    "out of date": "run the workflow to make it again",
    "temporary": "left by a job that was killed: delete it (--delete-bad)",
    "not listed": "delete it if you do not need it",
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}\.tmp")
PROGRESS_SECONDS = 10


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with one file.

    Attributes
    ----------
    path
        The file.
    kind
        A key of `ADVICE`.
    what
        What is wrong.
    """

    path: Path
    kind: str
    what: str

    @property
    def bad(self) -> bool:
        """Whether the file can only be deleted; what is out of date still holds results."""
        return self.kind in ("damaged", "temporary")

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}: {self.what}; {ADVICE[self.kind]}"


@dataclass
class Count:
    """What was found of one array."""

    model: str
    array: str
    shards: int = 0
    samples: int = 0
    ok: int = 0
    missing: int = 0
    damaged: int = 0
    out_of_date: int = 0
    bytes: int = 0


def verify(experiment: Path) -> tuple[list[Count], list[Problem]]:
    """Read every shard of an experiment and list what is wrong.

    Parameters
    ----------
    experiment
        ``results/EXPERIMENT``.

    Returns
    -------
    counts
        One entry per array.
    problems
        One per file. A shard is damaged if it does not decode, a checksum is wrong, or its values contradict the other
        arrays of its samples: NaN in a sample that has a result, or values in one that has none. It is out of date if
        the digest that ``provenance.json`` has of it is no longer that of the samples' files and the settings.

    Raises
    ------
    DataError
        If there is nothing to check.
    """
    stores = sorted(path for path in experiment.glob("*.zarr") if path.is_dir())
    record, plan, problems = _read_record(experiment)
    if not record and not stores:
        raise DataError(f"{experiment} holds neither provenance.json nor a store: name the folder results/EXPERIMENT")
    models = plan.models if plan else [path.stem for path in stores]
    now = _digests_now(experiment, plan) if plan else None
    counts: list[Count] = []
    for model in models:
        check = _StoreCheck(experiment, model, record, plan, now[model] if now else None)
        check.run()
        counts += check.counts.values()
        problems += check.problems
    problems += [
        Problem(path, "not listed", "is no model of provenance.json") for path in stores if path.stem not in models
    ]
    problems += [
        Problem(path, "temporary", "is unfinished")
        for path in sorted(experiment.rglob(".*.tmp"))
        if TEMPORARY.fullmatch(path.name)
    ]
    return counts, problems


def delete_bad(problems: Iterable[Problem]) -> list[Path]:
    """Delete what `verify` found to be damaged or left over, and return it; the next run makes it again."""
    bad = [problem.path for problem in problems if problem.bad and problem.path.is_file()]
    for path in bad:
        path.unlink()
    return bad


def as_table(counts: Iterable[Count]) -> str:
    """Lay out counts as text, one line per array."""
    table = pd.DataFrame([vars(count) for count in counts]).rename(columns={"out_of_date": "out of date"})
    table["MB"] = (table.pop("bytes") / 1e6).map("{:.1f}".format)
    return table.to_string(index=False)


def _read_record(experiment: Path) -> tuple[dict[str, Any], Plan | None, list[Problem]]:
    """``provenance.json`` and the plan that it describes; nothing but a problem if it is missing or cannot be used."""
    path = experiment / "provenance.json"
    if not path.is_file():
        return {}, None, [Problem(path, "missing", "layouts are taken from zarr.json, digests are not compared")]
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        # Paths in a config start at the folder in which Snakemake ran.
        with chdir(experiment.resolve().parents[1]):
            plan = Plan(record["config"])
        if not all(NAME.fullmatch(name) for name in [*plan.models, *plan.targets]):
            raise ValueError("it holds other names than a config can")
        for model in plan.models:
            described_specs(plan, model, record["models"][model])
            if not all(re.fullmatch(r".+/c(\.\d+)+", key) for key in record["digests"][model]):
                raise ValueError("its digests are not those of shards")
    # Whatever is wrong with it surfaces here, in whatever way.
    except Exception as error:
        what = f"cannot be used ({type(error).__name__}: {' '.join(str(error).split())})"
        return {}, None, [Problem(path, "damaged", what)]
    return record, plan, []


def _digests_now(experiment: Path, plan: Plan) -> dict[str, dict[str, str]] | None:
    """Digests as they would be recorded today; None if they cannot be computed."""
    if plan.samples.empty:
        log.warning("%s cannot be read: whether shards are out of date is not checked", plan.manifest)
        return None
    with chdir(experiment.resolve().parents[1]):
        try:
            return shard_digests(plan)
        except (KeyError, ValueError, OSError) as error:
            log.warning("whether shards are out of date is not checked: digests cannot be computed: %r", error)
            return None


class _StoreCheck:
    """One model's store; fills `counts` and `problems`."""

    def __init__(
        self,
        experiment: Path,
        model: str,
        record: Mapping[str, Any],
        plan: Plan | None,
        now: Mapping[str, str] | None,
    ) -> None:
        self.experiment, self.model, self.record, self.plan, self.now = experiment, model, record, plan, now
        self.root = experiment / f"{model}.zarr"
        self.config: Config = record.get("config", {})
        self.listed: dict[str, str] = record["digests"][model] if record else {}
        self.counts: dict[str, Count] = {}
        self.problems: list[Problem] = []
        self.stored_ids, self.manifest_ids = self._stored_ids(), self._manifest_ids()
        self.ids = self.stored_ids or self.manifest_ids
        self.specs, self.total = self._layout()

    def run(self) -> None:
        self.counts = {name: Count(self.model, name) for name in self.specs}
        if not self.specs:
            self._add("zarr.json", "missing", "without it and provenance.json the layout is not known")
            return
        if self.record:
            self._check_descriptions()
            self._check_metadata()
        size = next(iter(self.specs.values())).shard_size
        shards, told = -(-self.total // size), time.monotonic()
        for number in range(shards):
            self._check_shard(number, min(size, self.total - number * size))
            if time.monotonic() - told > PROGRESS_SECONDS:
                told = time.monotonic()
                log.info("%s: shard %d of %d", self.model, number + 1, shards)
        self._check_list(shards)

    def _add(self, name: str, kind: str, what: str) -> None:
        self.problems.append(Problem(self.root / name, kind, what))

    def _stored_ids(self) -> list[str] | None:
        try:
            found = zarr.open_array(self.root / "id", mode="r")[...].tolist()
        # Zarr raises what it likes on what is broken.
        except Exception as error:
            log.debug("%s: %s", self.root / "id", error)
            return None
        return found if found and all(isinstance(name, str) and name for name in found) else None

    def _manifest_ids(self) -> list[str] | None:
        """Sample ids of the manifest, if it still is the one that the run had."""
        if self.plan is None or self.plan.samples.empty:
            return None
        with chdir(self.experiment.resolve().parents[1]):
            same = file_sha256(self.plan.manifest) == self.record["manifest_sha256"]
        return self.plan.samples["id"].tolist() if same else None

    def _layout(self) -> tuple[dict[str, ArraySpec], int]:
        """Layout of each array and the number of samples, from the provenance or else from ``zarr.json`` files."""
        written: dict[str, tuple[ArraySpec, int]] = {}
        for path in sorted(self.root.rglob("zarr.json")):
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
                if found["node_type"] == "array" and path.parent.name != "id":
                    written[path.parent.relative_to(self.root).as_posix()] = _spec_of(found), found["shape"][0]
            except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
                if not self.record:
                    name = path.relative_to(self.root).as_posix()
                    self._add(name, "damaged", f"cannot be used ({type(error).__name__}: {error})")
        if self.plan:
            specs = described_specs(self.plan, self.model, self.record["models"][self.model])
        else:
            specs = {name: spec for name, (spec, _) in written.items()}
        if self.ids:
            return specs, len(self.ids)
        size = self.config.get("shard_size", 1)
        numbers = [int(key.rpartition("/c.")[2].split(".")[0]) for key in self.listed]
        return specs, max((total for _, total in written.values()), default=size * (1 + max(numbers, default=-1)))

    def _check_descriptions(self) -> None:
        """Compare ``model.json`` and ``target_layer.json`` with what the provenance has of them."""
        recorded, found = self.record["models"][self.model], {}
        for name in ["model.json"] + (["target_layer.json"] if "target_layer" in recorded else []):
            path = self.experiment / self.model / name
            if not path.is_file():
                self.problems.append(Problem(path, "missing", "describes the model"))
                return
            try:
                found |= read_descriptions([path])
            except (ValueError, TypeError) as error:
                self.problems.append(Problem(path, "damaged", f"cannot be read: {error}"))
                return
            if any(recorded.get(key) != value for key, value in found.items()):
                self.problems.append(Problem(path, "damaged", "is not what provenance.json has of it"))
                return

    def _check_metadata(self) -> None:
        if self.ids is None:
            self._add("id/c.0", "damaged", "the sample ids cannot be read, here or from the manifest of the run")
            return
        for name, content in store_metadata(self.specs, self.ids).items():
            path = self.root / name
            if not path.is_file():
                self._add(name, "missing", "is part of the store's metadata")
            elif path.suffix == ".json":
                if _json(path) != json.loads(content):
                    self._add(name, "damaged", "is not what belongs to the config and the model")
            elif self.stored_ids != (self.manifest_ids or self.ids):
                self._add(name, "damaged", "does not hold the sample ids of the manifest")

    def _check_shard(self, number: int, rows: int) -> None:
        """Read one shard of every array, and compare them."""
        bad: set[str] = set()
        values: dict[str, np.ndarray | None] = {}
        for name, spec in self.specs.items():
            self.counts[name].shards += 1
            self.counts[name].samples += rows
            values[name] = self._read(name, number, rows, spec)
        for name, what in self._contradictions(values, number):
            bad.add(name)
            self._add(self._key(name, number), "damaged", what)
            self.counts[name].damaged += 1
        for name, found in values.items():
            if found is None or name in bad:
                continue
            key = self._key(name, number)
            if self.now is not None and key in self.listed and self.now.get(key) != self.listed[key]:
                self.counts[name].out_of_date += 1
                what = "its samples, their files or its settings changed" if key in self.now else "has no samples now"
                self._add(key, "out of date", what)
            else:
                self.counts[name].ok += 1

    def _key(self, name: str, number: int) -> str:
        return ".".join([f"{name}/c", str(number), *["0"] * len(self.specs[name].shape)])

    def _read(self, name: str, number: int, rows: int, spec: ArraySpec) -> np.ndarray | None:
        """Values of a small array, or of a large one which samples are finite (1), all NaN (0) or mixed (-1)."""
        key = self._key(name, number)
        path, count = self.root / key, self.counts[name]
        if not path.exists():
            count.missing += 1
            self._add(key, "missing", "there is no such shard")
            return None
        try:
            count.bytes += path.stat().st_size
            if name.rpartition("/")[2] in ("status", "class"):
                return read_shard(path, rows, spec)
            return np.concatenate([_state(block) for block in read_blocks(path, rows, spec)])
        except ShardError as error:
            self._add(key, "damaged", error.reason)
        except OSError as error:
            self._add(key, "unreadable", str(error.strerror))
        count.damaged += 1
        return None

    def _contradictions(self, values: Mapping[str, np.ndarray | None], number: int) -> list[tuple[str, str]]:
        """Arrays whose values cannot be true beside those of the others, and why; one reason each."""
        found: dict[str, str] = {}
        first = number * next(iter(self.specs.values())).shard_size

        def expect(name: str, good: np.ndarray, what: str) -> None:
            if name not in found and not good.all():
                row = first + int(np.flatnonzero(~good)[0])
                found[name] = f"sample {repr(self.ids[row]) if self.ids else row}: {what}"

        status, logits = values.get("status"), values.get("logits")
        if status is None:
            return []
        ok = status == Status.OK
        expect("status", np.isin(status, list(Status)), "has no status that there is")
        for name in ("inputs", "affine"):
            if (state := values.get(name)) is not None:
                expect(name, state == ok, "the values are not finite" if name not in found and (ok & (state != 1)).any()
                       else "has values although it could not be read")  # fmt: skip
        if logits is None:
            return list(found.items())
        expect(
            "logits", (logits == 0) | ((logits == 1) & ok), "some scores are NaN, or there are some of a failed sample"
        )
        strict = self.config.get("on_error", "fail") == "fail"
        if strict:
            expect("logits", ~ok | (logits == 1), "there are no scores")
        usable = ok & (logits == 1)
        for name, classes in values.items():
            target, _, array = name.rpartition("/")
            if array != "class" or classes is None:
                continue
            known = (classes < self.specs["logits"].shape[0]) & (classes >= (-1 if target == "label" else 0))
            expect(name, np.where(usable, known, classes == -1), "the class is none that can be explained")
            for other, state in values.items():
                if other.startswith(f"{target}/") and other != name and state is not None:
                    expect(other, (classes >= 0) | (state == 0), "has a map although no class is explained")
                    expect(other, (classes < 0) | (state == 1) | (not strict), "the map is not finite")
        return list(found.items())

    def _check_list(self, shards: int) -> None:
        """Compare the files that are there with those that the provenance lists."""
        expected = {self._key(name, number) for name in self.specs for number in range(shards)}
        if self.record and expected != self.listed.keys():
            what = f"lists {len(self.listed)} shards of {self.model}, but its samples make {len(expected)}"
            self.problems.append(Problem(self.experiment / "provenance.json", "out of date", what))
        for key in sorted((self.listed.keys() | (self.now or {}).keys()) - expected):
            if not (self.root / key).is_file():
                self._add(key, "missing", "the manifest has samples for it, or had them in the last run")
        metadata = {"zarr.json", "id/zarr.json", "id/c.0", *(f"{name}/zarr.json" for name in self.specs)}
        metadata |= {f"{name.partition('/')[0]}/zarr.json" for name in self.specs if "/" in name}
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if path.is_dir() or name in metadata or TEMPORARY.fullmatch(path.name):
                continue
            if name not in expected and name not in self.listed:
                self._add(name, "not listed", "belongs to no sample or no array of the experiment")


def _spec_of(metadata: Mapping[str, Any]) -> ArraySpec:
    """Layout of an array, from its ``zarr.json``."""
    shard = metadata["chunk_grid"]["configuration"]["chunk_shape"]
    names = tuple(metadata["dimension_names"][1:])
    return ArraySpec(tuple(metadata["shape"][1:]), str(np.dtype(metadata["data_type"])), names, int(shard[0]))


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None


def _state(values: np.ndarray) -> np.ndarray:
    """Per sample: 1 if all values are finite, 0 if all are NaN, else -1."""
    flat = values.reshape(len(values), -1)
    return np.where(np.isfinite(flat).all(axis=1), 1, np.where(np.isnan(flat).all(axis=1), 0, -1))
