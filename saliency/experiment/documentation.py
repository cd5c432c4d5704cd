"""Files of the repository that are made from what is written in code: the schema, tables of keys, a list of methods.

``python -m saliency document`` writes them. A table stands in ``config/README.md`` between ``<!-- table: NAME -->`` and
``<!-- end -->``.
"""

import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from saliency.audit.findings.registered import finding_kinds
from saliency.exceptions import DataError
from saliency.experiment.checks import checks
from saliency.experiment.keys.experiment import experiment_keys
from saliency.experiment.keys.inputs import INPUT_KEYS, MODE
from saliency.experiment.keys.models import MODEL_KEYS
from saliency.experiment.schema import config_schema
from saliency.files.atomic_files import write_atomically
from saliency.methods.registered import methods
from saliency.metrics.registered import measures
from saliency.readers.reader import Reader
from saliency.readers.registered import OTHER_FILES, OTHER_FOLDERS, readers
from saliency.registry.fits import in_words
from saliency.registry.key import Key

COMMAND = "python -m saliency document"
SCHEMA_FILE = Path("workflow/schemas/config.schema.yaml")
TABLES_FILE = Path("config/README.md")
METHODS_FILE = Path("docs/methods.md")
_TABLE = re.compile(r"(?P<begin><!-- table: (?P<name>[^\n]*) -->\n)(?P<rows>.*?)(?P<end><!-- end -->)", re.DOTALL)


def document(root: Path) -> list[Path]:
    """Write the files that are out of date.

    Parameters
    ----------
    root
        Folder of the repository.

    Returns
    -------
    list of Path
        What was written, relative to `root`.

    Raises
    ------
    DataError
        As `stale_files`.
    """
    stale = stale_files(root)
    for path, text in stale.items():
        write_atomically(root / path, text.encode())
    return list(stale)


def stale_files(root: Path) -> dict[Path, str]:
    """The files that are out of date, relative to `root`, and what they should be.

    Raises
    ------
    DataError
        If `root` is not the repository, or ``config/README.md`` lacks a table, has one twice or one that there is not.
    """
    try:
        readme = (root / TABLES_FILE).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(f"{root / TABLES_FILE}: is not there: run the command in the repository's folder") from error
    wanted = {
        SCHEMA_FILE: schema_file(),
        TABLES_FILE: fill_tables(readme, tables(), str(root / TABLES_FILE)),
        METHODS_FILE: methods_file(),
    }
    return {path: text for path, text in wanted.items() if _text(root / path) != text}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


_METHODS_HEAD = """# Methods

Made by `{command}` from the files in `saliency/methods`: change it there.

![The maps of the methods for one photograph of a cat](methods.webp)

*The cat of scikit-image, seen by the demo's network; the class explained is the predicted one. CAM is missing: between
this network's target layer and its pooling lies an activation. Before it, features can be negative; the sum that
Score-CAM makes of them is nowhere above 0 here, and its map is zero. LRP refuses the network's additions, and there is
no attention in it. Maps on the target layer lie over the picture; signed ones are centred on zero; each has its own
range. Drawn by `python docs/methods_picture.py docs/methods.webp`.*

All methods that a config names in `methods` come from as few passes as possible: those on the target layer share its
features and their gradient, and add next to nothing to Grad-CAM's price; those with several passes say how many, at
their default settings. Settings are in the [table of settings](../config/README.md). Maps are stored raw: on the
target layer's grid one value per position, on the input's grid one per pixel or voxel, for some of each channel.

Of each method on the target layer there is also a guided one, such as `guided_layercam`: the product of
`guided_backprop` and the upsampled map.
"""


