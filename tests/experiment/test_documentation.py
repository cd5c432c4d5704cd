"""What is documented of a config is what there is: the schema for editors, the tables of keys, and every example."""

import json
import re
import shutil

import pytest
import yaml
from jsonschema import Draft202012Validator

from saliency.__main__ import main
from saliency.audit.checks.registered import checks
from saliency.exceptions import DataError
from saliency.experiment import documentation
from saliency.experiment.documentation import METHODS_FILE, SCHEMA_FILE, TABLES_FILE, fill_tables, key_tables, tables
from saliency.experiment.schema import config_schema
from saliency.experiment.validation import complete_config
from saliency.methods.gradcam import GradCAM
from saliency.registry.fits import integer
from saliency.registry.key import Key
from tests.helpers.workflow_project import ROOT

README = (ROOT / TABLES_FILE).read_text(encoding="utf-8")
GUIDES = [ROOT / "README.md", ROOT / TABLES_FILE, *sorted((ROOT / "docs").glob("*.md"))]
COMPLETE = {"experiment": "e", "manifest": "m.csv", "models": {"net": {"factory": "package:build"}}}


def places(schema, place=""):
    """Every key that a schema knows, with its place, such as ``audit.clusters.cap``."""
    for name, rule in schema.get("properties", {}).items():
        here = f"{place}{name}"
        yield here
        yield from places(rule, f"{here}.")
    for branch in ("if", "then", "else"):
        if branch in schema:
            yield from places(schema[branch], place)
    if place == "models.":
        yield from places(schema["additionalProperties"], "models.MODEL.")


def documented():
    """Every key in a table of config/README.md, by its place."""
    found, prefix = set(), ""
    for line in README.splitlines():
        if head := re.match(r"\| key(?: of `(.+?)`)? \|", line):
            prefix = f"{head[1]}." if head[1] else ""
        elif (row := re.match(r"\| `(\w+)` \|", line)) and prefix is not None:
            found.add(f"{prefix}{row[1]}")
        elif row := re.match(r"\| `(\w+)` \| `(\w+)` \| `", line):
            found |= {f"audit.{row[1]}.{row[2]}"} if row[1] in checks() else set()
        elif not line.startswith("|"):
            prefix = None
    return found


def test_every_key_is_in_a_table_and_every_documented_key_exists():
    # Their keys are methods, which have tables of their own.
    of_methods = ("method_settings.", "keep_bits.")
    known = {name for name in places(config_schema()) if not name.startswith(of_methods)}
    assert {"audit.clusters.cap", "models.MODEL.train.seed", "input.voxel_size", "digits.row"} < known
    assert documented() == known


def test_every_key_has_a_sentence():
    for name, keys in key_tables().items():
        for key in keys:
            assert re.fullmatch(r"[A-Z`].*\S[.]", key.meaning, re.DOTALL), f"{name}.{key.name}: {key.meaning!r}"


def test_every_default_fits_its_own_schema():
    for name, keys in key_tables().items():
        for key in keys:
            if not key.required:
                assert Draft202012Validator(key.json_schema).is_valid(key.default), f"{name}.{key.name}"


def test_generated_files_are_fresh(capsys):
    assert main(["document", "--check", "--root", str(ROOT)]) == 0, capsys.readouterr().out


@pytest.fixture
def repository(tmp_path):
    for name in (SCHEMA_FILE, TABLES_FILE, METHODS_FILE):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_stale_files_are_named_and_written_anew(repository, capsys):
    readme = repository / TABLES_FILE
    readme.write_text(README.replace("| `2000` |", "| `2001` |") + "By hand.\n", encoding="utf-8")
    (repository / SCHEMA_FILE).unlink()
    command = ["document", "--root", str(repository)]
    assert main([*command, "--check"]) == 1
    advice = "is out of date: run `python -m saliency document`"
    assert capsys.readouterr().out == f"{SCHEMA_FILE}: {advice}\n{TABLES_FILE}: {advice}\n"
    assert not (repository / SCHEMA_FILE).exists()
    assert main(command) == 0
    assert capsys.readouterr().out == f"wrote {SCHEMA_FILE}\nwrote {TABLES_FILE}\n"
    assert readme.read_text(encoding="utf-8") == README + "By hand.\n"
    assert (repository / SCHEMA_FILE).read_bytes() == (ROOT / SCHEMA_FILE).read_bytes()
    assert main([*command, "--check"]) == 0


