"""Files that a model's factory reads: what it has downloaded, and what lies beside its code.

Which they are is only known once it has run. So they are written down when the network is described, with what they
held the first time; should they hold something else later, that is part of the digest of the network's steps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from saliency.experiment.config import Config, results_folder
from saliency.files.atomic_files import write_json
from saliency.files.code_versions import is_own
from saliency.files.network_files import stored_in
from saliency.files.paths import file_sha256, fingerprint, is_file, resolve
from saliency.files.weights_files import weights_files

NAME = "factory_files.json"
# What networks are stored in. Of other files, those below the folder in which Snakemake runs.
WEIGHTS = (".bin", ".ckpt", ".h5", ".msgpack", ".npy", ".npz", ".pkl", ".pt", ".pth", ".safetensors", ".tar", ".zip")
# Code counts by itself (`saliency.files.code_versions`).
CODE = (".py", ".pyc", ".so")


def write_factory_files(config: Config, model: str, opened: Iterable[Path], root: Path = Path()) -> None:
    """Write down what a factory has read.

    Parameters
    ----------
    config, model
        The completed config, and the name of a model.
    opened
        Files that were read while its network was built (`saliency.files.opened`).
    root
        The folder in which Snakemake runs.
    """
    path = root / results_folder(config) / model / NAME
    before = _written(path, config, model)
    first, seen = dict(before.get("first", {})), {}
    for file in [*map(Path, first), *_of_factory(opened, config, model, root)]:
        if is_file(file):
            seen[str(file)] = [fingerprint(file), file_sha256(file)]
            first.setdefault(str(file), seen[str(file)][1])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json({"built": _built(config, model), "first": first, "seen": seen}, path)


def changed_factory_files(config: Config, model: str, root: Path = Path()) -> dict[str, str]:
    """SHA-256 of the files that a factory read and that do not hold what they held when it first did, by name.

    Empty where it has not run yet, or all are as they were. A file that is gone will be downloaded again, and whether
    it is the same is seen by `saliency.networks.parameters.check_parameters`.
    """
    written = _written(root / results_folder(config) / model / NAME, config, model)
    changed = {}
    for name, first in written.get("first", {}).items():
        if is_file(Path(name)):
            known, sha256 = written["seen"].get(name, [None, None])
            now = sha256 if known == fingerprint(Path(name)) else file_sha256(Path(name))
            if now != first:
                changed[name] = now
    return changed


def _built(config: Config, model: str) -> str:
    # As text: JSON would not give numbers back that are keys, such as those of classes.
    return json.dumps([config["models"][model][key] for key in ("factory", "kwargs")])


def _written(path: Path, config: Config, model: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and content.get("built") == _built(config, model) else {}


def _of_factory(opened: Iterable[Path], config: Config, model: str, root: Path) -> list[Path]:
    """Those that decide which network it returns."""
    settings = config["models"][model]
    weights = stored_in(settings["factory"], settings["weights"])
    configured = {file.resolve() for file in weights_files(resolve(weights, root))} if weights else set()
    here = root.resolve()
    results = here / results_folder(config)

    def counts(file: Path) -> bool:
        if file.suffix in CODE or file.resolve() in configured or not is_own(file):
            return False
        if file.suffix in WEIGHTS or file.parent.name == "refs":  # Hugging Face's: the commit that a name stands for
            return True
        inside = file.is_relative_to(here) and not file.is_relative_to(results)
        return inside and not any(part.startswith(".") for part in file.relative_to(here).parts)

    return sorted(file for file in set(opened) if counts(file))
