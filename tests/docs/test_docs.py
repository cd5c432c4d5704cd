"""What the guides name exists, and what exists is in the guides."""

import importlib
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from saliency.__main__ import main
from saliency.methods.registered import methods
from saliency.readers.registered import readers
from tests.helpers.workflow_project import ROOT, Project

GUIDES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "config/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in GUIDES}
README = TEXTS["README.md"]
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for folder, pattern in [("saliency", "*.py"), ("tests", "*.py"), ("workflow", "*.smk"), ("workflow", "*.py")]
    for path in sorted((ROOT / folder).rglob(pattern))
}
# Files that a guide tells its reader to write.
READERS_OWN = {"config/wolves.csv", "config/wolves.yaml", "config/my_experiment.yaml"}
# Tests that add files to a copy of the package.
ADDING = {
    f"tests/{name}.py"
    for name in (
        "docs/test_docs",
        "methods/test_new_method",
        "readers/test_added_reader",
        "workflow/test_architecture",
        "audit/findings/test_registered",
    )
}


def spans(text: str) -> str:
    """All that stands in backticks or indented blocks."""
    return "\n".join(re.findall(r"`[^`\n]+`|^ {4,}.*$", text, flags=re.MULTILINE))


WORDS = {word for text in TEXTS.values() for word in re.findall(r"[\w-]+", spans(text))}


def optional(module: str, name: str) -> list[str]:
    """Names in a registry."""
    return list(getattr(pytest.importorskip(module, exc_type=ModuleNotFoundError), name)())


def table(heading: str) -> list[str]:
    """What the first column of a table of config/README.md has in backticks."""
    rows = TEXTS["config/README.md"].partition(f"<!-- table: {heading} -->")[2].partition("<!-- end -->")[0]
    return re.findall(r"^\| `([^`]+)`", rows, flags=re.MULTILINE)


def test_methods_are_documented():
    assert table("methods") == list(methods())


def test_readers_are_documented():
    assert table("readers") == list(readers())


def test_measures_are_documented():
    assert [name for name in optional("saliency.metrics.registered", "measures") if name not in WORDS] == []


def test_findings_are_documented():
    kinds = optional("saliency.audit.findings.registered", "finding_kinds")
    assert [name for name in kinds if name not in WORDS] == []