def methods_file() -> str:
    """``docs/methods.md``: of each method its formula, paper, cost, and when to use it."""
    parts = [_METHODS_HEAD.format(command=COMMAND)]
    for name, method in methods().items():
        document = import_module(method.__module__).__doc__ or ""
        about, _, paper = document.strip().partition("\n\n")
        if not paper:
            continue
        grid = {"features": "target layer", "input": "input"}[method.grid]
        kind = f"{grid}{', each channel' if method.channels else ''}, {'signed' if method.signed else 'not negative'}"
        count = method.passes(method.complete({}), 2)
        passes = str(count) if count == 1 else f"{count} in 2D: {(method.passes.__doc__ or '').strip()}"
        of = f"made from {' and '.join(f'`{part}`' for part in method.parts)}" if method.parts else ""
        facts = [["name", f"`{name}`"], ["map", kind], ["passes", of or passes]]
        facts += [["needs", f"`pip install 'nip-saliency[{method.extra}]'`"]] if method.extra else []
        facts += [["use it for", method.when], ["not for", method.when_not]]
        facts += [["paper", " ".join(paper.split())]]
        formula = f"$$ {method.formula} $$\n"
        parts.append(f"## {method.title}\n\n{' '.join(about.split())}\n\n{formula}\n{markdown_table(['', ''], facts)}")
    return "\n".join(parts)


class _Dumper(yaml.SafeDumper):
    """YAML without anchors: what stands twice is written twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def schema_file() -> str:
    """The config's JSON schema for editors, as YAML."""
    first = f"# Made by `{COMMAND}` from saliency/experiment/keys, for editors: change it there.\n"
    schema = _for_editors(config_schema())
    return first + yaml.dump(schema, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _for_editors(value: Any) -> Any:
    """Leave out the hints, which are no JSON Schema, and end patterns as JavaScript does."""
    if isinstance(value, Mapping):
        return {
            name: part.replace(r"\Z", "$") if name == "pattern" and isinstance(part, str) else _for_editors(part)
            for name, part in value.items()
            if not (name == "hint" and isinstance(part, str))
        }
    return [_for_editors(part) for part in value] if isinstance(value, list) else value


def key_tables() -> dict[str, tuple[Key, ...]]:
    """The keys of each mapping in a config, by its place; those of ``input`` also by its mode."""
    found = {"experiment": experiment_keys(), "input": (MODE,)}
    found |= {f"input {mode}": keys for mode, keys in INPUT_KEYS.items()}
    found |= {"models.MODEL": MODEL_KEYS, **_inside("models.MODEL.", MODEL_KEYS), **_inside("", experiment_keys())}
    return found


def _inside(place: str, keys: Iterable[Key]) -> dict[str, tuple[Key, ...]]:
    found: dict[str, tuple[Key, ...]] = {}
    for key in keys:
        if key.keys:
            found |= {f"{place}{key.name}": key.keys, **_inside(f"{place}{key.name}.", key.keys)}
    return found


def tables() -> dict[str, str]:
    """Tables of ``config/README.md`` by name, in Markdown."""
    of_checks = {f"audit.{name}" for name in checks()}
    keys = {name: _key_table(name, keys) for name, keys in key_tables().items() if name not in of_checks}
    return {
        **keys,
        "checks": _checks_table(),
        "methods": _methods_table(),
        "method_settings": _method_settings_table(),
        "readers": _readers_table(),
        "measures": _measures_table(),
        "findings": _findings_table(),
    }


def _key_table(name: str, keys: Iterable[Key]) -> str:
    head = "key" if name == "experiment" else f"key of `{name.partition(' ')[0]}`"
    return markdown_table([head, "default", "what fits", "meaning"], map(_key_row, keys))


def _key_row(key: Key) -> list[str]:
    fits = in_words({"type": "object", **key.schema})
    return [f"`{key.name}`", "required" if key.required else f"`{_as_yaml(key.default)}`", fits, key.meaning]


def _as_yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**9)
    return text.removesuffix("\n").removesuffix("\n...")


def _methods_table() -> str:
    rows = ([f"`{name}`", method.title, method.summary] for name, method in methods().items())
    return markdown_table(["method", "title", "what it shows"], rows)


