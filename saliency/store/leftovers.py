"""Files of an experiment that its config no longer asks for: of models, targets, methods, rows that were taken out."""

import os
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path

from saliency.experiment.arrays import ARRAYS, ID_FILES
from saliency.experiment.checks import checks
from saliency.experiment.plan import Plan
from saliency.experiment.selection import Selection
from saliency.files.file_names import file_name
from saliency.files.network_files import stored_in

_NAME, _NUMBER = r"[A-Za-z0-9][A-Za-z0-9_-]*", r"\d+"
_AUDIT_TABLES = (
    "findings.json|findings.md|evidence.json|distributions.csv|groups.csv|group_maps.csv|clusters.csv|performance.csv|"
    "confusion.csv|calibration.csv|discrimination.csv|mean_maps.zarr/.+"
)
# What the workflow writes, below results/EXPERIMENT; each group must be of today's config. Other files are not its own.
_WRITTEN = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<model>{_NAME})\.zarr/({'|'.join(map(re.escape, ('zarr.json', *ID_FILES)))})",
        rf"(?P<model>{_NAME})\.zarr/(?P<node>[a-z_]+|(?P<target>{_NAME})(/[a-z0-9_]+)?)/"
        rf"(zarr\.json|c\.(?P<shard>{_NUMBER})[.0-9]*)",
        rf"(?P<model>{_NAME})/(model|target_layer|factory_files)\.json",
        rf"(?P<model>{_NAME})/(predictions\.csv|(?P<trained>weights\.safetensors|training\.csv))",
        rf"(?P<model>{_NAME})/(?P<audited>metrics)\.(csv|parquet)",
        rf"(?P<model>{_NAME})/(?P<audited>audit)/measures/(?P<shard>{_NUMBER})\.(parquet|npz)",
        rf"(?P<model>{_NAME})/(?P<audited>audit)/facts_test\.csv",
        rf"(?P<model>{_NAME})/(?P<audited>audit)/(?P<target>{_NAME})/({_AUDIT_TABLES})",
        rf"(?P<model>{_NAME})/(?P<audited>audit)/(?P<target>{_NAME})/(?P<checked>[a-z_]+\.[a-z]+)",
        rf"(?P<model>{_NAME})/(?P<audited>audit)/(?P<checked>[a-z_]+\.[a-z]+)",
        rf"(?P<model>{_NAME})/figures/(?P<target>{_NAME})/(samples|montages)/(?P<drawn>[^/]+)\.png",
        rf"(?P<model>{_NAME})/figures/(?P<target>{_NAME})/contact-sheet_(?P<sheet>[a-z_]+)\.png",
        rf"(?P<model>{_NAME})/nifti/(?P<target>{_NAME})/(?P<exported>[^/]+)/(?P<method>[a-z0-9_]+)\.nii\.gz",
        rf"(?P<reported>report)/data/(?P<model>{_NAME})/(predictions|tables)\.js",
        rf"(?P<reported>report)/data/(?P<model>{_NAME})/(?P<target>{_NAME})/(measures|classes)\.js",
        rf"(?P<reported>report)/data/(?P<model>{_NAME})/(volumes/)?inputs/(?P<shard>{_NUMBER})\.js",
        rf"(?P<reported>report)/data/(?P<model>{_NAME})/(volumes/)?(?P<target>{_NAME})/(?P<method>[a-z0-9_]+)/"
        rf"(?P<shard>{_NUMBER})\.js",
        r"(?P<reported>report)/(index\.html|data/samples\.js|assets/.+)",
        rf"(?P<audited>facts)/(?P<shard>{_NUMBER})\.parquet",
        r"(?P<audited>facts|duplicates)\.csv",
    )
)
_ARRAYS = {array.name for array in ARRAYS if not array.per_target}
# By group, what is said of files in which it is none of today's.
KINDS = {
    "model": "models that the config no longer has",
    "trained": "training that the config no longer has",
    "target": "targets that the config no longer has",
    "node": "arrays that the config no longer has",
    "method": "methods that the config no longer has",
    "shard": "shards that no longer have samples",
    "drawn": "samples that are no longer drawn",
    "exported": "samples that are no longer exported",
    "sheet": "contact sheets that the config no longer has",
    "audited": "an audit that the config no longer has",
    "checked": "checks that the config no longer has",
    "reported": "a report that the config no longer has",
}


