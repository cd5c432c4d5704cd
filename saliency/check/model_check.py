"""Checking one model: what it is, whether its predictions can be right, and what a run will cost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from saliency.check.accuracy import Accuracy, accuracy
from saliency.check.cause import Labelled
from saliency.check.chance import chance_caution
from saliency.check.estimate import Estimate, estimate
from saliency.check.samples import Drawn, draw
from saliency.exceptions import DataError
from saliency.experiment.config import Config, input_config, results_folder
from saliency.experiment.descriptions import described_layers, read_descriptions
from saliency.experiment.factory_files import write_factory_files
from saliency.experiment.plan import Plan
from saliency.experiment.resources import memory_cautions
from saliency.files.network_files import stored_in
from saliency.files.opened import read_files
from saliency.methods.registered import method
from saliency.methods.scores import MULTILABEL, REGRESSION
from saliency.networks.describe import write_descriptions
from saliency.readers.normalisation import normalised
from saliency.steps.explain import is_uniform

if TYPE_CHECKING:
    from saliency.networks.runner import Runner

log = logging.getLogger(__name__)
# Samples in the figure.
DRAWN = 8
# Probabilities below count as much.
TINY = 1e-12
UNKNOWN = "needs samples with one class each as their label, and scores of classes"


def model_accuracy(plan: Plan, model: str, runner: Runner, drawn: Drawn) -> Accuracy | None:
    """How many of some labelled samples are right; None where there are no labels of the network's classes.

    Parameters
    ----------
    plan
        The experiment.
    model
        Model name.
    runner
        Its network.
    drawn
        Samples.
    """
    from saliency.methods.passes.forward_pass import predict

    settings, labelled = runner.settings, drawn.labels >= 0
    if settings["outputs"] in (MULTILABEL, REGRESSION) or not labelled.any():
        return None

    def log_probabilities(seen: np.ndarray) -> np.ndarray:
        import torch

        size, found = plan.config["batch_size"], []
        for at in range(0, len(seen), size):
            batch = torch.from_numpy(seen[at : at + size]).to(runner.device, runner.dtype)
            scores = predict(runner.network, batch, runner.ignore_lastlayer, runner.reader).double()
            found.append(
                scores.clamp(min=1e-12).log() if settings["outputs"] == "probabilities" else scores.log_softmax(1)
            )
        return torch.cat(found).cpu().numpy()

    normal = input_config(plan.config, model)
    inputs, labels = drawn.inputs[labelled], drawn.labels[labelled]
    scores = log_probabilities(normalised(inputs, normal["mean"], normal["std"]))
    known = labels < scores.shape[1]
    if scores.ndim > 2 or not known.any():
        return None
    samples = Labelled(inputs[known], normal["mean"], normal["std"], labels[known], scores[known], runner.reader.axes)
    return accuracy(samples, log_probabilities, (settings["expect"] or {}).get("accuracy"))


class ModelCheck:
    """A model, looked at before a run.

    Parameters
    ----------
    config
        The completed config.
    model
        Model name.
    folder
        Where its descriptions and the figure are written.

    Attributes
    ----------
    described
        What ``model.json`` and ``target_layer.json`` say.
    accuracy
        None where it cannot be known.
    estimate
        What a run takes.
    figure
        Path of the figure; None where no method makes a map on which something shows.
    warnings
        Further lines, what may be wrong.
    """

    def __init__(self, config: Config, model: str, folder: Path) -> None:
        from saliency.networks.runner import Runner

        self.config, self.model, self.plan = config, model, Plan(config)
        names = {"model": folder / f"{model}.model.json"}
        if any("features" in method(name).needs for name in self.plan.methods):
            names["target_layer"] = folder / f"{model}.target_layer.json"
        folder.mkdir(parents=True, exist_ok=True)
        network = write_descriptions(config, model, names)
        self.described: Mapping[str, Any] = read_descriptions(names.values())
        self.drawn = draw(self.plan, model)
        self.warnings = [f"{len(self.drawn.problems)} of {self._count} samples cannot be read: {self.drawn.problems[0]}"
                         ] if self.drawn.problems else []  # fmt: skip
        runner = Runner(config, model, *described_layers(self.described), network)
        self.accuracy = model_accuracy(self.plan, model, runner, self.drawn)
        highest, classes = int(self.drawn.labels.max()), self.described["classes"]
        if highest >= classes:
            self.warnings.append(
                f"there is a label {highest}, but the network has {classes} classes: 0 … {classes - 1}"
            )
        if self.accuracy and not self.accuracy.right and self.accuracy.samples >= DRAWN:
            self.warnings.append(
                f"none of {self.accuracy.samples} labels is what the network says: number labels as its scores"
            )
        self.figure: Path | None = None
        seconds = self._maps(runner, folder / f"{model}.png")
        self.estimate: Estimate = estimate(self.plan, model, self.described, self.drawn.seconds, seconds)
        self.warnings += memory_cautions(self.plan, self.estimate.machine / 1e6, [model])

    @property
    def _count(self) -> int:
        return len(self.drawn.labels) + len(self.drawn.problems)

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against a run."""
        if self.accuracy is None:
            return not self.config["models"][self.model]["expect"]
        return not (self.accuracy.too_low or self.accuracy.suspicions)

    def lines(self) -> list[str]:
        """What a user wants to know, one line each."""
        found, settings = self.described, self.config["models"][self.model]
        stored = stored_in(settings["factory"], settings["weights"])
        weights = f"weights {stored}" if stored else "no weights in the config"
        # An ONNX file shows none.
        count = f"{found['parameters']:,} parameters, " if found["parameters"] else ""
        kind = "one score per pixel or voxel" if found["dense"] else found["outputs"].replace("_", " ")
        shape = " x ".join(map(str, found["input_shape"]))
        lines = [
            f"network: {found['factory']}, {count}{weights}",
            f"input and scores: {shape}, {found['classes']} classes ({kind})",
        ]
        if "target_layer" in found:
            grid = " x ".join(map(str, found["feature_shape"]))
            layers = [
                f"{name} ({layout.axes}{f' after {layout.prefix}' if layout.prefix else ''})"
                for name, layout in zip(*described_layers(found), strict=True)
            ]
            lines.append(f"target layer: {' and '.join(layers)}, map of {grid}")
        lines.append(self.accuracy.line if self.accuracy else f"accuracy: not known, {UNKNOWN}")
        if self.figure:
            lines.append(f"figure: {self.figure}")
        lines.append(f"run: {len(self.plan.samples)} samples, {len(self.plan.targets)} targets: {self.estimate.line}")
        return [*lines, *(f"warning: {warning}" for warning in self.warnings)]

    def _maps(self, runner: Runner, output: Path) -> float:
        """Draw maps of a few samples; returns the seconds that a sample takes."""
        import torch

        explainer = runner.explainer([name for name in self.plan.methods if not method(name).parts])
        size = min(self.config["batch_size"], len(self.drawn.inputs), DRAWN)
        batch = torch.from_numpy(runner.normalised(self.drawn.inputs[:size])).to(runner.device, runner.dtype)
        region = None if self.config["region"] != "mask" else torch.ones(size, *batch.shape[2:], dtype=torch.bool)
        for _ in range(2):
            # The first pass also finds out how to compute.
            started = time.perf_counter()
            with explainer.forward_pass(batch, runner.ignore_lastlayer, region) as forward:
                classes = forward.scores.reshape(size, forward.scores.shape[1], -1).sum(2).argmax(1)
                maps = forward.maps(classes)
            seconds = (time.perf_counter() - started) / size
        if self.plan.leading in maps:
            self._draw(maps[self.plan.leading].cpu().numpy(), output)
        return seconds

    def _draw(self, maps: np.ndarray, output: Path) -> None:
        import matplotlib

        matplotlib.use("Agg")
        from saliency.figures.files import save_figure
        from saliency.figures.plot import saliency_plot
        from saliency.methods.upsampling import upsample_array

        spatial = self.drawn.inputs.shape[2:]
        uniform = int(is_uniform(maps).sum())
        if uniform:
            self.warnings.append(f"{uniform} of {len(maps)} maps have one value everywhere")
        if maps.shape[1:] != spatial:
            maps = upsample_array(maps, spatial)
        shown = self.drawn.inputs[: len(maps)]
        if shown.shape[1] not in (1, 3):
            shown = shown[:, :1]
        low, high = shown.min(), shown.max()
        shown = (shown - low) / max(high - low, np.finfo(np.float32).tiny)
        save_figure(saliency_plot(shown, maps[:, None], nrow=min(4, len(maps))), output)
        self.figure = output


