"""The table of docs/bad-inputs.md says what becomes of manifests: each row is tried."""

import re

import pytest

from saliency.experiment.manifest import manifest_problems, read_manifest
from tests.helpers.workflow_project import ROOT

PAGE = (ROOT / "docs" / "bad-inputs.md").read_text(encoding="utf-8")
TABLE = dict(
    re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", PAGE.partition("## Manifests")[2].partition("\n## ")[0], re.MULTILINE)[1:]
)
PLAIN = "id,path\n1,x.png\n2,x.png\n"
TRIED = {
    "separated by semicolons, tabs or bars": [PLAIN.replace(",", mark) for mark in ";\t|"],
    "UTF-16 or UTF-32 with a byte order mark": [PLAIN.encode("utf-16"), PLAIN.encode("utf-32")],
    "spaces after separators": [PLAIN.replace(",", ", ")],
    "trailing commas, rows of commas only": [PLAIN.replace("\n", ",,\n") + ",,,\n"],
    "`ID`, `Path`, `Label`": ["ID,Path,Label\n1,x.png,0\n"],
    "Latin-1": ["id,path\nZ\u00fcrich,x.png\n".encode("latin-1")],
    "quotation mark that is never closed": ['id,path\n"1,x.png\n2,x.png\n'],
    "no column `path`": ["id,file\n1,x.png\n"],
    "labels that are names": ["id,path,label\n1,x.png,cat\n2,x.png,dog\n"],
    "labels `1.0` and `-1`": ["id,path,label\n1,x.png,1.0\n2,x.png,-1\n"],
    "names and indices beside each other": ["id,path,label\n1,x.png,0\n2,x.png,cat\n"],
    "`nan` as a label": ["id,path,label\n1,x.png,nan\n2,x.png,cat\n"],
    "no label at all, and `targets: [label]`": ["id,path,label\n1,x.png,\n"],
    "column `entropy`, which is a measure": ["id,path,entropy\n1,x.png,3\n"],
    "id with spaces, slashes, or letters of any script": ["id,path\na b/c,x.png\n\u60a3\u8005,x.png\n"],
    "id that ends with a space": ["id,path\na ,x.png\n"],
    "`~`, `$NAME` and backslashes in paths": ["id,path\n1,~/x.png\n2,$FOLDER/x.png\n3,.\\x.png\n"],
    "`$NAME` that is not set": ["id,path\n1,$NO_SUCH_NAME/x.png\n"],
}
# These need a workbook, see tests/experiment/test_manifest.py.
WORKBOOKS = {"workbook (`.xlsx`)", "old workbook (`.xls`)"}


def test_each_row_is_tried():
    assert TABLE.keys() - WORKBOOKS == TRIED.keys()


@pytest.mark.parametrize("row", TRIED)
def test_manifests_are_read_or_refused_as_the_page_says(row, tmp_path, monkeypatch):
    (tmp_path / "x.png").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FOLDER", str(tmp_path))
    path = tmp_path / "m.csv"
    for content in TRIED[row]:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        table, problems = read_manifest(path)
        if not table.empty:
            problems += manifest_problems(table, path, labels_needed="targets" in row, measured=["entropy"])
        said = [line.removeprefix(f"{path}: ") for line in problems]
        # Mistakes of labels come in each row that has one.
        assert said[:1] == ([] if TABLE[row].startswith("read") else [TABLE[row]])
