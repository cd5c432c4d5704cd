"""How the page is cited: the software, and a digest of the results from which it was made."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path


def results_digest(paths: Sequence[str | Path]) -> str:
    """SHA-256 of files, one after the other, as ``cat FILES | sha256sum`` gives it: 64 hexadecimal digits.

    Parameters
    ----------
    paths
        Files, in their order.
    """
    content = hashlib.sha256()
    for path in paths:
        with Path(path).open("rb") as file:
            while block := file.read(1 << 20):
                content.update(block)
    return content.hexdigest()


def citation(predictions: Sequence[str | Path], findings: Sequence[str | Path]) -> dict[str, str]:
    """What a citation of any sample names.

    Parameters
    ----------
    predictions, findings
        As of `saliency.report.document.write_report`.

    Returns
    -------
    dict
        ``software`` (name and version) and ``digest``, of all predictions, then of all findings.
    """
    package = distribution("nip-saliency")
    return {
        "software": f"{package.metadata['Name']} {package.version}",
        "digest": results_digest([*predictions, *findings]),
    }
