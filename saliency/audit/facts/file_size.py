"""How large a file is."""

from saliency.audit.facts.fact import Fact, FactGroup, Value, number
from saliency.audit.facts.opened import OpenedFile


def in_bytes(size: float) -> str:
    """Write a number of bytes.

    Examples
    --------
    >>> in_bytes(999), in_bytes(12_000), in_bytes(3_456_000)
    ('999 B', '12 kB', '3.46 MB')
    """
    for factor, unit in ((1e6, "MB"), (1e3, "kB")):
        if size >= factor:
            return f"{number(size / factor)} {unit}"
    return f"{number(size)} B"


def file_size(file: OpenedFile) -> dict[str, Value]:
    """Bytes on the disk."""
    return {"bytes": file.size}


FILE_SIZE = FactGroup("file_size", "How large the file is.", (Fact("bytes", "file size", in_bytes),), file_size, None)