def test_place_outside_the_repository_is_refused(tmp_path, capsys):
    assert main(["document", "--check", "--root", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path / TABLES_FILE}: is not there: run the command in the repository's folder\n"
    )


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["README: table 'a' is missing: add its markers"]),
        ("<!-- table: a -->\n<!-- end -->\n<!-- table: b -->\n<!-- end -->\n",
         ["README: there is no table 'b': remove its markers"]),
        ("<!-- table: a -->\n<!-- end -->\n" * 2, ["README: table 'a' is there twice"]),
        ("<!-- table: a -->\n<!-- end -->\n<!-- table: a -->\n",
         ["README: each '<!-- table: NAME -->' needs an '<!-- end -->' after it"]),
        ("<!-- table: a -->\n<!-- table: a -->\n<!-- end -->\n",
         ["README: each '<!-- table: NAME -->' needs an '<!-- end -->' after it"]),
    ],
)  # fmt: skip
def test_wrong_markers_are_refused(text, problems):
    with pytest.raises(DataError) as caught:
        fill_tables(text, {"a": "row\n"}, "README")
    assert str(caught.value).splitlines() == problems


def test_table_says_default_bounds_and_meaning():
    rows = {line.split("`")[1]: line for line in tables()["audit.clusters"].splitlines()[2:]}
    assert rows["max_clusters"] == "| `max_clusters` | `8` | integer ≥ 1 | Largest number of clusters. |"
    assert "| `crop` | `null` | `null`, integer ≥ 1, or list of 3 integers ≥ 1 |" in tables()["input 3D"]
    assert "| `accuracy` | required | number > 0 and ≤ 1 |" in tables()["models.MODEL.expect"]


def test_settings_of_methods_are_in_a_table(monkeypatch):
    class Smoothed(GradCAM):
        keys = (Key("samples", "Noisy copies.", 9, integer(2)),)

    monkeypatch.setattr(documentation, "methods", lambda: {"gradcam": GradCAM, "smoothed": Smoothed})
    assert tables()["method_settings"].splitlines()[2:] == [
        "| `smoothed` | `samples` | `9` | integer ≥ 2 | Noisy copies. |"
    ]


def test_schema_for_editors_is_a_schema_that_means_the_same():
    schema = yaml.safe_load((ROOT / SCHEMA_FILE).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    # JavaScript's regular expressions, with which editors work, have no \Z, and no keyword is called "hint".
    text = json.dumps(schema)
    assert r"\\Z" not in text
    assert '"hint"' not in text
    editor = Draft202012Validator(schema)
    assert editor.is_valid(COMPLETE)
    for path in sorted((ROOT / "config").glob("*.yaml")):
        assert editor.is_valid(yaml.safe_load(path.read_text(encoding="utf-8"))), path
    wrong = [{"experiment": "a/b"}, {"input": {"mode": "4D"}}, {"input": {"mode": "3D", "crop": 8, "fit": "crop"}},
             {"audit": {"tolerence": 1}}, {"methods": ["gradcm"]}, {"method_settings": {"gradcm": {}}}]  # fmt: skip
    for changes in wrong:
        assert not editor.is_valid(COMPLETE | changes), changes


def config_problems(config):
    return complete_config(config, check=False)[1]


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_config_fits(path):
    assert config_problems(yaml.safe_load(path.read_text(encoding="utf-8"))) == []


def yaml_blocks():
    for guide in GUIDES:
        for number, block in enumerate(
            re.findall(r"^```ya?ml\n(.*?)^```", guide.read_text(encoding="utf-8"), re.M | re.S)
        ):
            yield pytest.param(block, id=f"{guide.name}-{number}")


@pytest.mark.parametrize("block", list(yaml_blocks()))
def test_example_in_a_guide_fits(block):
    # An example may leave out what it is not about.
    assert config_problems({**COMPLETE, **yaml.safe_load(block)}) == []


def test_place_that_a_guide_names_exists():
    top = "|".join(config_schema()["properties"])
    known = {name.replace("models.MODEL.", "models.") for name in places(config_schema())}
    named = {}
    for guide in GUIDES:
        for name in re.findall(rf"`((?:{top})(?:\.[a-z_]+)+)(?:: [^`]*)?`", guide.read_text(encoding="utf-8")):
            named[name] = guide.name
    assert named.keys() & {"audit.seed", "report.side"}
    assert {name: guide for name, guide in named.items() if name not in known} == {}
