"""Reports in a real browser, made once for all tests of them."""

import shutil

import pandas as pd
import pytest

from tests.helpers.report_browser import Page, browser
from tests.helpers.report_project import build_report, photographs, volumes


@pytest.fixture(scope="session")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture(scope="session")
def project(tmp_path_factory, chromium):
    made = photographs(tmp_path_factory.mktemp("photographs"))
    made.index = build_report(made)
    made.table = pd.read_parquet(made.results / "tiny" / "metrics.parquet")
    return made


@pytest.fixture(scope="session")
def scans(tmp_path_factory, chromium):
    made = volumes(tmp_path_factory.mktemp("volumes"))
    made.index = build_report(made)
    return made


@pytest.fixture
def report(project, chromium):
    yield from watched(project, chromium)


@pytest.fixture
def scan_report(scans, chromium):
    yield from watched(scans, chromium)


def watched(project, chromium):
    """A page on which nothing may go wrong, and which asks for nothing but its own files."""
    page = Page(chromium, project.index)
    yield page
    folder = project.index.parent.as_uri()
    assert [url for url in page.requests if not url.startswith((folder, "data:", "about:"))] == []
    assert page.problems == []
    page.close()


@pytest.fixture
def table(project):
    return project.table[project.table["target"] == "predicted"].reset_index(drop=True)


@pytest.fixture
def copied(project, tmp_path):
    """A copy of the report, which a test may change."""
    shutil.copytree(project.index.parent, tmp_path / "report")
    return tmp_path / "report"


@pytest.fixture
def copied_report(copied, chromium):
    page = Page(chromium, copied / "index.html")
    yield page
    page.close()
