"""The table of formats says what becomes of a file of each: it is made and read, and its row compared."""

import warnings

import pytest

from saliency.readers.registered import readers
from tests.helpers.formats_table import FORMATS, HEAD, row_of
from tests.helpers.workflow_project import ROOT

DOCUMENT = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")


def test_the_page_has_a_row_for_each_format_and_no_others():
    assert DOCUMENT.startswith(HEAD)
    assert len(DOCUMENT.removeprefix(HEAD).splitlines()) == len(FORMATS)
    assert {line.split(" | ")[2].strip("`") for line in DOCUMENT.splitlines() if " | `" in line} == set(readers())


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.title)
def test_a_file_of_each_format_is_read_or_refused_as_the_page_says(tmp_path, one):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert row_of(one, tmp_path) in DOCUMENT.splitlines()
