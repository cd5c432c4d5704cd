"""Commands beside the workflow: ``python -m saliency verify results/EXPERIMENT``."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from saliency.exceptions import DataError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    int
        Exit status: 0 if all is well, 1 if there are problems, 2 if nothing could be checked.
    """
    parser = argparse.ArgumentParser(prog="python -m saliency", description="Commands beside the workflow.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
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
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    try:
        return options.run(options)
    except DataError as error:
        print(error, file=sys.stderr)
        return 2


def _verify(options: argparse.Namespace) -> int:
    from saliency.store.verify import as_table, delete_bad, verify

    # Snakemake's lock: jobs may be writing, and what looks left over may be theirs.
    locks = options.experiment.resolve().parent.parent / ".snakemake" / "locks"
    if options.delete_bad and locks.is_dir() and any(locks.iterdir()):
        raise DataError(f"{locks}: a run is going on, or was killed: wait for it, or run `snakemake --unlock`")
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


if __name__ == "__main__":
    sys.exit(main())
