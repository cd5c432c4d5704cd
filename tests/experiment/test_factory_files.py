"""Which files of a factory count, and when they are others than before."""

import sysconfig
from pathlib import Path

import pytest

from saliency.experiment.factory_files import changed_factory_files, write_factory_files

CONFIG = {"experiment": "e", "models": {"net": {"factory": "a:b", "kwargs": {}, "weights": "own.pt"}}}


@pytest.fixture
def files(tmp_path, monkeypatch):
    project, cache = tmp_path / "project", tmp_path / "cache"
    project.mkdir()
    monkeypatch.chdir(project)
    found = {
        "downloaded": cache / "hub" / "w.pth",
        "commit": cache / "models--a--b" / "refs" / "main",
        "settings": project / "network.json",
    }
    ignored = {
        "token": cache / "token",
        "weights": project / "own.pt",
        "code": project / "network.py",
        "result": project / "results" / "e" / "net" / "x.json",
        "hidden": project / ".git" / "HEAD",
    }
    for path in (found | ignored).values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first")
    package = next(Path(sysconfig.get_path("purelib")).glob("*/version.py"))
    write_factory_files(CONFIG, "net", [*found.values(), *ignored.values(), package])
    return found, ignored


def test_arguments_need_not_be_what_json_gives_back(files):
    config = {"experiment": "e", "models": {"net": {**CONFIG["models"]["net"], "kwargs": {"names": {0: "wolf"}}}}}
    path = files[0]["downloaded"]
    write_factory_files(config, "net", [path])
    path.write_text("second")
    assert list(changed_factory_files(config, "net")) == [str(path)]


def test_files_that_change_are_named(files):
    found, ignored = files
    assert changed_factory_files(CONFIG, "net") == {}
    for path in ignored.values():
        path.write_text("second")
    assert changed_factory_files(CONFIG, "net") == {}
    for number, path in enumerate(found.values()):
        path.write_text("second")
        assert len(changed_factory_files(CONFIG, "net")) == number + 1
    changed = changed_factory_files(CONFIG, "net")
    assert set(changed) == {str(path) for path in found.values()}


def test_what_is_described_again_stays_changed_until_it_is_as_at_first(files):
    path = files[0]["downloaded"]
    path.write_text("second")
    changed = changed_factory_files(CONFIG, "net")
    write_factory_files(CONFIG, "net", files[0].values())
    assert changed_factory_files(CONFIG, "net") == changed != {}
    path.write_text("first")
    assert changed_factory_files(CONFIG, "net") == {}


def test_same_content_a_file_that_is_gone_and_another_factory_change_nothing(files):
    path = files[0]["downloaded"]
    path.write_text("first")
    assert changed_factory_files(CONFIG, "net") == {}
    path.write_text("second")
    other = {"experiment": "e", "models": {"net": {**CONFIG["models"]["net"], "kwargs": {"depth": 2}}}}
    assert changed_factory_files(other, "net") == {}
    path.unlink()
    assert changed_factory_files(CONFIG, "net") == {}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"built": 1}'])
def test_a_broken_record_says_nothing(files, content):
    Path("results/e/net/factory_files.json").write_text(content)
    files[0]["downloaded"].write_text("second")
    assert changed_factory_files(CONFIG, "net") == {}
