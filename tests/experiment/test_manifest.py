import csv
import io
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saliency.experiment.columns import OUTPUT_COLUMNS
from saliency.experiment.manifest import manifest_problems, read_manifest
from saliency.files.file_names import file_name

NOT_UTF8 = (
    "save the table as UTF-8 ('CSV UTF-8' in Excel), or convert it, for example with iconv -f WINDOWS-1252 -t UTF-8"
)


def write(folder, content, name="m.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def problems(folder, content, name="m.csv", files=False, **options):
    """Everything reported, without the folder."""
    path = write(folder, content, name)
    table, reading = read_manifest(path)
    found = reading + manifest_problems(table, path, files=files, **options)
    return [line.removeprefix(f"{folder}/") for line in found]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.csv", b"id,path\n001,x.png\n1e5,\nNA,null\n"),
        ("m.csv", b"\xef\xbb\xbfid,path\r\n001,x.png\r\n1e5,\r\nNA,null"),
        ("m.csv", b'"id","path"\n"001","x.png"\n1e5\n\nNA,null\n\n\n'),
        ("m.tsv", b"id\tpath\n001\tx.png\n1e5\t\nNA\tnull\n"),
        ("M.TSV", b"id\tpath\r001\tx.png\r1e5\t\rNA\tnull\r"),
        ("m.gz", b"id,path\n001,x.png\n1e5,\nNA,null\n"),
    ],
    ids=["csv", "byte_order_mark", "quotes_and_blank_lines", "tsv", "carriage_returns", "not_compressed"],
)
def test_values_stay_the_strings_of_the_file(tmp_path, name, content):
    table, found = read_manifest(write(tmp_path, content, name))
    assert found == []
    assert table.to_dict("list") == {"id": ["001", "1e5", "NA"], "path": ["x.png", "", "null"]}


def test_quoted_fields_hold_separators_quotes_and_line_breaks(tmp_path):
    content = 'id,path,note\na,"x, y.png","said ""hi"",\nand left"\nb,z.png,\n'
    table, found = read_manifest(write(tmp_path, content))
    assert found == []
    assert table["path"].tolist() == ["x, y.png", "z.png"]
    assert table["note"].tolist() == ['said "hi",\nand left', ""]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"\x89PNG\r\n\x1a\n\x00", f"line 1: byte 0x89 is no UTF-8: {NOT_UTF8}"),
        ("id,path,site\n\na,x,Bern\nb,y,Z\xfcrich\n".encode("latin-1"), f"line 4: byte 0xfc is no UTF-8: {NOT_UTF8}"),
        ("id,path\na,x".encode("utf-16")[:-1], f"line 2: is cut off: {NOT_UTF8}"),
        (
            "id,path\na,x".encode("utf-16-le"),
            "it holds null bytes, as UTF-16 without a byte order mark does: save it as UTF-8",
        ),
        # An unclosed quotation mark would swallow all samples after it.
        (b'id,path\na,x\nb,"y\nc,z\n', "line 3: unexpected end of data; is a quotation mark not closed?"),
    ],
)
def test_file_that_is_no_table_is_reported(tmp_path, content, reason):
    path = write(tmp_path, content)
    table, found = read_manifest(path)
    assert table.empty
    assert found == [f"{path}: cannot be read as a table: {reason}"]


def test_missing_file_and_directory_are_reported(tmp_path):
    for path, reason in [(tmp_path / "absent.csv", "No such file or directory"), (tmp_path, "Is a directory")]:
        table, found = read_manifest(path)
        assert table.empty
        assert found == [f"{path}: cannot be read as a table: {reason}"]


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("nr,site", {"id": "", "path": "", "label": ""}),
        ("name,file", {"id": "name", "path": "file", "label": ""}),
        ("id,File_Name,lable", {"path": "File_Name", "label": "lable"}),
        ("id,path,class", {"label": "class"}),
        ("Patient ID,path,label", {"id": "Patient ID"}),
    ],
)
def test_missing_columns_are_named_with_what_is_probably_meant(tmp_path, header, missing):
    there = f"the header has: {header.replace(',', ', ')}"
    expected = [
        f"m.csv: column '{name}' is missing; {there}" + (f"; rename '{near}' to '{name}'?" if near else "")
        for name, near in missing.items()
    ]
    assert problems(tmp_path, f"{header}\na,b\n", labels_needed=True) == expected


