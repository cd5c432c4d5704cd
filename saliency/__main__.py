"""Commands beside the workflow: ``python -m saliency check CONFIG``, ``verify results/EXPERIMENT``, and others."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from saliency.exceptions import DataError, in_one_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    int
        Exit status: 0 if all is well, 1 if there are problems, 2 if nothing could be checked.
    """
    parser = argparse.ArgumentParser(prog="python -m saliency", description="Commands beside the workflow.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="look at models and samples before a run",
        description="Build each network of a config, load its weights, run some samples, and print what it is, its "
        "target layer, its accuracy on up to 64 labelled samples, one figure to look at, and what a run will take on "
        "this machine. Where the accuracy may be wrong, the usual causes are tried. "
        "Exit status: 0 if all is well, 1 if predictions seem wrong, 2 if nothing could be checked.",
    )
    check.add_argument("config", type=Path, help="the config, as for snakemake --configfile")
    check.set_defaults(run=_check)
    verify = commands.add_parser(
        "verify",
        help="read every shard of an experiment and list what is wrong",
        description="Read every shard of an experiment, print a table and then one line per problem. "
        "Exit status: 0 if all is well, 1 if there are problems, 2 if nothing could be checked.",
    )
    verify.add_argument("experiment", type=Path, help="the folder results/EXPERIMENT")
    verify.add_argument(
        "--delete-bad",
        action="store_true",
        help="delete damaged files and what killed jobs left, so that the next run makes them again",
    )
    verify.set_defaults(run=_verify)
    unused = commands.add_parser(
        "unused",
        help="list, or delete, what an experiment's config no longer asks for",
        description="List the files that runs with another config or manifest left: of models, targets, methods and "
        "rows that the last run did not have. Files that the workflow does not write are never among them. "
        "Exit status: 0 if there are none or they were deleted, 1 if there are some, 2 if nothing could be looked at.",
    )
    unused.add_argument("experiment", type=Path, help="the folder results/EXPERIMENT")
    unused.add_argument("--delete", action="store_true", help="delete them")
    unused.set_defaults(run=_unused)
    document = commands.add_parser(
        "document",
        help="write the schema and the tables of config/README.md anew",
        description="Write the files of the repository that are made from what is written in code: "
        "workflow/schemas/config.schema.yaml, and the tables of config/README.md. Prints the files that change. "
        "Exit status: 0, with --check 1 if a file is out of date, 2 if a file or a table's place is missing.",
    )
    document.add_argument("--check", action="store_true", help="write nothing, and fail if a file is out of date")
    document.add_argument(
        "--root", type=Path, default=Path(), metavar="FOLDER", help="the repository (default: the current folder)"
    )
    document.set_defaults(run=_document)
    init = commands.add_parser(
        "init",
        help="write the manifest and the config of a dataset",
        description="Write a manifest and a config for a folder of classes, pictures, volumes or DICOM series, or for "
        "a table that names files. Says what it took for what, and ends with the next command. Nothing is overwritten. "
        "Exit status: 0 if both are written, 2 if not.",
    )
    init.add_argument("place", type=Path, metavar="FOLDER", help="the dataset's folder, or a CSV file")
    init.add_argument("--config", type=Path, metavar="FILE", help="where to write it (default: config/FOLDER.yaml)")
    init.add_argument("--model", metavar="FACTORY", help="builds the network, such as torchvision.models:resnet18")
    init.add_argument("--weights", type=Path, metavar="FILE", help="the network's checkpoint")
    init.add_argument(
        "--preset",
        metavar="NAME",
        help="how pictures are prepared, such as torchvision:ResNet18_Weights.IMAGENET1K_V1, or auto",
    )
    init.set_defaults(run=_init)
    figure = commands.add_parser(
        "figure",
        help="draw a finding as a vector graphic for a paper",
        description="Draw what a check did in pictures, or the samples that show a finding with their maps, as SVG, "
        "PDF or EPS; write the caption, with the command that makes the figure again, beside it; and print it. "
        "Exit status: 0 if both are written, 2 if not.",
    )
    figure.add_argument("findings", type=Path, help="results/EXPERIMENT/MODEL/audit/TARGET/findings.json")
    figure.add_argument(
        "--finding", type=int, default=1, metavar="NUMBER", help="as findings.md numbers them (default: 1)"
    )
    figure.add_argument("--output", type=Path, required=True, metavar="FILE", help="ends in .svg, .pdf or .eps")
    figure.set_defaults(run=_figure)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    try:
        status: int = options.run(options)
        return status
    except DataError as error:
        print(error, file=sys.stderr)
        return 2


def _check(options: argparse.Namespace) -> int:
    import yaml

    from saliency.check.model_check import check_models
    from saliency.experiment.cautions import cautions
    from saliency.experiment.validation import complete_config

    try:
        given = yaml.safe_load(options.config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{options.config}: cannot be read ({in_one_line(error)}): pass a YAML file") from error
    if not isinstance(given, dict):
        raise DataError(f"{options.config}: is no mapping: pass a config such as config/config.yaml")
    # As Snakemake does, which puts the place where it runs first.
    sys.path.insert(0, "")
    config, problems = complete_config(given, name=str(options.config))
    if problems:
        raise DataError("\n".join([*problems, f"{len(problems)} problem(s) found"]))
    for caution in cautions(config):
        print(f"warning: {caution}")
    return 0 if check_models(config) else 1


def _not_running(experiment: Path) -> None:
    """Refuse to delete while jobs may be writing: what looks left over may be theirs."""
    from saliency.store.verify import run_folder

    locks = run_folder(experiment) / ".snakemake" / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        raise DataError(f"{locks}: a run is going on, or was killed: wait for it, or run `snakemake --unlock`")


def _unused(options: argparse.Namespace) -> int:
    from saliency.store.leftovers import delete, leftovers
    from saliency.store.verify import recorded_plan

    plan = recorded_plan(options.experiment)
    found = leftovers(plan, options.experiment)
    for kind, paths in found.items():
        for path in paths:
            print(f"{path}: of {kind}")
    if found and options.delete:
        _not_running(options.experiment)
        print(f"deleted {delete(found, options.experiment)} file(s)")
        return 0
    print(f"{sum(map(len, found.values()))} file(s) found")
    return 1 if found else 0


def _figure(options: argparse.Namespace) -> int:
    from saliency.report.paper_figure import write_paper_figure

    print(write_paper_figure(options.findings, options.finding, options.output), end="")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from saliency.store.verify import as_table, delete_bad, verify

    if options.delete_bad:
        _not_running(options.experiment)
    counts, problems = verify(options.experiment)
    if counts:
        print(as_table(counts))
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problem(s) found")
    if options.delete_bad:
        for path in delete_bad(problems):
            print(f"deleted {path}")
    return 1 if problems else 0


def _document(options: argparse.Namespace) -> int:
    from saliency.experiment.documentation import COMMAND, document, stale_files

    if options.check:
        stale = list(stale_files(options.root))
        for path in stale:
            print(f"{path}: is out of date: run `{COMMAND}`")
        return 1 if stale else 0
    for path in document(options.root):
        print(f"wrote {path}")
    return 0


def _init(options: argparse.Namespace) -> int:
    from saliency.start.init import init

    for line in init(options.place, options.config, options.model, options.weights, options.preset):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