def leftovers(plan: Plan, experiment: Path) -> dict[str, list[Path]]:
    """Files that the workflow wrote with another config or manifest, and that today's does not ask for.

    Parameters
    ----------
    plan
        The experiment as it is now.
    experiment
        Its folder, ``results/EXPERIMENT``. Files in it that are not called as the workflow's own are left out.

    Returns
    -------
    dict
        By `KINDS`, in the order of that.
    """
    left_over = _classifier(plan, experiment)
    found: dict[str, list[Path]] = {}
    for folder, folders, names in os.walk(experiment):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if kind := left_over(path.relative_to(experiment).as_posix()):
                found.setdefault(KINDS[kind], []).append(path)
    return {kind: found[kind] for kind in dict.fromkeys(KINDS.values()) if kind in found}


def _classifier(plan: Plan, experiment: Path) -> Callable[[str], str | None]:
    """What is no longer asked for of a file, a key of `KINDS`; None where nothing is, or the file is not ours."""
    selection, audit = Selection(plan), plan.config["audit"] or {}
    files = {name: set(check.files().values()) for name, check in checks().items()}
    nodes = {*plan.targets, *plan.arrays}
    today: dict[str, Container[str]] = {
        "model": set(plan.models),
        "target": set(plan.targets),
        "node": nodes,
        "method": set(plan.methods),
        "shard": set(map(str, plan.shards)),
        "drawn": {file_name(sample) for sample in selection.chosen["id"]},
        "exported": {file_name(sample) for sample in selection.exported},
        "sheet": set(plan.config["plots"]["contact_sheets"]),
        "audited": {"metrics", "audit", "facts", "duplicates"} if plan.audited else (),
        "checked": {file for name in files if audit.get(name) is not None for file in files[name]},
        "reported": {"report"} if plan.reported else (),
        "trained": (),
    }
    used = _weights(plan)

    def left_over(name: str) -> str | None:
        match = next((match for pattern in _WRITTEN if (match := pattern.fullmatch(name))), None)
        if match is None:
            return None
        given = {group: value for group, value in match.groupdict().items() if value is not None}
        if "checked" in given and not any(given["checked"] in of_check for of_check in files.values()):
            return None
        if not ({given.get("model")} <= {None, *plan.models} or _is_model(experiment, given["model"])):
            return None
        # Trained here, or named as the weights of a model.
        if "trained" in given and (plan.results / name in used or plan.results / name.rpartition("/")[0] in used):
            del given["trained"]
        if "node" in given and given["node"].partition("/")[0] not in {*plan.targets, *_ARRAYS}:
            given["target"] = given["node"]
        wrong = [group for group, value in given.items() if value not in today[group]]
        return next((group for group in KINDS if group in wrong), None)

    return left_over


def _weights(plan: Plan) -> set[Path]:
    """Weights that models use, and the folders of models that are trained."""
    models = plan.config["models"].items()
    stored = (stored_in(settings["factory"], settings["weights"]) for _, settings in models)
    named = [name for name in stored if name]
    named += [settings["train"]["pretrained"] for _, settings in models if (settings["train"] or {}).get("pretrained")]
    trained = {plan.results / name for name, settings in models if settings["train"]}
    return {Path(os.path.normpath(name)) for name in named} | trained


def _is_model(experiment: Path, model: str) -> bool:
    """Whether a name that the config does not have is that of a model of before, and no folder of the user's own."""
    return (experiment / f"{model}.zarr" / "zarr.json").is_file() or (experiment / model / "model.json").is_file()


def delete(found: Mapping[str, Iterable[Path]], experiment: Path) -> int:
    """Delete what `leftovers` found, and the folders that become empty; return how many files there were."""
    count = 0
    for path in [path for paths in found.values() for path in paths]:
        path.unlink(missing_ok=True)
        count += 1
        for folder in path.parents:
            if folder == experiment or any(folder.iterdir()):
                break
            folder.rmdir()
    return count


def leftover_cautions(plan: Plan, experiment: Path) -> list[str]:
    """Say that there are leftovers, in one line."""
    found = leftovers(plan, experiment)
    if not found:
        return []
    return [
        f"{experiment}: has files that an earlier config or manifest asked for, and this one does not "
        f"({in_words(found)}): nothing reads them; after this run, `python -m saliency unused {experiment}` lists "
        "them, and removes them with --delete"
    ]


def in_words(found: Mapping[str, Sequence[Path]]) -> str:
    """Say in one line how many files there are of each kind.

    Examples
    --------
    >>> in_words({KINDS["model"]: [Path("a"), Path("b")], KINDS["sheet"]: [Path("c")]})
    '2 of models that the config no longer has, 1 of contact sheets that the config no longer has'
    """
    return ", ".join(f"{len(paths)} of {kind}" for kind, paths in found.items())