def test_header_without_rows_is_reported(tmp_path):
    assert problems(tmp_path, "id,path\n\n") == ["m.csv: has no rows"]


def test_column_that_stands_twice_is_reported(tmp_path):
    table, found = read_manifest(write(tmp_path, "id,path,path\na,x,y\n"))
    assert table.empty
    assert [line.rpartition(": ")[2] for line in found] == ["the header has column 'path' more than once"]


@pytest.mark.parametrize("column", OUTPUT_COLUMNS)
def test_column_that_the_predictions_add_is_refused(tmp_path, column):
    expected = f"m.csv: column '{column}' is one that predictions.csv adds: rename it"
    assert problems(tmp_path, f"id,path,{column}\na,x,1\n") == [expected]


@pytest.mark.parametrize(
    "sample", ["a", "001", "A.b_c-9", "9" * 200, "Patient 1", "O'Brien", "a/b", "../x", ".hidden", "Ä", "患者", "a\\b"]
)
def test_good_ids_are_accepted(tmp_path, sample):
    assert problems(tmp_path, f"id,path\n{sample},x\n") == []


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ("a ", "'a ' begins or ends with a space: remove it"),
        ("\u00a0a", "'\\xa0a' begins or ends with a space: remove it"),
        ("=a", "'=a' begins as a formula of a spreadsheet does: put a letter before it"),
        ("@a b", "'@a b' begins as a formula of a spreadsheet does: put a letter before it"),
        ("a\0b", "'a\\x00b' holds a line break or another control character: remove it"),
        ('"a\nb"', "'a\\nb' holds a line break or another control character: remove it"),
        ("9" * 201, f"'{'9' * 20}'… has 201 characters: shorten it to at most 200"),
    ],
)
def test_ids_that_cannot_be_told_from_others_are_refused(tmp_path, sample, said):
    assert problems(tmp_path, f"id,path\nfirst,x\n{sample},x\n") == [f"m.csv: line 3, column id: {said}"]


def test_id_that_is_the_file_name_of_another_is_refused(tmp_path):
    name = file_name("a b")
    said = "would name the same files as another id: change it"
    assert problems(tmp_path, f"id,path\na b,x\n{name},x\nc d,x\n") == [
        f"m.csv: line 2, column id: 'a b' {said}",
        f"m.csv: line 3, column id: '{name}' {said}",
    ]


@pytest.mark.parametrize("label", ["0", "999", "007", "2.0", "3.", " 1"])
def test_class_indices_and_no_label_are_accepted(tmp_path, label):
    assert problems(tmp_path, f"id,path,label\na,x,{label}\n", labels_needed=True) == []


@pytest.mark.parametrize("label", ["1.5", "+1", "1e3", "٣", "1234567890", "-2"])
def test_labels_that_are_no_class_index_are_refused(tmp_path, label):
    expected = f"m.csv: line 2, column label: {label!r} is not a class index (0, 1, …) or empty"
    assert problems(tmp_path, f"id,path,label\na,x,{label}\n") == [expected]


def test_no_label_is_refused_where_one_is_needed(tmp_path):
    said = "m.csv: column label: is empty in all rows, but the config asks for labels: fill it in"
    for content in ("id,path,label\na,x,\nb,y,\n", "id,path,label\na,x,-1\nb,y,-1.0\n"):
        assert problems(tmp_path, content, labels_needed=True) == [said]
        assert problems(tmp_path, content) == []
    assert problems(tmp_path, "id,path,label\na,x,\nb,y,0\n", labels_needed=True) == []


def test_ten_of_one_kind_are_listed_and_the_others_counted(tmp_path):
    rows = "".join(f"{'a b'[: 3 - 2 * (n % 2)]}{n},gone{n}.png,2.5\n" for n in range(37))
    found = problems(tmp_path, f"id,path,label\n{rows}", files=True)
    assert found[10] == "m.csv: column label: 27 more of this kind"
    assert found[11] == "m.csv: line 2, column path: there is no file 'gone0.png'"
    assert found[21:] == ["m.csv: column path: 27 more of this kind"]
    surplus = "id,path\n" + "a,x,1\n" * 12
    _, reading = read_manifest(write(tmp_path, surplus))
    assert (len(reading), reading[-1]) == (11, f"{tmp_path}/m.csv: 2 more of this kind")


