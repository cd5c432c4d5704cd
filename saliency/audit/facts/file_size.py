"""How large a file is."""

from saliency.audit.facts.fact import Fact, FactGroup, Value
from saliency.audit.facts.opened import OpenedFile
from saliency.files.in_words import in_bytes


def file_size(file: OpenedFile) -> dict[str, Value]:
    """Bytes on the disk."""
    return {"bytes": file.size}


FILE_SIZE = FactGroup(
    "file_size", "How large the file is.", (Fact("bytes", "file size", in_bytes),), file_size, None, version=2
)
