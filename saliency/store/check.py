"""Checking one model's store: every shard is read and compared with the others, the metadata, and the provenance."""

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from saliency.exceptions import DataError, ShardError, Status
from saliency.experiment.arrays import ID_FILES, chunk_key, stored_array
from saliency.experiment.config import Config
from saliency.experiment.descriptions import read_descriptions
from saliency.experiment.plan import Plan
from saliency.files.atomic_files import TEMPORARY
from saliency.files.made_with import differences, read_made_with
from saliency.files.paths import file_sha256
from saliency.store.codec import ArraySpec, read_blocks, read_shard
from saliency.store.layout import ID_BYTES, described_specs, id_bytes, id_bytes_files, store_metadata
from saliency.store.problems import Count, Problem

log = logging.getLogger(__name__)
PROGRESS_SECONDS = 10


class StoreCheck:
    """One model's store.

    Parameters
    ----------
    experiment, model
        Folder ``results/EXPERIMENT``, and the model's name.
    record, plan
        ``provenance.json`` and the plan that it describes; {} and None without it.
    now
        Digests as they would be recorded today, by the shard's path in the store; None if they are not known.

    Attributes
    ----------
    counts, problems
        Filled by `run`.
    """

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
        """Read every shard."""
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
        self._check_makers(shards)

    def _add(self, name: str, kind: str, what: str) -> None:
        self.problems.append(Problem(self.root / name, kind, what))

    def _stored_ids(self) -> list[str] | None:
        try:
            found = np.asarray(zarr.open_array(self.root / "id", mode="r")[...]).tolist()
        # Zarr raises what it likes on what is broken.
        except Exception as error:
            log.debug("%s: %s", self.root / "id", error)
            return None
        return found if found and all(isinstance(name, str) and name for name in found) else None

    def _manifest_ids(self) -> list[str] | None:
        """Sample ids of the manifest, if it still is the one that the run had."""
        if self.plan is None or self.plan.samples.empty:
            return None
        same = file_sha256(self.plan.manifest) == self.record["manifest_sha256"]
        return self.plan.samples["id"].tolist() if same else None

    def _layout(self) -> tuple[dict[str, ArraySpec], int]:
        """Layout of each array and the number of samples, from the provenance or else from ``zarr.json`` files."""
        written: dict[str, tuple[ArraySpec, int]] = {}
        for path in sorted(self.root.rglob("zarr.json")):
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
                if found["node_type"] == "array" and path.parent.name not in ("id", ID_BYTES):
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
        recorded: dict[str, Any] = self.record["models"][self.model]
        found: dict[str, Any] = {}
        for name in ["model.json"] + (["target_layer.json"] if "target_layer" in recorded else []):
            path = self.experiment / self.model / name
            if not path.is_file():
                self.problems.append(Problem(path, "missing", "describes the model"))
                return
            try:
                found |= read_descriptions([path])
            except (ValueError, TypeError, DataError) as error:
                self.problems.append(Problem(path, "damaged", f"cannot be read: {error}"))
                return
            if any(recorded.get(key) != value for key, value in found.items()):
                self.problems.append(Problem(path, "damaged", "is not what provenance.json has of it"))
                return

    def _check_metadata(self) -> None:
        if self.ids is None:
            self._add("id/c.0", "damaged", "the sample ids cannot be read, here or from the manifest of the run")
            return
        wrong: set[str] = set()
        files = store_metadata(self.specs, self.ids)
        # Stores of earlier versions do without it.
        if (self.root / ID_BYTES).is_dir():
            files |= id_bytes_files(self.ids)
        # `id/zarr.json` comes before `id/c.0`, which cannot be judged without it.
        for name, content in sorted(files.items(), reverse=True):
            path = self.root / name
            if not path.is_file():
                wrong.add(name)
                self._add(name, "missing", "is part of the store's metadata")
            elif path.suffix == ".json":
                if _json(path) != json.loads(content):
                    wrong.add(name)
                    self._add(name, "damaged", "is not what belongs to the config and the model")
            elif f"{path.parent.name}/zarr.json" not in wrong and not self._holds_ids(path.parent.name):
                self._add(name, "damaged", "does not hold the sample ids of the manifest")

    def _holds_ids(self, array: str) -> bool:
        if array != ID_BYTES:
            return self.stored_ids == (self.manifest_ids or self.ids)
        try:
            found = np.asarray(zarr.open_array(self.root / ID_BYTES, mode="r")[...])
        # Zarr raises what it likes on what is broken.
        except Exception as error:
            log.debug("%s: %s", self.root / ID_BYTES, error)
            return False
        return np.array_equal(found, id_bytes(self.manifest_ids or self.ids or []))

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
                what = (
                    "its samples, their files, its settings or its network's code changed"
                    if key in self.now
                    else "has no samples now"
                )
                self._add(key, "out of date", what)
            else:
                self.counts[name].ok += 1

    def _key(self, name: str, number: int) -> str:
        return chunk_key(name, number, len(self.specs[name].shape))

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
        metadata = {"zarr.json", *ID_FILES, *(f"{name}/zarr.json" for name in self.specs)}
        metadata |= {f"{name.partition('/')[0]}/zarr.json" for name in self.specs if "/" in name}
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if path.is_dir() or name in metadata or TEMPORARY.fullmatch(path.name):
                continue
            if name not in expected and name not in self.listed:
                self._add(name, "not listed", "belongs to no sample or no array of the experiment")

    def _check_makers(self, shards: int) -> None:
        """Compare what the logs of the jobs that made the shards say of versions, processors and networks."""
        if self.plan is None:
            return
        logs = self.experiment / "logs" / self.model
        fused = self.config["execution"] == "fused"
        names = {"fused"} if fused else {_job(path) for path in self.plan.arrays}
        paths = (logs / name / f"{number}.log" for name in sorted(names) for number in range(shards))
        jobs = {path: facts for path in paths if (facts := read_made_with(path))}
        for name, path, said in differences(jobs):
            what = f"shards of {self.model} were made with another {name} than others: {said}; this job with the rarest"
            self.problems.append(Problem(path, "mixed", what))


def _job(path: str) -> str:
    """Where the logs of the jobs lie that make an array, among those of its model."""
    target, step = path.rpartition("/")[0], stored_array(path).step
    return f"{target}/{step}" if target else step


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
