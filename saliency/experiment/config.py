"""Access to the completed config."""

import os
from pathlib import Path
from typing import Any

from saliency.files.paths import resolve
from saliency.methods.passes.turned_axes import RAS, TurnedAxes

Config = dict[str, Any]


def given_inputs(config: Config) -> list[tuple[str, Config]]:
    """The experiment's and the models' ``input`` of a config that may be wrong elsewhere, with their places.

    Examples
    --------
    >>> given_inputs({"input": {"crop": 9}, "models": {"net": {"input": {"crop": 8}}, "other": None}})
    [('input', {'crop': 9}), ('models.net.input', {'crop': 8})]
    """
    models = config.get("models")
    of_models = models.items() if isinstance(models, dict) else ()
    places = [("input", config.get("input"))]
    places += [(f"models.{name}.input", model.get("input")) for name, model in of_models if isinstance(model, dict)]
    return [(place, settings) for place, settings in places if isinstance(settings, dict)]


def input_config(config: Config, model: str) -> Config:
    """How the images are prepared for one model: the experiment's ``input``, overridden by the model's own."""
    return {**config["input"], **config["models"][model]["input"]}


def file_columns(config: Config, model: str) -> list[str]:
    """Manifest columns that name a sample's files, for one model; the mask last.

    Examples
    --------
    >>> network = {"input": {"channels": ["t1", "flair"], "intensity_over": "mask"}}
    >>> file_columns({"input": {"mode": "3D"}, "region": "predicted", "models": {"network": network}}, "network")
    ['path_t1', 'path_flair', 'mask']
    """
    settings = input_config(config, model)
    channels = settings["channels"]
    columns = ["path"] if isinstance(channels, int) else [f"path_{name}" for name in channels]
    return [*columns, "mask"] if "mask" in (settings.get("intensity_over"), config["region"]) else columns


def input_shape(config: Config, model: str) -> tuple[int, ...]:
    """Shape of a sample as it is stored for a model, ``(c, *spatial)``; volumes are in RAS order.

    Examples
    --------
    >>> settings = {"mode": "2D", "channels": 3, "resize": 256, "crop": 224}
    >>> input_shape({"input": settings, "models": {"network": {"input": {}}}}, "network")
    (3, 224, 224)
    """
    settings = input_config(config, model)
    channels = settings["channels"] if isinstance(settings["channels"], int) else len(settings["channels"])
    size: int | list[int] = settings["resize"] if settings["crop"] is None else settings["crop"]
    return channels, *([size] * int(settings["mode"][0]) if isinstance(size, int) else size)


def input_axes(config: Config, model: str) -> TurnedAxes:
    """Axes in which a model's network sees its samples."""
    return TurnedAxes(input_config(config, model).get("orientation", RAS))


def network_shape(config: Config, model: str) -> tuple[int, ...]:
    """As `input_shape`, by the axes in which the network sees a sample."""
    channels, *spatial = input_shape(config, model)
    return channels, *input_axes(config, model).shape(spatial)


def results_folder(config: Config) -> Path:
    """Where everything of an experiment is written.

    Examples
    --------
    >>> results_folder({"experiment": "wolves"}).as_posix()
    'results/wolves'
    """
    # Given where another workflow uses this one as a module, with a prefix.
    return Path(config.get("results", f"results/{config['experiment']}"))


def made_places(config: Config, root: Path = Path()) -> tuple[str, ...]:
    """Where rules make files: the experiment's results, and what the config says that other workflows make.

    Examples
    --------
    >>> made_places({"experiment": "wolves", "made_by_rules": ["data/cut/", "net.pt"]})
    ('results/wolves', 'data/cut', 'net.pt')
    """
    results = [str(results_folder(config))] if "experiment" in config else []
    return tuple(os.path.normpath(root / place) for place in [*results, *config.get("made_by_rules", [])])


def read_class_names(names: list[str] | str | None, root: Path = Path()) -> list[str]:
    """Class names given as a list, or as a file with one name per line; [] where there are none."""
    if isinstance(names, str):
        return resolve(names, root).read_text(encoding="utf-8-sig").splitlines()
    return names or []
