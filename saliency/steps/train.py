"""Training a classifier on the prepared samples of an experiment, so that "train, then audit" is one run.

This is for small networks that learn in minutes on the samples of one manifest, and for larger ones
that start with pretrained weights, and of which a part is trained.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from saliency.exceptions import DataError
from saliency.experiment.config import Config, input_axes, input_config, network_shape
from saliency.experiment.plan import Plan
from saliency.files.atomic_files import write_atomically
from saliency.methods.passes.score_reader import ONLY_SCORES, ScoreReader
from saliency.methods.scores import ONE_LOGIT
from saliency.networks.device import keep_freed_memory
from saliency.networks.freeze import freeze_modules
from saliency.networks.load import load_model, load_pretrained
from saliency.networks.memory_format import arrange_channels_last
from saliency.networks.outputs import checked_scores
from saliency.networks.precision import in_precision
from saliency.networks.weights import Choice
from saliency.readers.normalisation import normalised
from saliency.store.codec import read_shard
from saliency.store.layout import plan_specs

log = logging.getLogger(__name__)


def train(
    network: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    splits: Sequence[str],
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    freeze: Sequence[str] = (),
    reader: ScoreReader = ONLY_SCORES,
) -> pd.DataFrame:
    """Fit a network to the samples of the split "train" with Adam, minimising the cross entropy.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, https://arxiv.org/abs/1412.6980

    Parameters
    ----------
    network
        Returns logits ``[n, classes]``; changed in place, and left in eval mode.
    inputs
        ``[n, c, *spatial]``, normalised.
    labels
        ``[n]``, int64.
    splits
        Name of each sample's split.
    epochs, batch_size, learning_rate
        Passes over the training samples, samples per step, and Adam's learning rate.
    seed
        Decides the order of the samples; equal seeds give equal weights on one machine.
    freeze
        Names of modules that stay as they are, batch normalisation included, see `saliency.networks.freeze`.
    reader
        Reads the scores off what the network returns; of one score per sample the binary cross entropy is minimised.

    Returns
    -------
    DataFrame
        One row per epoch: ``epoch``, ``loss`` (mean over the training samples), and ``accuracy_SPLIT`` for each split.

    Raises
    ------
    DataError
        If a label is outside the network's classes, the loss is no longer finite, or `freeze` does not fit.

    Examples
    --------
    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    >>> x, y = torch.tensor([[[-1.0]], [[1.0]]]), torch.tensor([0, 1])
    >>> history = train(network, x, y, ["train"] * 2, epochs=50, batch_size=2, learning_rate=0.1, seed=0)
    >>> float(history["accuracy_train"].iloc[-1])
    1.0
    """
    groups = {name: torch.tensor([split == name for split in splits]) for name in dict.fromkeys(splits)}
    x, y = inputs[groups["train"]], labels[groups["train"]]
    frozen = freeze_modules(network, freeze)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=learning_rate)
    history = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for epoch in range(1, epochs + 1):
            network.train()
            for module in frozen:
                module.eval()
            total = 0.0
            for batch in torch.randperm(len(x)).split(batch_size):
                returned = reader.returned(network, x[batch])
                if returned.ndim > 2 or int(y.max()) >= reader.classes(returned).shape[1]:
                    raise DataError(f"labels up to {int(y.max())} do not fit an output of shape {list(returned.shape)}")
                loss = _loss(returned, y[batch], reader)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += float(loss.detach()) * len(batch)
            if not np.isfinite(total):
                raise DataError(f"the loss of epoch {epoch} is not finite: set a smaller train.learning_rate")
            network.eval()
            accuracy = {
                f"accuracy_{name}": _accuracy(network, inputs[rows], labels[rows], batch_size, reader)
                for name, rows in groups.items()
            }
            history.append({"epoch": epoch, "loss": total / len(x)} | accuracy)
            shown = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in accuracy.items())
            log.info("epoch %d of %d: loss %.4f, %s", epoch, epochs, total / len(x), shown)
    return pd.DataFrame(history)


def _loss(returned: Tensor, labels: Tensor, reader: ScoreReader) -> Tensor:
    if returned.shape[1] > 1:
        return functional.cross_entropy(returned, labels)
    of_one = {ONE_LOGIT: functional.binary_cross_entropy_with_logits, "probabilities": functional.binary_cross_entropy}
    return of_one[reader.kind(returned)](returned[:, 0], labels.to(returned.dtype))


def _accuracy(network: nn.Module, inputs: Tensor, labels: Tensor, batch_size: int, reader: ScoreReader) -> float:
    with torch.no_grad():
        predicted = torch.cat([reader.read(network, batch).argmax(1) for batch in inputs.split(batch_size)])
    return float((predicted == labels).float().mean())


def _start(network: nn.Module, settings: Config) -> None:
    """Load a model's pretrained weights, and see that what starts anew can learn."""
    log.info("training starts with the weights '%s'", settings["train"]["pretrained"])
    weights, choice = settings["train"]["pretrained"], Choice.of(settings)
    anew = load_pretrained(network, weights, settings["trust_checkpoint"], choice)
    if anew and choice.strict:
        log.info("these weights have another number of classes, so that the network keeps its %s", ", ".join(anew))
    frozen = [
        name for name in settings["train"]["freeze"] if any(f"{tensor}.".startswith(f"{name}.") for tensor in anew)
    ]
    if frozen:
        raise DataError(
            f"train.freeze: {', '.join(frozen)} has to learn, because train.pretrained has "
            f"{'another number of classes' if choice.strict else 'no weights for it'} ({', '.join(anew)}): leave it out"
        )


