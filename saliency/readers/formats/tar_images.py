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


class TarImages(ImageReader):
    """Photographs in any format of Pillow, each a file in a tar file that is not compressed."""

    name = "tar_images"
    title = "photographs in a tar file, `shard.tar::0001.jpg` (WebDataset)"
    suffixes = (".tar",)
    members = True
    version = 1

    def open(self, path: Path) -> Image.Image:
        """Decode a photograph of the file."""
        from saliency.readers.containers import opened_once
        from saliency.readers.formats.pillow import decoded

        file, member = split_member(path)
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
        raise InputError(
            Status.UNREADABLE, f"is no tar file, or a compressed one ({error}): write it without compression"
        ) from error
