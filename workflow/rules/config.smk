import sys
from importlib.machinery import PathFinder
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Google PAIR publishes a package whose import name is the same. Planning has this folder on its path, jobs do not.
if next(distributions(name="saliency"), None):
    raise WorkflowError(
        "the Python package 'saliency' (of Google PAIR) is installed, and would hide this project's in jobs: "
        "pip uninstall saliency, then install this project again"
    )

# As planning finds the package, and as jobs do, on whose path the folders of Snakefiles and the current one come last.
HERE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
OF_JOBS = [
    folder
    for folder in sys.path
    if folder and not HERE.is_relative_to(folder) and Path(folder) != Path.cwd()
]
PACKAGES = [find_spec("saliency"), PathFinder.find_spec("saliency", OF_JOBS)]
if PACKAGES[0] is None:
    raise WorkflowError(
        "the Python package of this workflow is not installed: pip install it from its repository"
    )
for package in filter(None, PACKAGES):
    if not any(
        Path(folder, "experiment", "plan.py").is_file()
        for folder in package.submodule_search_locations or []
    ):
        raise WorkflowError(
            f"'{package.origin}' is another package or module 'saliency', and hides this project's: rename or remove "
            "it, or take its folder off PYTHONPATH"
        )

from saliency.experiment.cautions import not_told
from saliency.experiment.remote_files import answers_file
from saliency.experiment.schema import foreign_keys
from saliency.experiment.validation import awaited_manifest, complete_config
from saliency.files.stores import recall, remember
from saliency.job import spare_long_lived_objects

# What is planned stays until the end, and so does what Snakemake has imported.
spare_long_lived_objects()

# Where another workflow uses this one as a module: its name there, and what is said of the config.
MODULE = workflow.modifier.namespace
NAMED = (
    f"config of module {MODULE}"
    if MODULE
    else ", ".join(map(str, workflow.configfiles))
)
OTHERS = foreign_keys(config) if MODULE else []
if OTHERS and workflow.is_main_process:
    for caution in not_told([f"{NAMED}: left to other rules: {', '.join(OTHERS)}"]):
        logger.info(caution)


def placed(path):
    """A path of this workflow as Snakemake writes it: a module can have a prefix."""
    return workflow.modifier.path_modifier.replace_prefix(path)


RESULTS = f"results/{config.get('experiment')}"
# Jobs parse this file again; what was checked once is not checked in each of them. Other rules may use the given config.
config, PROBLEMS = complete_config(
    {key: value for key, value in config.items() if key not in OTHERS},
    check=workflow.is_main_process,
    name=NAMED,
    command_line=workflow.config_settings.config,
    results=placed(RESULTS) if placed(RESULTS) != RESULTS else None,
)
if PROBLEMS:
    of_section = "; as a module, this workflow can have a section of its own: config: config['saliency']"
    raise WorkflowError(
        "\n".join(
            [
                *PROBLEMS,
                f"{len(PROBLEMS)} problem(s) found{of_section if MODULE else ''}",
            ]
        )
    )
# Files in stores are asked for once in a run.
(remember if workflow.is_main_process else recall)(answers_file(config))
# A table that a rule makes, and has not made yet.
AWAITED = awaited_manifest(config)
