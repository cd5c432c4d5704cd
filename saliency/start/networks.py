"""Which arguments a factory needs, so that a checkpoint fits its network."""

from __future__ import annotations

from typing import Any

from saliency.exceptions import DataError
from saliency.experiment.config import Config, input_shape
from saliency.experiment.validation import complete_config
from saliency.files.one_line import one_line


def fitted_kwargs(config: Config, model: str, classes: int) -> tuple[dict[str, Any], int, str]:
    """Find arguments with which a config's network can be built and takes its weights and its input.

    Parameters
    ----------
    config
        As it will be written.
    model
        Name of the model.
    classes
        Number of the dataset's classes, 0 where it has none.

    Returns
    -------
    kwargs
        None, or those that say how many classes there are.
    classes
        How many classes the network has; 0 if none of the arguments fits.
    problem
        Why none fits, else "".
    """
    candidates: list[dict[str, Any]] = [{}]
    candidates += [{name: classes} for name in ("num_classes", "classes", "n_classes") if classes]
    problems = []
    for kwargs in candidates:
        models = {model: config["models"][model] | {"kwargs": kwargs}}
        completed, found = complete_config(config | {"models": models}, check=False)
        if found:
            return {}, 0, found[0]
        try:
            return kwargs, _classes_of(completed, model), ""
        # Factories raise what they like.
        except Exception as error:
            problems.append(str(error) if isinstance(error, DataError) else f"models.{model}: {error!r}")
    # Those with another argument fail for want of it, where the factory does not take it.
    return {}, 0, one_line(problems[0])


def _classes_of(config: Config, model: str) -> int:
    import torch

    from saliency.networks.load import configured_model
    from saliency.networks.outputs import checked_scores
    from saliency.networks.runner import Runner

    network = configured_model(config, model)
    reader = Runner(config, model).reader
    zeros = torch.zeros(1, *input_shape(config, model))
    return int(reader.classes(checked_scores(f"models.{model}", network, zeros, reader)).shape[1])
