"""Names of files in a store on the network: ``https://host/a.jpg``, ``s3://bucket/scan.nii.gz``."""

import re
from pathlib import Path

from saliency.files.paths import REMOTE

# Of each scheme: the Python packages that fsspec needs for it, all of them in the extra `remote`.
PACKAGES = {"http": ("fsspec", "aiohttp"), "https": ("fsspec", "aiohttp"), "s3": ("fsspec", "s3fs")}
# A path keeps one of two slashes.
_BEGINNINGS = tuple(beginning.replace("//", "/") for beginning in REMOTE)
_COPY = "copy it to a disk, and name it there"


def is_remote(path: Path) -> bool:
    """Whether a path, as `saliency.files.paths.resolve` gives it, stands for a file in a store.

    Examples
    --------
    >>> is_remote(Path("https://host/a.jpg")), is_remote(Path("data/https/a.jpg"))
    (True, False)
    """
    return str(path).startswith(_BEGINNINGS)


def url_of(path: Path) -> str:
    """The address of a file in a store.

    Examples
    --------
    >>> url_of(Path("s3://bucket/a.nii.gz"))
    's3://bucket/a.nii.gz'
    """
    return str(path).replace(":/", "://", 1)


def without_secrets(text: str) -> str:
    """Leave out of addresses what can hold a password or key: what stands before ``@``, and what follows ``?``.

    Examples
    --------
    >>> without_secrets("404, url='https://me:word@host/a.jpg?key=abc'")
    "404, url='https://…@host/a.jpg?…'"
    """
    return re.sub(r"(://)[^/\s'\"@]*@", r"\1…@", re.sub(r"(://[^\s'\"?]*\?)[^\s'\"]*", r"\1…", text))


def url_problem(url: str) -> str | None:
    """What stands against an address in a manifest; None where nothing does.

    Examples
    --------
    >>> url_problem("https://host/a.jpg")
    >>> url_problem("https://host/a.jpg?key=abc").partition(":")[0]
    'has a query, which can hold a key that tables and the page would show'
    """
    rest = url.partition("://")[2]
    host, _, key = rest.partition("/")
    if "@" in host:
        return "holds a user or password, which tables and the page would show: put it into ~/.netrc"
    if "?" in rest:
        return (
            "has a query, which can hold a key that tables and the page would show: name the file without one; keys of "
            "S3 belong into the environment (s3://BUCKET/KEY)"
        )
    if "::" in rest:
        return f"means a part of a file in a store, which would be fetched as a whole for each sample: {_COPY}"
    if not host or not key or key.endswith("/"):
        return f"names no file in a store, and folders are not fetched: {_COPY}"
    if any(part in ("", ".", "..") for part in key.split("/")):
        return f"has an empty part or dots between its slashes, which are not kept: {_COPY}"
    return None


def scheme_of(path: Path) -> str:
    """What stands before the colon.

    Examples
    --------
    >>> scheme_of(Path("s3://bucket/a.nii.gz"))
    's3'
    """
    return str(path).partition(":")[0]
