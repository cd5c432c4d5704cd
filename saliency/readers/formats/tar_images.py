"""Photographs in tar files, as WebDataset has them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from saliency.exceptions import InputError, Status
from saliency.files.members import split_member
from saliency.readers.reader import ImageReader

if TYPE_CHECKING:
    from PIL import Image


# Of each ending: what undoes the compression.
COMPRESSED = {
    ".tar.gz": "gunzip",
    ".tgz": "gunzip",
    ".tar.bz2": "bunzip2",
    ".tbz2": "bunzip2",
    ".tar.xz": "unxz",
    ".txz": "unxz",
    ".tar.zst": "unzstd",
    ".tzst": "unzstd",
    ".tar.lz4": "unlz4",
}
# How the content of such a file begins, whatever its name.
_BEGINNINGS = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ\0": "unxz", b"\x28\xb5\x2f\xfd": "unzstd"}


class TarImages(ImageReader):
    """Photographs in any format of Pillow, each a file in a tar file that is not compressed."""

    name = "tar_images"
    title = "photographs in a tar file, `shard.tar::0001.jpg` (WebDataset)"
    # Compressed ones are refused in words of their own: each picture would need all that stands before it.
    suffixes = (".tar", *COMPRESSED)
    members = True
    version = 1

    def open(self, path: Path) -> Image.Image:
        """Decode a photograph of the file."""
        from saliency.readers.containers import opened_once
        from saliency.readers.formats.pillow import decoded

        file, member = split_member(path)
        if tool := next((tool for end, tool in COMPRESSED.items() if file.name.lower().endswith(end)), None):
            raise InputError(Status.UNSUPPORTED, _compressed(tool))
        places = opened_once(_index, file)
        if member not in places:
            some = ", ".join(list(places)[:3])
            raise InputError(
                Status.MISSING, f"has no file '{member}', but {some or 'none at all'}, …: correct its name"
            )
        start, size = places[member]
        with file.open("rb") as content:
            content.seek(start)
            return decoded(io.BytesIO(content.read(size)), path)


def _index(path: Path) -> dict[str, tuple[int, int]]:
    """Where each file begins, and its bytes."""
    import tarfile

    try:
        with tarfile.open(path, "r:") as tar:
            return {one.name.removeprefix("./"): (one.offset_data, one.size) for one in tar if one.isreg()}
    except tarfile.ReadError as error:
        with path.open("rb") as file:
            begin = file.read(8)
        if tool := next((tool for mark, tool in _BEGINNINGS.items() if begin.startswith(mark)), None):
            raise InputError(Status.UNSUPPORTED, _compressed(tool)) from error
        raise InputError(Status.UNREADABLE, f"is no tar file ({error}): replace it, or correct the path") from error


def _compressed(tool: str) -> str:
    return (
        "is a compressed tar file, in which no picture can be read without all before it: undo the compression with "
        f"{tool}, and name the tar file that is left"
    )