def test_files_are_looked_for_beside_the_manifest_and_in_packages(tmp_path):
    write(tmp_path, "x", "here.png")
    absolute = write(tmp_path, "x", "absolute.png")
    names = ["here.png", absolute, "package://numpy/version.py", "gone.png", ".", "package://numpy/gone.png",
             "package://no_such_package/x.png", "package://csv/x.png", "n" * 300, "nul\0"]  # fmt: skip
    rows = "".join(f"s{number},{name}\n" for number, name in enumerate(names))
    not_installed = "column path: the Python package '{0}' of 'package://{0}/x.png' is not installed"
    assert problems(tmp_path, f"id,path\n{rows}", files=True) == [
        "m.csv: line 5, column path: there is no file 'gone.png'",
        "m.csv: line 6, column path: there is no file '.'",
        "m.csv: line 7, column path: there is no file 'package://numpy/gone.png'",
        f"m.csv: line 8, {not_installed.format('no_such_package')}",
        f"m.csv: line 9, {not_installed.format('csv')}",
        f"m.csv: line 10, column path: there is no file '{'n' * 300}'",
        "m.csv: line 11, column path: there is no file 'nul\0'",
    ]
    assert problems(tmp_path, f"id,path\n{rows}", files=False) == []


def test_all_problems_are_reported_together_with_their_lines(tmp_path):
    content = 'id,path,label,note\na,x,0,"two\nlines"\n\n,x,1\nb,,1\na,y,dog\nb ,x,2,note,surplus\nd,x,3,,,\na,x,4\n'
    table, reading = read_manifest(write(tmp_path, content))
    assert table["id"].tolist() == ["a", "", "b", "a", "b ", "d", "a"]
    assert len(reading) == 1
    assert set(problems(tmp_path, content)) == {
        "m.csv: line 8: has 5 fields, but the header has 4: put quotes around commas",
        "m.csv: line 5, column id: is empty",
        "m.csv: line 6, column path: is empty",
        "m.csv: line 7, column id: 'a' stands in line 2 already",
        "m.csv: line 7, column label: 'dog' is not a class index (0, 1, …) or empty; other rows have indices: use one "
        "of the two",
        "m.csv: line 8, column id: 'b ' begins or ends with a space: remove it",
        "m.csv: line 10, column id: 'a' stands in line 2 already",
    }


# The same table in the layouts in which people have it.
LAYOUTS = {
    "semicolons": "id;path;site\n1;a.png;Z\u00fcrich, west\n2;b.png;\n".encode(),
    "tabs": "id\tpath\tsite\n1\ta.png\tZ\u00fcrich, west\n2\tb.png\t\n".encode(),
    "bars": "id|path|site\n1|a.png|Z\u00fcrich, west\n2|b.png|\n".encode(),
    "utf-16": 'id,path,site\n1,a.png,"Z\u00fcrich, west"\n2,b.png,\n'.encode("utf-16"),
    "utf-16 of Excel": "id\tpath\tsite\r\n1\ta.png\tZ\u00fcrich, west\r\n2\tb.png\t\r\n".encode("utf-16"),
    "utf-32": 'id,path,site\n1,a.png,"Z\u00fcrich, west"\n2,b.png,\n'.encode("utf-32"),
    "spaces after commas": 'id, path, site\n1, a.png, "Z\u00fcrich, west"\n2, b.png,\n'.encode(),
    "capitals": 'ID, Path,site\n1,a.png,"Z\u00fcrich, west"\n2,b.png,\n'.encode(),
    "trailing commas": 'id,path,site,,\n1,a.png,"Z\u00fcrich, west",,\n2,b.png,,,\n,,,,\n'.encode(),
}


