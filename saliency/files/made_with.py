"""With what a job computes: versions, kind of processor, network. It says so in its log, where others compare it."""

import json
import logging
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

log = logging.getLogger(__name__)
# Packages whose versions can change what is stored.
PACKAGES = ("torch", "numpy", "pillow", "nibabel", "zarr", "numcodecs")
# Of processors of one architecture, sets of instructions with which libraries round differently; the best comes first.
INSTRUCTIONS = ("avx512f", "avx2")
MARK = "made with "


@cache
def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Versions of some packages, as far as they are installed.

    Examples
    --------
    >>> list(versions(("numpy", "no-such-package")))
    ['numpy']
    """
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def processor(described: Path = Path("/proc/cpuinfo")) -> str:
    """The kind of processor: its architecture, and the best of `INSTRUCTIONS` that it has.

    Examples
    --------
    >>> processor(Path("no such file")) == platform.machine()
    True
    """
    try:
        flags = described.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        flags = []
    return " ".join([platform.machine(), *[name for name in INSTRUCTIONS if name in flags][:1]])


def say_made_with(**facts: str) -> None:
    """Put facts into the job's log, by name."""
    log.info("%s%s", MARK, json.dumps(facts, sort_keys=True))


def read_made_with(path: Path) -> dict[str, str]:
    r"""Facts that a job put into its log; {} where it has none, or there is no log.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "0.log")
    ...     _ = path.write_text('2026-01-01 00:00:00 INFO made with {"torch": "2.9"}\n')
    ...     read_made_with(path)
    {'torch': '2.9'}
    """
    found: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        _, mark, said = line.partition(f" INFO {MARK}")
        try:
            facts = json.loads(said) if mark else {}
        except ValueError:
            continue
        found |= facts if isinstance(facts, dict) else {}
    return found


def differences(jobs: Mapping[Path, Mapping[str, str]]) -> list[tuple[str, Path, str]]:
    """Facts in which jobs differ.

    Parameters
    ----------
    jobs
        By log, the facts of each job.

    Returns
    -------
    list of tuple
        Of each such fact, its name, a log of the value that fewest jobs have, and all values with numbers of jobs.

    Examples
    --------
    >>> jobs = {Path("0.log"): {"torch": "2.9"}, Path("1.log"): {"torch": "2.9"}, Path("2.log"): {"torch": "2.8"}}
    >>> [(name, path.name, said) for name, path, said in differences(jobs)]
    [('torch', '2.log', '2.9 (2 jobs), 2.8 (1 job)')]
    """
    found = []
    for name in sorted({name for facts in jobs.values() for name in facts}):
        logs: dict[str, list[Path]] = {}
        for path, facts in jobs.items():
            if name in facts:
                logs.setdefault(facts[name], []).append(path)
        if len(logs) > 1:
            ordered = sorted(logs.items(), key=lambda item: -len(item[1]))
            said = ", ".join(f"{value} ({len(of)} job{'s' * (len(of) > 1)})" for value, of in ordered)
            found.append((name, ordered[-1][1][0], said))
    return found
