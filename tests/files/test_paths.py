"""Names of files as people write them."""

from pathlib import Path

import pytest

from saliency.files.paths import no_file, resolve


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/somebody")
    monkeypatch.setenv("SCANS", "/scans")
    monkeypatch.delenv("NOT_SET", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("~/a.png", "/home/of/somebody/a.png"),
        ("$SCANS/a.png", "/scans/a.png"),
        ("${SCANS}/b/a.png", "/scans/b/a.png"),
        (r"b\c\a.png", "{folder}/b/c/a.png"),
        (r"..\a.png", "{folder}/../a.png"),
        ("b/~a.png", "{folder}/b/~a.png"),
        ("$NOT_SET/a.png", "{folder}/$NOT_SET/a.png"),
    ],
)
def test_home_environment_and_backslashes_are_spelled_out(folder, name, path):
    assert str(resolve(name, folder)) == path.format(folder=folder)


@pytest.mark.parametrize("name", ["~a.png", "$SCANS.png", "$SCANS", r"a\b.png", "~"])
def test_a_file_of_that_very_name_is_meant(folder, name):
    (folder / name).write_bytes(b"")
    assert resolve(name, folder) == folder / name


def test_variable_that_is_not_set_is_named(folder):
    said = "there is no file '$NOT_SET/a.png': the environment variable NOT_SET is not set"
    assert no_file("$NOT_SET/a.png", folder) == said
    assert no_file("$SCANS/a.png", Path()) == "there is no file '$SCANS/a.png'"