@pytest.mark.parametrize("name", ["m.csv", "m.tsv", "m.txt"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_read_alike(tmp_path, layout, name):
    table, found = read_manifest(write(tmp_path, LAYOUTS[layout], name))
    assert found == []
    assert table.to_dict("list") == {"id": ["1", "2"], "path": ["a.png", "b.png"], "site": ["Zürich, west", ""]}


def test_a_nameless_column_with_values_stays(tmp_path):
    table, found = read_manifest(write(tmp_path, "id,path,,\na,x,,7\n"))
    assert (found, table.columns.tolist()) == ([], ["id", "path", "Unnamed: 3"])


def test_workbooks_are_read_as_they_look(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    header, numbers = ["ID", "path", "label", "fold", None], [101, "a.png", 1, "NA", None]
    for row in [header, numbers, [None] * 5, ["b", "b.png", None, 0]]:
        book.active.append(row)
    book.save(tmp_path / "m.xlsx")
    table, found = read_manifest(tmp_path / "m.xlsx")
    assert found == []
    assert table.to_dict("list") == {"id": ["101", "b"], "path": ["a.png", "b.png"], "label": ["1", ""],
                                     "fold": ["NA", "0"]}  # fmt: skip
    assert manifest_problems(table, tmp_path / "m.xlsx")[1].startswith(f"{tmp_path}/m.xlsx: line 4, column path: ")


def test_workbooks_that_cannot_be_read_say_what_to_do(tmp_path, monkeypatch):
    (found,) = read_manifest(write(tmp_path, b"PK", "m.xls"))[1]
    assert found.endswith("m.xls: cannot be read as a table: it is a workbook of an old Excel: save it as .xlsx or CSV")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    (found,) = read_manifest(write(tmp_path, b"PK", "m.xlsx"))[1]
    assert found.endswith(": workbooks need openpyxl: pip install openpyxl (the extra 'excel'), or save it as CSV")


@pytest.mark.parametrize("column", ["class", "name", "target", "entropy"])
def test_column_that_the_measures_add_is_refused(tmp_path, column):
    content, remedy = f"id,path,{column}\na,x,1\n", "rename it"
    if column in ("class", "target"):
        remedy += " to 'label' if it has the samples' classes, else to another name"
    expected = f"m.csv: column '{column}' is one that metrics.csv adds: {remedy}"
    assert problems(tmp_path, content, measured=["entropy"]) == [expected]
    assert problems(tmp_path, content) == []


FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FIELDS = st.one_of(st.sampled_from(["", "0", "a", "a b", "package://numpy/x"]), st.text(max_size=8))


@FUZZ
@given(st.one_of(st.binary(max_size=200), st.text(alphabet='id,path\n\r\t"\0 é', max_size=80).map(str.encode)))
def test_any_bytes_are_read_or_reported(tmp_path, content):
    path = write(tmp_path, b"id,path,label\n" + content)
    table, found = read_manifest(path)
    found += manifest_problems(table, path, labels_needed=True)
    assert all(line.startswith(f"{path}: ") for line in found)
    assert found or len(table)


@FUZZ
@given(st.lists(st.lists(FIELDS, max_size=4), max_size=6))
def test_any_table_is_read_as_it_was_written(tmp_path, rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["id", "path"], *rows])
    path = write(tmp_path, text.getvalue())
    table, found = read_manifest(path)
    filled = [row for row in rows if any(row)]
    assert table.to_numpy().tolist() == [[*row, ""][:2] for row in filled]
    assert len(found) == sum(any(row[2:]) for row in filled)
    # None of the files is there, so each row has something wrong.
    assert len(manifest_problems(table, path)) >= max(1, len(filled))


@FUZZ
@given(st.lists(st.tuples(st.text("ab,\n\t\v\x85\u2028", max_size=5), st.integers(0, 2)), min_size=1, max_size=6))
def test_line_numbers_hold_after_blank_lines_and_line_breaks(tmp_path, rows):
    content, wanted = "id,path,note,label\n", []
    for number, (note, blank) in enumerate(rows):
        content += "\n" * blank
        wanted.append(content.count("\n") + 1)
        content += f's{number},x,"{note}",2.5\n'
    found = problems(tmp_path, content)
    assert [int(line.removeprefix("m.csv: line ").partition(",")[0]) for line in found] == wanted
