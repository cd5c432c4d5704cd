"""What the code of a function or class is known by: its own source files, or the version of its package.

Nothing is imported: modules are found as Python would find them, and their imports are read off their source.
"""

import ast
import site
import sysconfig
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from saliency.files.network_files import network_file
from saliency.files.paths import file_sha256, find_package, is_file

# Versions with which results were made before code counted. They add nothing to digests, so that those results stay.
COUNTED_AFTER = {
    "deepbet": "1.0.2",
    "efficientnet-lite-pytorch": "0.1.0",
    "monai": "1.6.1",
    "segmentation-models-pytorch": "0.6.0",
    "timm": "1.0.31",
    "torch": "2.14.1",
    "torchvision": "0.29.1",
}
# This package's own steps and methods have versions.
OURS = __name__.partition(".")[0]
MISSING = "missing"


def code_of(name: str, root: Path = Path()) -> dict[str, str]:
    """What the code of a callable is known by.

    Parameters
    ----------
    name
        ``package.module:callable``, or a file with what runs it (`saliency.files.network_files`).
    root
        Where modules of the user's own lie: the folder in which Snakemake runs.

    Returns
    -------
    dict
        For an installed package, its version by its name. For a module of the user's own, the SHA-256 of its file, and
        of those of their own modules that it imports, and these import, by module. Empty for this package.

    Examples
    --------
    >>> list(code_of("zarr:open_group")), code_of("no_such_module:Network"), code_of("saliency:NeuralNetwork")
    (['zarr'], {'no_such_module': 'missing'}, {})
    """
    in_file = network_file(name)
    module = in_file[0].packages[0] if in_file else name.partition(":")[0]
    package = module.partition(".")[0]
    if package == OURS:
        return {}
    files = _module_files(module, root)
    if files and is_own(files[-1][1]):
        return dict(sorted(_with_imports(files, root)))
    spec = find_package(package)
    if spec is None:
        return {module: MISSING}
    distribution = _distribution(package)
    if distribution:
        return {distribution: version(distribution)}
    places = [*(spec.submodule_search_locations or []), *([spec.origin] if spec.has_location and spec.origin else [])]
    return {module: MISSING} if any(is_own(Path(place)) for place in places) else {package: "of Python"}


def counted(code: dict[str, str]) -> dict[str, str]:
    """The part of what `code_of` finds that results made before it counted do not have already.

    Examples
    --------
    >>> counted({"torch": "2.14.1"}), counted({"torch": "3.0.0"}), counted({"math": "of Python"})
    ({}, {'torch': '3.0.0'}, {})
    """
    return {name: found for name, found in code.items() if found not in (COUNTED_AFTER.get(name), "of Python")}


def source_file(name: str, root: Path = Path()) -> Path | None:
    """The file of a callable's module, which is not imported; None where it is not found, or is not written in Python.

    Examples
    --------
    >>> source_file("json.decoder:JSONDecoder").name, source_file("no_such_package:function")
    ('decoder.py', None)
    """
    files = _module_files(name.partition(":")[0], root)
    return files[-1][1] if files else None


def _module_files(module: str, root: Path) -> list[tuple[str, Path]]:
    """Modules that importing one runs, and their files: the packages around it, and last the module itself.

    Empty where it has no file written in Python.
    """
    first, *others = module.split(".")
    if not first:
        return []
    spec = find_package(first)
    if spec is None:
        places = [root / first]
    elif spec.submodule_search_locations is not None:
        places = [Path(folder) for folder in spec.submodule_search_locations]
    else:
        origin = Path(spec.origin or "")
        return [(first, origin)] if not others and origin.suffix == ".py" and is_file(origin) else []
    found: list[tuple[str, Path]] = []
    for depth in range(len(others) + 1):
        inside = [place.joinpath(*others[:depth]) for place in places]
        spelled = (path for place in inside for path in (place / "__init__.py", place.with_name(f"{place.name}.py")))
        file = next((path for path in spelled if is_file(path)), None)
        if file:
            found.append((".".join([first, *others[:depth]]), file))
        # Folders without `__init__.py` are packages, too.
        elif depth == len(others):
            return []
    return found


def _with_imports(waiting: list[tuple[str, Path]], root: Path) -> Iterator[tuple[str, str]]:
    """Name of some modules, and SHA-256 of their files, and those of all of the user's own that they import."""
    seen: set[Path] = set()
    while waiting:
        name, found = waiting.pop()
        file = found.resolve()
        if file in seen or not is_own(file):
            continue
        seen.add(file)
        yield name, file_sha256(file)
        status = file.stat()
        for imported in _imports(file, name, status.st_mtime_ns, status.st_size):
            if imported.partition(".")[0] != OURS:
                waiting += _module_files(imported, root)


@lru_cache(maxsize=1024)
def _imports(file: Path, module: str, _modified: int, _size: int) -> tuple[str, ...]:
    """Names of what a file may import, wherever in it: modules, and names in them that may be modules."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # the job that imports it will say so
        return ()
    names: dict[str, None] = {}
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= dict.fromkeys(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node.module, node.level, package)
            names |= dict.fromkeys([base, *(f"{base}.{alias.name}" for alias in node.names)] if base else [])
    return tuple(names)


def _absolute(module: str | None, level: int, package: str) -> str:
    """Name of a module in ``from MODULE import``, with the dots before it resolved; "" where there is none."""
    if not level:
        return module or ""
    around = package.split(".")
    around = around[: len(around) - level + 1]
    return ".".join([*around, *([module] if module else [])])


def is_own(file: Path) -> bool:
    """Whether a file is the user's: not Python's, nor of a package that was installed as a copy."""
    return not any(file.is_relative_to(place) for place in _installed_places())


@cache
def _installed_places() -> tuple[Path, ...]:
    named = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders = {*named, *site.getsitepackages(), site.getusersitepackages()}
    return tuple({path for folder in folders for path in (Path(folder), Path(folder).resolve())})


@cache
def _distribution(package: str) -> str | None:
    """Name of the distribution that installed a package; None for what is Python's own."""
    try:
        # Most are called as their package is; to look through all of them takes a second.
        version(package)
        return package.replace("_", "-")
    except PackageNotFoundError:
        return next(iter(packages_distributions().get(package, [])), None)
