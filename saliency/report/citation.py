"""How the page is cited: the software, and a digest of the results from which it was made."""

from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

from saliency.files.paths import files_sha256


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
        "digest": files_sha256(map(Path, [*predictions, *findings])),
    }
