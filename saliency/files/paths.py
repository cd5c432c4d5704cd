"""Files named in a config or manifest: relative paths, files inside installed packages, and addresses in a store."""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

SCHEME = "package://"
# Of files in a store, which `saliency.files.remote` is about.
REMOTE = ("http://", "https://", "s3://")
_SPELLED = re.compile(r"^~|[$\\]")


def resolve(name: str, folder: Path) -> Path:
    r"""Turn a file name from a config or manifest into a path.

    Parameters
    ----------
    name
        ``package://PACKAGE/FILE`` for a file inside an installed Python package (which is not imported), an absolute
        path, or a path relative to `folder`. Where there is no file of that very name, ``~`` is the home folder,
        ``$NAME`` and ``${NAME}`` are environment variables, and backslashes are slashes. An address in a store
        (``https://…``, ``s3://…``) stays as it is; `saliency.files.remote` says what its path stands for.
    folder
        Where relative paths start.

    Returns
    -------
    Path
        Need not exist.

    Raises
    ------
    FileNotFoundError
        If the package is not installed.

    Examples
    --------
    >>> resolve("images/a.png", Path("data")).as_posix()
    'data/images/a.png'
    >>> resolve("package://numpy/version.py", Path()).is_file()
    True
    >>> resolve(r"images\a.png", Path("data")).as_posix()
    'data/images/a.png'
    """
    if name.startswith(REMOTE):
        return Path(name)
    if not name.startswith(SCHEME):
        # Looking for a file takes longer than all else here, and few names have anything to spell out.
        return folder / (_spelled_out(name, folder) if _SPELLED.search(name) else name)
    package, _, inside = name.removeprefix(SCHEME).partition("/")
    spec = find_package(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the Python package '{package}' of '{name}' is not installed")
    return Path(spec.submodule_search_locations[0]) / inside


def _spelled_out(name: str, folder: Path) -> str:
    if is_file(folder / name) or is_folder(folder / name):
        return name
    return os.path.expandvars(os.path.expanduser(name)).replace("\\", "/")  # noqa: PTH111


def no_file(name: str, folder: Path) -> str:
    """Say that there is no such file, and which environment variable of its name is not set.

    Examples
    --------
    >>> no_file("$NO_SUCH_FOLDER/a.png", Path())
    "there is no file '$NO_SUCH_FOLDER/a.png': the environment variable NO_SUCH_FOLDER is not set"
    """
    unset = None if name.startswith(REMOTE) else re.search(r"\$\{?(\w+)", str(resolve(name, folder)))
    return f"there is no file '{name}'" + (f": the environment variable {unset[1]} is not set" if unset else "")


def find_package(name: str) -> ModuleSpec | None:
    """Find a package without importing it; None where there is none.

    Examples
    --------
    >>> find_package("numpy").name
    'numpy'
    >>> find_package("no_such_package")
    """
    try:
        return find_spec(name)
    except ValueError:  # for `__main__`, which may have no spec
        return None


def made_by_rule(path: Path, places: Sequence[str]) -> Path | None:
    """The path as rules write it, if it is or lies in a place where rules make files: it need not exist yet.

    Parameters
    ----------
    path
        A file that a config or manifest names.
    places
        As `saliency.experiment.config.made_places` gives them.

    Examples
    --------
    >>> made_by_rule(Path("config/../results/a/x.nii"), ["results/a"]).as_posix()
    'results/a/x.nii'
    >>> made_by_rule(Path("data/x.nii"), ["results/a"])
    """
    plain = os.path.normpath(path)
    return Path(plain) if any(plain == place or plain.startswith(place + os.sep) for place in places) else None


def is_file(path: Path) -> bool:
    """Whether there is a file; `Path.is_file` raises for a name that is too long or a folder that may not be read.

    Examples
    --------
    >>> is_file(Path("x" * 10_000))
    False
    """
    try:
        return path.is_file()
    except OSError:
        return False


def fingerprint(path: Path) -> str:
    """Size and modification time of a file, by which a replaced file is noticed; "missing" without one.

    Examples
    --------
    >>> fingerprint(Path("no such file"))
    'missing'
    """
    try:
        status = path.stat()
    except (OSError, ValueError):  # a name with a null byte is a ValueError
        return "missing"
    return f"{status.st_size}:{status.st_mtime_ns}"


def is_folder(path: Path) -> bool:
    """Whether there is a folder; as `is_file`, it raises for no name.

    Examples
    --------
    >>> is_folder(Path()), is_folder(Path("x" * 10_000))
    (True, False)
    """
    try:
        return path.is_dir()
    except OSError:
        return False


def folder_fingerprint(path: Path) -> str:
    """Hash the names, sizes and modification times of all files in a folder and its subfolders; "missing" without one.

    Examples
    --------
    >>> folder_fingerprint(Path("no such folder"))
    'missing'
    """
    if not is_folder(path):
        return "missing"
    lines = sorted(f"{file.relative_to(path)} {fingerprint(file)}" for file in path.rglob("*") if is_file(file))
    return hashlib.sha256(os.fsencode("\n".join(lines))).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return files_sha256([path])


def files_sha256(paths: Iterable[Path]) -> str:
    """SHA-256 of files, one after the other, as ``cat FILES | sha256sum`` gives it: 64 hexadecimal digits."""
    found = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: found)
    return found.hexdigest()
