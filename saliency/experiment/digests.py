"""The digest that decides whether a job runs again: what its result depends on, in one string.

Snakemake compares it with the one of the last run. It covers sample ids and fingerprints of files, the part of the
config that a step and the steps before it read, and the versions of their code. What is still in its first version adds
nothing of its own, so that a new kind of thing does not make everything anew.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np

from saliency.experiment.arrays import stored_array
from saliency.experiment.checks import checks
from saliency.experiment.config import Config, file_columns, input_config
from saliency.experiment.factory_files import changed_factory_files
from saliency.experiment.keys.inputs import told_input
from saliency.experiment.keys.models import MODEL_KEYS
from saliency.experiment.plan import Plan
from saliency.experiment.report_size import report_side
from saliency.experiment.selection import Selection
from saliency.experiment.sources import Sources
from saliency.experiment.steps import step
from saliency.files.code_versions import code_of, counted
from saliency.files.network_files import stored_in
from saliency.files.paths import fingerprint, resolve
from saliency.methods.registered import method, methods
from saliency.metrics.registered import measure_keys, measures
from saliency.registry.key import default_of


def digest(*parts: Any) -> str:
    """Hash values that JSON can hold.

    Examples
    --------
    >>> digest("predict", 1) == digest("predict", 1) != digest("predict", 2)
    True
    """
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Digests:
    """Digests of an experiment's jobs, by the names of their rules.

    Parameters
    ----------
    plan
        The experiment.
    page
        Fingerprint of the files of this package that the report's page consists of.
    findings
        Version of each kind of finding, by name.
    facts
        Version of each group of facts, by name.
    """

    def __init__(
        self,
        plan: Plan,
        page: str = "",
        findings: Mapping[str, int] | None = None,
        facts: Mapping[str, int] | None = None,
    ) -> None:
        self.plan, self.config, self.page = plan, plan.config, page
        self.findings, self.facts = dict(findings or {}), dict(facts or {})
        self.selection, self.sources = Selection(plan), Sources(plan)
        self._of_shard = lru_cache(maxsize=None)(self._uncached_of_shard)
        self._of_model = lru_cache(maxsize=None)(self._uncached_of_model)
        self._facts = lru_cache(maxsize=None)(self._uncached_facts)
        self._shard_steps: dict[str, Callable[[str, int, str | None], str]] = {
            "prepare": self._prepare,
            "predict": self._predict,
            "target_class": self._target_class,
            "measure": self._measure,
            "sprites": self._sprites,
            "outlines": self._outlines,
            "fused": self._fused,
        }
        self._model_steps: dict[str, Callable[[str, str | None], str]] = {
            "inspect_model": lambda model, _: self._inspect_model(model),
            "find_target_layer": lambda model, _: self._of_model(model, True),
            "zarr_metadata": self._zarr_metadata,
            "train": lambda model, _: self._train(model),
            "predictions": self._predictions,
            "metrics": self._metrics,
            "facts_test": self._facts_test,
            "audit": self._audit,
            "findings": self._findings,
            "mean_maps": self._mean_maps,
            "model_data": self._model_data,
            "plot": self._plot,
            "contact_sheets": self._contact_sheets,
            **{name: partial(self._check, name) for name in checks()},
        }
        self._experiment_steps: dict[str, Callable[[], str]] = {
            "cut_patches": self._cut_patches,
            "plant_watermarks": self._plant_watermarks,
            "plant_logos": self._plant_logos,
            "errors": self._errors,
            "provenance": self._provenance,
            "report_page": self._report_page,
            "facts_table": lambda: self._of_facts("facts_table"),
            "duplicates": self._duplicates,
        }

    def of(self, name: str, model: str | None = None, shard: int | None = None, target: str | None = None) -> str:
        """Identify what a step's result depends on; a job whose digest changed is run again.

        Parameters
        ----------
        name
            Of the step, that of its rule.
        model
            Model name, for steps that work on one.
        shard
            Number of the shard, for steps that work on one.
        target
            Name of the target, for steps that explain a class.

        Raises
        ------
        ValueError
            If there is no such step, or it works on something else.
        """
        if model is not None and shard is not None:
            return self._of_shard(name, model, shard, target)
        if model is not None and name in self._model_steps:
            return self._model_steps[name](model, target)
        if name == "facts" and model is None and shard is not None:
            return self._facts(shard)
        if model is None and name in self._experiment_steps:
            return self._experiment_steps[name]()
        works_on = "a shard" if name in self._shard_steps or name in methods() else "something else"
        raise ValueError(f"step '{step(name).name}' works on {works_on}")

    # Steps on a shard.

    def _uncached_of_shard(self, name: str, model: str, shard: int, target: str | None) -> str:
        if name in methods():
            return self._method(name, model, shard, target)
        if name not in self._shard_steps:
            raise ValueError(f"step '{step(name).name}' does not work on a shard")
        return self._shard_steps[name](model, shard, target)

    def _prepare(self, model: str, shard: int, _: str | None) -> str:
        plan, inputs, columns = self.plan, input_config(self.config, model), file_columns(self.config, model)
        paths = zip(*(plan.values(column, shard) for column in columns), strict=True)
        files = [[self.sources.sample_fingerprint(name) for name in names] for names in paths]
        # Volumes are stored in RAS order, whatever the network sees.
        unused = ["mean", "std", "orientation"] + ([] if "mask" in columns else ["mask_values"])
        settings = {key: value for key, value in told_input(inputs).items() if key not in unused}
        layout = [self.config["region"], plan.shard_size, self.config["precision"]]
        source = [code_of(inputs["transform"], plan.root)] if inputs.get("transform") else []
        return digest("prepare", step("prepare").version, plan.values("id", shard), files, settings, *layout, *source)

    def _predict(self, model: str, shard: int, _: str | None) -> str:
        reduced = [self.config["reduced_precision"]] if self.config["reduced_precision"] else []
        before = [self._of_shard("prepare", model, shard, None), self._of_model(model, False)]
        return digest("predict", step("predict").version, *before, self.config["batch_size"], *reduced)

    def _target_class(self, model: str, shard: int, target: str | None) -> str:
        labels: list[Any] | None = None
        if target == "label":
            labels = self.plan.labels(self.plan.rows(shard)).tolist()
        elif target is not None and target.startswith("label-"):
            labels = self.plan.values("label", shard)
        before = self._of_shard("predict", model, shard, None)
        return digest("target_class", step("target_class").version, before, target, labels, *self._threshold(model))

    def _method(self, name: str, model: str, shard: int, target: str | None) -> str:
        kind = method(name)
        settings = kind.complete(self.config["method_settings"].get(name, {}))
        before = [self._of_shard(part, model, shard, target) for part in kind.parts]
        if not kind.parts:
            before = [self._of_shard("target_class", model, shard, target)]
        if "features" in kind.needs:
            before.append(self._of_model(model, True))
        bits = self.config["keep_bits"].get(name)
        told = [*([settings] if settings else []), *([{"keep_bits": bits}] if bits else [])]
        told += [code_of(kind.package)] if kind.package else []
        return digest(name, kind.version, *before, *told)

    def _fused(self, model: str, shard: int, _: str | None) -> str:
        last = [self._of_shard(name, model, shard, of) for of in self.plan.targets for name in self.plan.methods]
        return digest("fused", last)

    def _measure(self, model: str, shard: int, _: str | None) -> str:
        plan = self.plan
        maps = [self._of_shard(name, model, shard, target) for target in plan.targets for name in plan.measured]
        settings = {key: self.config["audit"][key] for key in (*measure_keys(), "grid")}
        raised = {name: measure.version for name, measure in measures().items() if measure.version > 1}
        own = [settings, list(measures()), *([raised] if raised else [])]
        return digest("measure", step("measure").version, maps, *self._masks(model, shard), *own)

    def _masks(self, model: str, shard: int) -> list[Any]:
        """What masks are read from."""
        column = self.plan.mask_column
        masks = self.plan.values(column, shard) if column else []
        files = [self.sources.sample_fingerprint(name) for name in masks] if column == "mask" else []
        return [column, masks, files, input_config(self.config, model).get("mask_values")]

    def _sprites(self, model: str, shard: int, _: str | None) -> str:
        maps = [self._of_shard(name, model, shard, of) for of in self.plan.targets for name in self.plan.methods]
        return digest("sprites", step("sprites").version, maps, report_side(self.plan))

    def _outlines(self, model: str, shard: int, _: str | None) -> str:
        prepared, size = self._of_shard("prepare", model, shard, None), report_side(self.plan)
        return digest("outlines", step("outlines").version, prepared, *self._masks(model, shard), size)

    def _uncached_facts(self, shard: int) -> str:
        plan = self.plan
        files = [self.sources.sample_fingerprint(name) for name in plan.values(plan.first_column, shard)]
        return digest("facts", step("facts").version, plan.values("id", shard), files, self.facts)

    # Steps on a model, or on one of its targets.

    def _inspect_model(self, model: str) -> str:
        found = self._of_model(model, self.config["execution"] == "fused")
        expected = self.config["models"][model]["expect"]
        return digest(found, expected) if expected else found

    def _uncached_of_model(self, model: str, layer: bool) -> str:
        settings = self.config["models"][model]
        weights = stored_in(settings["factory"], settings["weights"])
        keys = ["factory", "kwargs", "ignore_lastlayer"]
        keys += ["target_layer", "tokens", "section_names"] if layer else []
        return digest(
            step("find_target_layer" if layer else "inspect_model").version,
            {key: settings[key] for key in keys} | self._reading(model),
            self.sources.weights_fingerprint(resolve(weights, self.plan.root)) if weights else None,
            self._train(model) if settings["train"] else None,
            # Where a module's prefix puts what is trained changes nothing.
            f"results/{self.config['experiment']}/{model}/weights.safetensors" if settings["train"] else weights,
            told_input(input_config(self.config, model)),
            self.config["precision"],
            *([] if settings["train"] else [*self._taken(model), *self._code(model)]),
        )

    def _code(self, model: str) -> list[Any]:
        """What the network's code and the files that it reads are known by, where results of before do not have it."""
        settings = self.config["models"][model]
        code = settings["code"]
        if code is None:
            code = counted(code_of(settings["factory"], self.plan.root))
        changed = changed_factory_files(self.config, model, self.plan.root)
        return [*([code] if code else []), *([{"files": changed}] if changed else [])]

    def _taken(self, model: str) -> list[Any]:
        """What is taken of a checkpoint, if it is not what is found there."""
        keys = {"weights_key": None, "weights_prefix": None, "weights_strict": True}
        settings = {key: self.config["models"][model][key] for key in keys}
        return [] if settings == keys else [settings]

    def _reading(self, model: str) -> Config:
        """How scores are read, where a network returns something else than its logits."""
        settings, plain = self.config["models"][model], {"output": None, "outputs": "logits"}
        return {key: settings[key] for key, value in plain.items() if settings[key] != value}

    def _threshold(self, model: str) -> list[float]:
        """Above which probability a class is predicted, where that is said."""
        threshold = self.config["models"][model]["threshold"]
        return [] if threshold == default_of(MODEL_KEYS, "threshold") else [threshold]

    def _train(self, model: str) -> str:
        settings, plan = self.config["models"][model], self.plan
        training, trusted = dict(settings["train"]), settings["trust_checkpoint"]
        # What a network that starts with the factory's weights and is trained as a whole learned stays.
        pretrained, frozen = training.pop("pretrained"), training.pop("freeze")
        start = None
        if pretrained:
            files = self.sources.weights_fingerprint(resolve(pretrained, plan.root))
            start = [pretrained, files, trusted, *self._taken(model)]
        shards = plan.labelled_shards(model)
        rows = plan.samples.iloc[[row for shard in shards for row in plan.rows(shard).index]]
        told = told_input(input_config(self.config, model))
        normalisation = {key: told[key] for key in ("mean", "std", "orientation") if key in told}
        return digest(
            step("train").version,
            {"factory": settings["factory"], "kwargs": settings["kwargs"], "train": training, **self._reading(model)},
            [self._of_shard("prepare", model, shard, None) for shard in shards],
            rows[["id", "label", settings["train"]["split"]]].to_dict("list"),
            normalisation,
            self.config["threads"],
            *([start, frozen] if start or frozen else []),
            *self._code(model),
        )

    def _every(self, name: str, model: str, target: str | None = None) -> list[str]:
        return [self._of_shard(name, model, shard, target) for shard in self.plan.shards]

    def _zarr_metadata(self, model: str, _: str | None) -> str:
        layout = [self.plan.columns["id"], self.plan.arrays, self.plan.shard_size]
        layout += [self.config["keep_bits"]] if self.config["keep_bits"] else []
        return digest("zarr_metadata", step("zarr_metadata").version, self._of_model(model, True), *layout)

    def _class_names(self, model: str) -> list[Any]:
        names = self.config["models"][model]["class_names"]
        return [names, fingerprint(resolve(names, self.plan.root)) if isinstance(names, str) else None]

    def _predictions(self, model: str, _: str | None) -> str:
        settings = [self.config["models"][model]["outputs"], "label" in self.plan.targets, self._class_names(model)]
        settings += self._threshold(model)
        version = step("predictions").version
        return digest("predictions", version, self._every("predict", model), self.plan.columns, settings)

    def _metrics(self, model: str, _: str | None) -> str:
        measured, said = self._every("measure", model), self.of("predictions", model)
        return digest("metrics", step("metrics").version, measured, said)

    def _facts_test(self, model: str, _: str | None) -> str:
        audited = [self.config["audit"][key] for key in ("where", "seed")]
        return self._of_facts("facts_test", self.of("predictions", model), audited)

    def _audit(self, model: str, _: str | None) -> str:
        # The choice of a map is in the measures, which say nothing of it where it is the leading method's anyway.
        own = (*checks(), "findings", "map")
        settings = {key: value for key, value in self.config["audit"].items() if key not in own}
        return self._of_facts("audit", self.of("metrics", model), settings)

    def _findings(self, model: str, target: str | None) -> str:
        # A new kind has to be looked for as well, so that those in their first version are named too.
        kinds, settings = self.findings, self.config["audit"]["findings"]
        drawn = self.selection.chosen["id"].tolist()
        before = [self.of("audit", model), *self._evidence(model, target)]
        return digest("findings", step("findings").version, *before, target, kinds, settings, drawn)

    def _evidence(self, model: str, target: str | None) -> list[str]:
        """Of the checks and the files alone that findings read, which are told with the first target."""
        if target != self.plan.targets[0]:
            return []
        asked = [name for name, check in checks().items() if check.evidence and self.config["audit"][name] is not None]
        of_files = [self.of("facts_test", model), *([self._duplicates()] if self.plan.ndim == 2 else [])]
        return [*(self.of(name, model) for name in asked), *of_files]

    def _mean_maps(self, model: str, target: str | None) -> str:
        audit, audited = self.config["audit"], self.plan.audited_method
        maps = self._every(audited, model, target) if audited else []
        groups = [audit["where"], audit["min_count"], self.selection.audit_columns, self.plan.columns]
        return digest("mean_maps", step("mean_maps").version, maps, groups)

    def _model_data(self, model: str, _: str | None) -> str:
        means = [self.of("mean_maps", model, None, target) for target in self.plan.targets]
        return digest("model_data", step("model_data").version, self.of("audit", model), means)

    def _plot(self, model: str, _: str | None) -> str:
        return self._figures("plot", "contact_sheets", model, self.selection.chosen["id"].tolist())

    def _contact_sheets(self, model: str, _: str | None) -> str:
        return self._figures("contact_sheets", "samples", model, None)

    def _figures(self, name: str, unused: str, model: str, drawn: list[str] | None) -> str:
        settings = {key: value for key, value in self.config["plots"].items() if key != unused}
        return digest(name, step(name).version, drawn, settings, self._class_names(model), self.plan.methods)

    def _check(self, check: str, model: str, target: str | None) -> str:
        kind, rows, audit = checks()[check], self.selection.checked(check), self.config["audit"]
        # A target's maps follow from the prepared samples.
        arrays = kind.arrays(self.plan.methods)
        names = self.plan.methods if target else list(dict.fromkeys(stored_array(name).step for name in arrays))
        masked = kind.masks and self.plan.mask_column is not None
        asked = [name for name in kind.reads if audit[name] is not None]
        before = [self.of(name, model, None, target if checks()[name].per_target else None) for name in asked]
        read = [*before, *kind.settings_of_others(audit)]
        return digest(
            check,
            step(check).version,
            [self._of_shard(name, model, shard, target) for shard in self.plan.shards_of(rows) for name in names],
            self._of_model(model, True),
            rows.tolist(),
            [audit[check], audit["seed"], self.plan.methods, self.config["batch_size"]],
            self.config["models"][model]["outputs"],
            *([self._labels(rows)] if kind.labels else []),
            *([parts] if (parts := kind.parts()) else []),
            *self._threshold(model),
            *([self._masks(model, shard) for shard in self.plan.shards_of(rows)] if masked else []),
            *([read] if read else []),
        )

    def _labels(self, rows: np.ndarray) -> list[Any]:
        samples = self.plan.samples.iloc[rows]
        return (
            self.plan.labels(samples).tolist() if self.plan.labels_are == "class" else self.plan.label_classes(samples)
        )

    # Steps on the whole experiment.

    def _cut_patches(self) -> str:
        table = self.plan.samples[["path", "mask", "volume", "label"]].to_dict("list")
        return digest("patches", step("cut_patches").version, table, self.config["patches"])

    def _plant_watermarks(self) -> str:
        table = self.plan.samples[["path", "watermark"]].to_dict("list")
        return digest("digits", step("plant_watermarks").version, table, self.config["digits"])

    def _plant_logos(self) -> str:
        table = self.plan.samples[["path", "label", "split", "logo"]].to_dict("list")
        return digest("textures", step("plant_logos").version, table, self.config["textures"])

    def _of_facts(self, name: str, *further: Any) -> str:
        return digest(name, step(name).version, [self._facts(shard) for shard in self.plan.shards], *further)

    def _duplicates(self) -> str:
        return self._of_facts("duplicates", self.plan.columns, self.config["audit"]["where"])

    def _errors(self) -> str:
        return digest("errors", step("errors").version, self.config["on_error"], self.config["max_failed"])

    def _provenance(self) -> str:
        plan = self.plan
        shards = [self._of_shard("fused", model, shard, None) for model in plan.models for shard in plan.shards]
        return digest("provenance", step("provenance").version, shards, self.config, plan.columns)

    def _report_page(self) -> str:
        plan = self.plan
        found = [self.of("findings", model, None, target) for model in plan.models for target in plan.targets]
        asked = [name for name in checks() if self.config["audit"][name] is not None]
        plotted = [
            self.of(name, model, None, target)
            for name in asked
            for model in plan.models
            for target in (plan.targets if checks()[name].per_target else [None])
        ]
        named = [[model, self._class_names(model)] for model in plan.models]
        version = step("report_page").version
        return digest("report_page", version, self.config["experiment"], found, plotted, named, plan.methods, self.page)
