"""Files in stores on the network, through fsspec: what they are known by, and copies of them to read.

All files of a manifest are asked for at once, when a run is planned: keys of S3 a thousand at a time, as a listing has
them, and other files by many requests that wait for their answers together. The answers hold as long as a process
lasts, and jobs take them from a file that the planning process writes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saliency.exceptions import DataError, InputError, Status
from saliency.files.atomic_files import write_atomically
from saliency.files.paths import find_package
from saliency.files.remote import PACKAGES, is_remote, scheme_of, url_of, without_secrets

MISSING = "missing"
UNREACHABLE = "unreachable: "
# At the end of what a file is known by of which its store says nothing else than the size.
UNMARKED = " bytes"
# Requests that wait for an answer at once, and seconds after which none is waited for.
AT_ONCE = 64
PATIENCE = 60
# Keys that a walk through a listing looks for, those of a page, and how many of the former make a page worth a request.
WALKED, PAGE, WORTH = 2000, 1000, 20
# Files of a host that cannot be asked for, after which the host is left alone.
GIVEN_UP = 10
# A connection can break; what is not there or not allowed stays so.
ATTEMPTS = 3
PAUSE = 1.0

_known: dict[str, str] = {}


def missing_packages(paths: Iterable[Path]) -> list[str]:
    """Names of Python packages that are not installed, and without which files in stores cannot be fetched.

    Examples
    --------
    >>> missing_packages([Path("data/a.jpg")])
    []
    """
    schemes = {scheme_of(path) for path in paths if is_remote(path)}
    packages = dict.fromkeys(package for scheme in sorted(schemes) for package in PACKAGES[scheme])
    return [package for package in packages if find_package(package) is None]


def ask(paths: Iterable[Path]) -> None:
    """Ask the stores for all files that have not been asked for yet."""
    new: dict[str, list[str]] = {}
    for path in dict.fromkeys(paths):
        if is_remote(path) and (url := url_of(path)) not in _known:
            new.setdefault(scheme_of(path), []).append(url)
    for scheme, urls in new.items():
        if missing := missing_packages([Path(urls[0])]):
            _known.update(dict.fromkeys(urls, UNREACHABLE + packages_needed(missing)))
            continue
        import fsspec.asyn

        files = _file_system(scheme)
        fsspec.asyn.sync(files.loop, _ask_s3 if scheme == "s3" else _ask_each, files, urls)


def stored_fingerprint(path: Path) -> str:
    """By what a replaced file is noticed: its size, with its ETag or else the time of its last change.

    "missing" where there is no such file, and "unreachable: …" where the store does not say.
    """
    ask([path])
    return _known[url_of(path)]


def remember(file: Path) -> None:
    """Write what the stores have said, for jobs of the same run."""
    if _known:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(_known).encode())


def recall(file: Path) -> None:
    """Take what `remember` wrote; what it does not hold is asked for again."""
    try:
        _known.update(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return


@contextmanager
def on_disk(path: Path) -> Iterator[Path]:
    """A file on the disk: the given one, or a copy of one in a store, which lasts as long as the ``with`` block.

    Raises
    ------
    InputError
        If there is no such file, or a package is missing that fetches it.
    DataError
        If it cannot be fetched, which says nothing about the file.
    """
    if not is_remote(path):
        yield path
        return
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        # Messages about the copy name the address as well.
        copy = Path(folder, path)
        copy.parent.mkdir(parents=True)
        _fetch(path, copy)
        yield copy


def _fetch(path: Path, copy: Path) -> None:
    missing, url = missing_packages([path]), url_of(path)
    if missing:
        raise InputError(Status.UNSUPPORTED, packages_needed(missing))
    files = _file_system(scheme_of(path))
    # A compressed file is to stay one.
    options = {} if url.startswith("s3:") else {"headers": files.kwargs.get("headers", {}) | _IDENTITY}
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * attempt)
        try:
            files.get_file(url, str(copy), **options)
        except FileNotFoundError:
            raise InputError(Status.MISSING, "there is no such file: correct the path or remove the row") from None
        # Whatever a network does surfaces here, in whatever way.
        except Exception as error:
            reason, denied = _reason(error), isinstance(error, PermissionError) or _status(error) in (401, 403)
            if denied:
                break
        else:
            return
    raise DataError(f"{url} cannot be fetched ({reason}): run again when it can, or copy it to a disk")


def packages_needed(packages: Sequence[str]) -> str:
    """Say which packages are not installed, and the extra that brings them."""
    return (
        f"needs the Python package {' and '.join(packages)}, which is not installed: pip install 'nip-saliency[remote]'"
    )


_IDENTITY = {"Accept-Encoding": "identity"}


def _file_system(scheme: str) -> Any:
    import fsspec

    if scheme == "s3":
        return fsspec.filesystem(scheme)
    # Proxies of the environment and ~/.netrc, unless fsspec's own settings say something else.
    client = {"trust_env": True} | fsspec.config.conf.get(scheme, {}).get("client_kwargs", {})
    return fsspec.filesystem(scheme, client_kwargs=client)


async def _ask_each(files: Any, urls: Sequence[str]) -> None:
    rest, failed = iter(urls), Counter[str]()

    async def work() -> None:
        for url in rest:
            host = url.split("/")[2]
            if failed[host] >= GIVEN_UP:
                _known[url] = f"{UNREACHABLE}not asked for, since {GIVEN_UP} others of {host} could not be"
                continue
            _known[url] = await _said(files, url)
            failed[host] += _known[url].startswith(UNREACHABLE)

    await asyncio.gather(*(work() for _ in range(min(AT_ONCE, len(urls)))))


async def _said(files: Any, url: str) -> str:
    try:
        found = await asyncio.wait_for(files._info(url), PATIENCE)
    except Exception as error:
        cause = error.__cause__
        # Over HTTP, whatever fails is raised as a file that is not found, because of what failed.
        if isinstance(error, FileNotFoundError) and (cause is None or _status(cause) in (404, 410)):
            return MISSING
        return UNREACHABLE + _reason(cause if isinstance(error, FileNotFoundError) and cause else error)
    if found["type"] != "file":
        return MISSING
    return _fingerprint(found["size"], found.get("ETag") or found.get("Last-Modified") or "")


def _fingerprint(size: int | None, mark: str) -> str:
    # A listing and an object have its ETag with and without quotation marks, depending on the service.
    return f"{size} {mark}".replace('"', "") if mark else f"{size}{UNMARKED}"


async def _ask_s3(files: Any, urls: Sequence[str]) -> None:
    """Walk through the listings of folders of which many keys are wanted; ask for the others one by one."""
    folders: dict[str, list[str]] = {}
    for url in urls:
        folders.setdefault(url.rpartition("/")[0], []).append(url)
    walks = iter(
        [sorted(wanted)[at : at + WALKED] for wanted in folders.values() for at in range(0, len(wanted), WALKED)]
    )

    async def work() -> None:
        for wanted in walks:
            await _walk(files, wanted)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    # Also what a listing lacks, so that nothing rests on the order in which a service lists.
    await _ask_each(files, [url for url in urls if url not in _known])


async def _walk(files: Any, urls: Sequence[str]) -> None:
    """List a folder from the first of some keys on, as long as pages hold many of them."""
    if len(urls) < WORTH:
        return
    bucket, _, first = urls[0].removeprefix("s3://").partition("/")
    wanted, after = set(urls), first
    prefix, name, last = first[: first.rfind("/") + 1], f"s3://{bucket}/", urls[-1]
    while True:
        try:
            page = await files._call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, StartAfter=after, MaxKeys=PAGE)
        # Not everyone who may read objects may list them.
        except Exception:
            return
        items = page.get("Contents", [])
        found = {url: item for item in items if (url := name + item["Key"]) in wanted}
        _known.update({url: _fingerprint(item["Size"], item["ETag"]) for url, item in found.items()})
        if len(found) < WORTH or not page.get("IsTruncated") or name + items[-1]["Key"] >= last:
            return
        after = items[-1]["Key"]


def _status(error: BaseException | None) -> int | None:
    """Of an answer over HTTP."""
    status = getattr(error, "status", None)
    return status if isinstance(status, int) else None


def _reason(error: BaseException) -> str:
    """What went wrong, on one line and without what is secret."""
    words = " ".join(without_secrets(str(error)).split())
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