def _method_settings_table() -> str:
    rows = [[f"`{name}`", *_key_row(key)] for name, method in methods().items() for key in method.keys]
    if not rows:
        return "No method has settings.\n"
    return markdown_table(["method", "setting", "default", "what fits", "meaning"], rows)


def _checks_table() -> str:
    rows = [[f"`{name}`", *_key_row(key)] for name, check in checks().items() for key in check.keys]
    return markdown_table(["check", "setting", "default", "what fits", "meaning"], rows)


def _readers_table() -> str:
    rows = ([f"`{name}`", f"`{reader.mode}`", reader.title, _claim(reader)] for name, reader in readers().items())
    return markdown_table(["reader", "mode", "what it opens", "names"], rows)


_NEEDS = {
    "mask": "a mask",
    "methods": "two methods, one of them on the input's grid",
    "targets": "two targets",
    None: "",
}
_OF_A_GOOD_MAP = {"higher is better": "high", "lower is better": "low", None: ""}


def _measures_table() -> str:
    rows = (
        [f"`{name}`", measure.meaning, _range(*measure.range), _OF_A_GOOD_MAP[measure.direction], _NEEDS[measure.needs]]
        for name, measure in measures().items()
    )
    return markdown_table(["measure", "what it is", "range", "of a good map", "needs"], rows)


def _range(low: float | None, high: float | None) -> str:
    """Smallest and largest value in words."""
    ends = [None if end is None else f"{end:.2g}" for end in (low, high)]
    if None not in ends:
        return f"{ends[0]} … {ends[1]}"
    return f"≥ {ends[0]}" if ends[0] else f"≤ {ends[1]}" if ends[1] else ""


def _findings_table() -> str:
    own = ((name, kind.title, [f"`{key.name}`" for key in kind.keys]) for name, kind in finding_kinds().items())
    rows = ([f"`{name}`", title, ", ".join(keys) or "–"] for name, title, keys in own)
    return markdown_table(["kind", "title", "thresholds of its own"], rows)


def _claim(reader: Reader) -> str:
    """Which names a reader claims."""
    if reader.suffixes:
        return ", ".join(f"`{suffix}`" for suffix in reader.suffixes)
    return OTHER_FOLDERS if reader.folders else OTHER_FILES


def markdown_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    r"""Write a table in Markdown.

    Examples
    --------
    >>> print(markdown_table(["key", "meaning"], [["`a`", "this | that"]]), end="")
    | key | meaning |
    |---|---|
    | `a` | this \| that |
    """
    head = list(head)
    lines = [head, *(list(row) for row in rows)]
    texts = ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines]
    return "".join([texts[0], "|", "---|" * len(head), "\n", *texts[1:]])


def fill_tables(text: str, wanted: Mapping[str, str], name: str) -> str:
    r"""Put tables between their markers.

    Parameters
    ----------
    text
        Markdown, with the markers of all tables.
    wanted
        Tables by name.
    name
        What messages call the text.

    Raises
    ------
    DataError
        If the markers are not those of the tables, each once; all problems in one message, a line each.

    Examples
    --------
    >>> fill_tables("<!-- table: a -->\nold\n<!-- end -->\n", {"a": "new\n"}, "README")
    '<!-- table: a -->\nnew\n<!-- end -->\n'
    """
    found = [match["name"] for match in _TABLE.finditer(text)]
    problems = [f"{name}: there is no table '{other}': remove its markers" for other in found if other not in wanted]
    problems += [f"{name}: table '{table}' is missing: add its markers" for table in wanted if table not in found]
    problems += [f"{name}: table '{table}' is there twice" for table in wanted if found.count(table) > 1]
    if text.count("<!-- table:") != len(found) or text.count("<!-- end -->") != len(found):
        problems.append(f"{name}: each '<!-- table: NAME -->' needs an '<!-- end -->' after it")
    if problems:
        raise DataError("\n".join(problems))
    return _TABLE.sub(lambda match: match["begin"] + wanted[match["name"]] + match["end"], text)