def train_model(config: Config, model: str, inputs: Sequence[str | Path], weights: Path, history: Path) -> None:
    """Train a model of the experiment on its prepared samples; write its weights as safetensors and its history as CSV.

    Parameters
    ----------
    config, model
        The completed config, and the name of a model with ``train``.
    inputs
        Shard files of ``inputs``, of the shards `Plan.labelled_shards` gives, in order.
    weights, history
        Files to write.
    """
    plan, settings = Plan(config), config["models"][model]
    specs = plan_specs(plan, model, [])
    parts = {shard: plan.rows(shard) for shard in plan.labelled_shards(model)}
    rows, spec = pd.concat(parts.values()), specs["inputs"]
    samples = np.concatenate(
        [read_shard(Path(path), len(part), spec) for path, part in zip(inputs, parts.values(), strict=True)]
    )
    labels, splits = plan.labels(rows), rows[settings["train"]["split"]].to_numpy()
    usable = np.isfinite(samples).reshape(len(samples), -1).all(axis=1) & (labels >= 0) & (splits != "")
    if not (usable & (splits == "train")).any():
        raise DataError(f"models.{model}.train: no labelled sample of the split 'train' could be read")
    torch.set_num_threads(config["threads"])
    normalisation = input_config(config, model)
    shape = network_shape(config, model)
    network = load_model(settings["factory"], settings["kwargs"], None, shape=shape)
    network = in_precision(network, "cpu", getattr(torch, config["precision"]))
    keep_freed_memory()
    training = {key: value for key, value in settings["train"].items() if key not in ("split", "pretrained")}
    if settings["train"]["pretrained"]:
        _start(network, settings)
        # Other networks keep their layout, and with it the last bits of what they have always learned.
        arrange_channels_last(network, torch.zeros(1, *shape, dtype=torch.from_numpy(samples[:1]).dtype))
    reader = ScoreReader(settings["output"], settings["outputs"], input_axes(config, model))
    example = torch.zeros_like(torch.from_numpy(samples[:1]))
    checked_scores(f"models.{model}", network, example, reader, settings["ignore_lastlayer"])
    table = train(
        network,
        torch.from_numpy(normalised(samples[usable], normalisation["mean"], normalisation["std"])),
        torch.from_numpy(labels[usable]),
        splits[usable].tolist(),
        reader=reader,
        **training,
    )
    write_atomically(history, table.to_csv(index=False, float_format="%.6f").encode())
    write_atomically(weights, save({name: value.contiguous() for name, value in network.state_dict().items()}))