def test_commands_are_documented_and_documented_commands_exist(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = set(re.findall(r"^ {4}([a-z-]+)  ", capsys.readouterr().out, flags=re.MULTILINE))
    used = re.findall(r"python -m saliency ([a-z-]+)((?: --[a-z-]+)*)", "\n".join(TEXTS.values()))

    assert commands == {command for command, _ in used}
    for command, options in used:
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert set(options.split()) <= set(re.findall(r"--[a-z-]+", capsys.readouterr().out)), command


# ---------------------------------------------------------------------------------------------------- output files


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> set[str]:
    """All that a run with everything makes, as paths below results/EXPERIMENT, of photographs and of volumes."""
    folder = tmp_path_factory.mktemp("outputs")
    project = Project.create(folder / "photographs")
    splits = ["train", "train", "test", "test", "test"]
    rows = [f"s{number},s{number}.png,{number},{split}" for number, split in enumerate(splits)]
    project.manifest.write_text("\n".join(["id,path,label,split", *rows]) + "\n")
    models = project.config["models"]
    models["tiny"]["train"] = {}
    asked = {name: {} for name in ("faithfulness", "randomisation", "stability", "methods")}
    project.write_config(models=models, audit=asked, report={})
    volumes = Project.create(folder / "volumes", input={"mode": "3D", "crop": 8}, export="plotted", audit={}, report={})
    return made(project) | made(volumes)


def made(project: Project) -> set[str]:
    return set(re.findall(r"^results/test/(\S+)\t", project.run("--summary"), flags=re.MULTILINE))


def tree(block: str) -> Iterator[tuple[str, str, bool]]:
    """What a drawing of a folder lists: each path, what is said of it, and whether entries below it follow.

    The first line is the top folder. Names of a line are separated by a comma, and stand in the folder of the first;
    what is said of them follows after three spaces.
    """
    lines = [line for line in block.splitlines() if line.strip()]
    depths = [len(line) - len(line.lstrip()) for line in lines]
    folders: dict[int, str] = {depths[0]: ""}
    for number, line in enumerate(lines[1:], start=1):
        names, _, said = re.sub(r" {3,}", "\t", line.strip()).partition("\t")
        above = folders[max(depth for depth in folders if depth < depths[number])]
        folders = {depth: name for depth, name in folders.items() if depth < depths[number]}
        first, *further = names.split(", ")
        folders[depths[number]] = above + first
        beside = above + first[: first.rfind("/", 0, -1) + 1]
        parent = number + 1 < len(lines) and depths[number + 1] > depths[number]
        yield above + first, said, parent
        yield from ((beside + name, said, False) for name in further)


def pattern(path: str) -> str:
    """A regular expression for paths of the test's run: its model is `tiny`, and ID and METHOD stand for any."""
    words = {"resnet18": "tiny", "ID": r"s\d", "METHOD": "|".join(methods()), "MODEL": "tiny", "TARGET": "predicted"}
    escaped = re.escape(path.removesuffix("/"))
    return re.sub(
        r"(?<![\w-])(resnet18|ID|METHOD|MODEL|TARGET)(?![\w-])", lambda match: f"(?:{words[match[1]]})", escaped
    )


def outcome() -> list[tuple[str, str, bool]]:
    block = README.partition("## What comes out\n\n")[2].partition("\n\n")[0]
    return list(tree(block))


def test_a_drawn_folder_is_read():
    block = "top/\n  a.zarr/   all\n    x, y   arrays\n  b/c.csv, d.csv   tables\n  e/\n"
    assert list(tree(block)) == [
        ("a.zarr/", "all", True),
        ("a.zarr/x", "arrays", False),
        ("a.zarr/y", "arrays", False),
        ("b/c.csv", "tables", False),
        ("b/d.csv", "tables", False),
        ("e/", "", False),
    ]


def test_every_output_file_is_listed(outputs):
    listed = [pattern(path) for path, _, parent in outcome() if not parent]
    # Zarr's own files are where arrays and groups are.
    files = {path for path in outputs if not path.endswith("zarr.json")}

    assert len(files) > 100
    assert sorted(path for path in files if not any(re.match(rf"{line}(/|$)", path) for line in listed)) == []


def test_every_listed_file_is_made(outputs):
    for path, said, _ in outcome():
        if path == "logs/":  # no rule's output
            assert 'log:\n        f"{RESULTS}/logs/' in SOURCES["workflow/rules/tables.smk"]
            continue
        if path == "resnet18/factory_files.json":  # it stays when its rule runs again
            assert f'NAME = "{Path(path).name}"' in SOURCES["saliency/experiment/factory_files.py"]
            continue
        assert any(re.match(rf"{pattern(path)}(/|$)", name) for name in outputs), path
        if path.endswith("/"):
            for name in re.findall(r"[\w/-]+(?:\.[a-z]+)+\b", said):
                assert any(re.fullmatch(rf"{pattern(path)}/{pattern(name)}", made) for made in outputs), (path, name)


def test_output_paths_in_the_guides_are_made(outputs):
    named = {path for text in TEXTS.values() for path in re.findall(r"`results/EXPERIMENT/([^`…]+)`", text)}
    assert len(named) > 5
    for path in named - {"logs/"}:
        assert any(re.match(rf"{pattern(path)}(/|$)", name) for name in outputs), path


# ------------------------------------------------------------------------------------------------ links and names


def slug(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("guide", TEXTS)
def test_links_lead_somewhere(guide):
    for link in re.findall(r"\]\(([^)\s]+)\)", TEXTS[guide]):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / guide).parent / name if name else ROOT / guide
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in map(slug, headings), link


def paths(text: str) -> set[str]:
    """Paths of this repository in a text, those of the commands `pytest` and `python -m` among them."""
    found = re.findall(r"(?<![\w/.:*}-])((?:saliency|tests|workflow|docs|config)/[\w./*-]*[\w/*])(?![\w{…])", text)
    modules = re.findall(r"python -m (tests(?:\.\w+)+)", text)
    return {*found, *(f"{module.replace('.', '/')}.py" for module in modules)} - READERS_OWN


@pytest.mark.parametrize("guide", TEXTS)
def test_paths_in_a_guide_exist(guide):
    assert [path for path in sorted(paths(TEXTS[guide])) if not any(ROOT.glob(path))] == []


def test_paths_in_docstrings_exist():
    """Of Python and Markdown files; other paths in the code may be those of an example, or made by a test."""
    named = {
        (file, path)
        for file, text in SOURCES.items()
        for path in paths(text)
        if file not in ADDING and re.fullmatch(r"(?:saliency|tests|workflow|docs)/.*\.(?:py|md|smk)", path)
    }
    assert len(named) > 5
    assert sorted((file, path) for file, path in named if not any(ROOT.glob(path))) == []


@cache
def resolves(name: str) -> bool:
    """Whether there is a module, or something in a module, of a dotted name."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        try:
            if importlib.util.find_spec(module) is None:
                continue
        except ModuleNotFoundError:
            continue
        if length == len(parts):
            return True
        value = importlib.import_module(module)
        for part in parts[length:]:
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return True
    return False


def test_a_name_that_is_not_there_is_noticed():
    assert resolves("saliency.methods.gradcam.GradCAM.combine")
    assert not resolves("saliency.methods.gradcam.GradCAM.no_such_thing")
    assert not resolves("saliency.no_such_room")


def test_dotted_names_resolve():
    named = {
        (file, name)
        for file, text in {
            **TEXTS,
            **{file: text for file, text in SOURCES.items() if file.startswith("saliency/")},
        }.items()
        for name in re.findall(r"(?<![\w/.-])saliency(?:\.[A-Za-z_]\w*)+(?![\w/*{-])", text)
        if Path(name).suffix not in {".png", ".yaml", ".def"}
    }
    assert len(named) > 100
    assert sorted((file, name) for file, name in named if not resolves(name)) == []
