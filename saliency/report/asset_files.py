"""Files that are the same in every report: the page's scripts, the library for tables, and the licences."""

import hashlib
import re
from importlib.metadata import distribution
from pathlib import Path

from saliency.exceptions import DataError
from saliency.files.paths import resolve

PACKAGE = Path(__file__).parent
FOLDER = PACKAGE / "assets"
# Each may use those before it while it is loaded.
BASE_SCRIPTS = (
    "data.js",
    "elements.js",
    "views.js",
    "methods.js",
    "state.js",
    "colours.js",
    "outlines.js",
    "pictures.js",
    "packed.js",
    "samples.js",
    "class_data.js",
    "plot.js",
    "plots.js",
    "controls.js",
    "filters.js",
    "mosaic.js",
    "volume.js",
    "zoom.js",
    "copying.js",
    "nearest.js",
    "rows.js",
)


def registered_scripts(kind: str, folder: Path = FOLDER) -> tuple[str, ...]:
    """Scripts of the page's views, or of its plots, one file each: a new file is all that a new one takes.

    Parameters
    ----------
    kind
        "views" or "plots".
    folder
        Where both are.

    Examples
    --------
    >>> registered_scripts("views")[:2]
    ('views/class.js', 'views/classes.js')
    """
    return tuple(sorted(path.relative_to(folder).as_posix() for path in (folder / kind).glob("*.js")))


# In the order in which the page loads them.
SCRIPTS = (*BASE_SCRIPTS, *registered_scripts("plots"), *registered_scripts("views"), "app.js")
# Made from the package itables; the page loads them when the table is opened.
TABLE_FILES = ("datatables.js", "datatables.css", "licences.txt")
ASSETS = (*SCRIPTS, *TABLE_FILES)


def assets_fingerprint(package: Path = PACKAGE) -> str:
    """Digest of all scripts, styles and templates that the page is made from: an edited one makes the page again.

    Parameters
    ----------
    package
        Folder with ``assets/`` and ``templates/``.
    """
    files = sorted(path for folder in ("assets", "templates") for path in (package / folder).rglob("*.*"))
    content = hashlib.sha256()
    for path in files:
        content.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()[:32]


def style_sheet() -> str:
    """Text of the page's style sheet."""
    return (FOLDER / "report.css").read_text(encoding="utf-8")


def script(name: str) -> bytes:
    """One of `SCRIPTS`."""
    return (FOLDER / name).read_bytes()


def table_library() -> dict[str, bytes]:
    """DataTables as the package itables ships it, by the names of `TABLE_FILES`.

    The package has a module, which a browser does not load from a file; here it becomes a plain script that sets
    ``report.jQuery``.
    """
    folder = resolve("package://itables/html", Path())
    module = (folder / "dt_bundle.js").read_text(encoding="utf-8")
    exported = re.search(r"\bexport\s*\{([^}]*)\};?", module)
    found = re.search(r"([\w$]+) as jQuery\b", exported[1]) if exported else None
    if not exported or not found:
        raise DataError(f"{folder}: this version of itables is packed in another way: install itables 2.4 to 2.9")
    body = f"{module[: exported.start()]}report.jQuery={found[1]};{module[exported.end() :]}"
    return {
        "datatables.js": f"(function(){{\n{body}\n}})();\n".encode(),
        "datatables.css": (folder / "dt_bundle.css").read_bytes(),
        "licences.txt": _licences(module).encode(),
    }


def _licences(module: str) -> str:
    package = distribution("itables")
    texts = [
        Path(str(package.locate_file(path))).read_text(encoding="utf-8")
        for path in package.files or []
        if "license" in path.name.lower()
    ]
    notice = re.search(r"/\*! Bundled license information:(.*?)\*/\s*$", module, flags=re.DOTALL)
    return "\n\n".join(
        [
            f"datatables.js and datatables.css come from itables {package.version}, which has this licence:",
            *texts,
            "They hold libraries with these notices, all under the MIT licence, whose terms are those above:",
            notice[1].strip() if notice else "see the end of datatables.js",
            "",
        ]
    )