def inspect_model(config: Config, model: str, outputs: Mapping[str, str | Path]) -> None:
    """Describe a model, and end the job where it is far less accurate on some samples than the config expects.

    Which files its factory reads is written down as well (`saliency.experiment.factory_files`).

    Where nothing is expected, a few labelled samples are looked at for some seconds, and the log warns of a model that
    is right no more often than chance.

    Parameters
    ----------
    config, model, outputs
        As of `saliency.networks.describe.write_descriptions`.

    Raises
    ------
    DataError
        As there; or with the usual mistakes without which the network would be better.
    """
    from saliency.networks.load import configured_model_and_left
    from saliency.networks.runner import Runner

    with read_files() as opened:
        built = configured_model_and_left(config, model)
    network = write_descriptions(config, model, outputs, built)
    if "model" not in outputs:
        return
    write_factory_files(config, model, opened)
    plan, runner = Plan(config), Runner(config, model, built=network)
    if not config["models"][model]["expect"]:
        if caution := chance_caution(plan, model, runner):
            log.warning("models.%s: %s", model, caution)
        return
    found = model_accuracy(plan, model, runner, draw(plan, model))
    if found is None:
        raise DataError(f"models.{model}: expect.accuracy {UNKNOWN}: leave models.{model}.expect out")
    if found.too_low:
        raise DataError(f"models.{model}: {found.line}")
    log.log(logging.WARNING if found.suspicions else logging.INFO, "models.%s: %s", model, found.line)


def check_models(config: Config, tell: Callable[[str], None] = print) -> bool:
    """Check each model of an experiment, and tell what is found.

    Parameters
    ----------
    config
        The completed config.
    tell
        Is called with each line.

    Returns
    -------
    bool
        Whether nothing speaks against a run.
    """
    # With the names of classes that the manifest's labels have.
    passed, config = True, Plan(config).config
    for model, settings in config["models"].items():
        tell(f"models.{model}")
        if settings["train"] and not Path(settings["weights"]).exists():
            tell("  is trained by the run: its weights are not there yet")
            continue
        check = ModelCheck(config, model, results_folder(config) / "check")
        for line in check.lines():
            tell(f"  {line}")
        passed = passed and check.passed
    return passed
