"""What counts as a network's code: own files that it imports, in whatever way, and the version of what is installed."""

import hashlib
import sys

import pytest

from saliency.files import code_versions
from saliency.files.code_versions import code_of, counted, source_file

FILES = {
    "net.py": "import os\nimport torch\nimport blocks.conv as conv\nfrom lazy import later\n",
    "blocks/__init__.py": "from . import named\n",
    "blocks/conv.py": "from .named import VALUE\nfrom ..nothing import above\n",
    "blocks/named.py": "from blocks import deep\nVALUE = 1\n",
    "blocks/deep/__init__.py": "from ..sibling import one\n",
    "blocks/sibling.py": "one = 1\n",
    "lazy.py": "def later():\n    import inside\n",
    "inside.py": "import net\n",
    "unused.py": "raise SystemExit\n",
    "blocks/unused.py": "raise SystemExit\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def module(name):
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def test_own_modules_that_a_module_imports_count_and_no_others(folder):
    expected = {
        module(name): hashlib.sha256(text.encode()).hexdigest() for name, text in FILES.items() if "unused" not in name
    }
    assert code_of("net:Network") == expected
    # Nothing was imported to know it.
    assert not {"net", "blocks", "lazy", "inside"} & set(sys.modules)
    assert code_of("net:Network", folder) == expected


@pytest.mark.parametrize("edited", ["net.py", "blocks/__init__.py", "blocks/deep/__init__.py", "inside.py"])
def test_an_edit_changes_the_code_wherever_it_is(folder, edited):
    before = code_of("net:Network")
    (folder / edited).write_text(FILES[edited] + "# edited\n")
    after = code_of("net:Network")
    assert {name for name in before if before[name] != after[name]} == {module(edited)}
    (folder / "unused.py").write_text("edited\n")
    assert code_of("net:Network") == after


def test_new_imports_are_followed_and_broken_files_count_as_they_are(folder):
    (folder / "inside.py").write_text("import net, unused\n")
    (folder / "unused.py").write_text("this is no Python\n")
    assert code_of("net:Network")["unused"] == hashlib.sha256(b"this is no Python\n").hexdigest()


@pytest.mark.parametrize("on_path", [False, True])
def test_files_and_packages_are_found_as_python_finds_them(folder, monkeypatch, on_path):
    if on_path:
        monkeypatch.syspath_prepend(str(folder))
    # Where the current folder is on the path, these are absolute.
    assert source_file("blocks.deep:x").resolve() == folder.resolve() / "blocks/deep/__init__.py"
    assert source_file("blocks.sibling:x").resolve() == folder.resolve() / "blocks/sibling.py"
    assert source_file("blocks.nothing:x") is None
    assert code_of("blocks.nothing:x") == {"blocks.nothing": "missing"}
    assert code_of("math:x") == {"math": "of Python"}
    assert code_of("_struct:x") == {"_struct": "of Python"}
    assert code_of("json.nothing:x") == {"json": "of Python"}
    # Installed as it stands (`pip install -e`): found on the path, outside of site-packages.
    elsewhere = folder / "elsewhere"
    (elsewhere / "own_package").mkdir(parents=True)
    (elsewhere / "own_package" / "__init__.py").write_text("from own_package import parts\n")
    (elsewhere / "own_package" / "parts.py").write_text("")
    monkeypatch.syspath_prepend(str(elsewhere))
    found = code_of("own_package:Network")
    assert list(found) == ["own_package", "own_package.parts"]


def test_versions_count_beyond_those_of_results_made_before(monkeypatch):
    monkeypatch.setattr(code_versions, "version", {"torchvision": "0.29.1", "monai": "1.6.1"}.__getitem__)
    code_versions._distribution.cache_clear()
    assert code_of("torchvision.models:resnet18") == {"torchvision": "0.29.1"}
    assert counted(code_of("torchvision.models:resnet18")) == {}
    for other in ("0.29.0", "0.30.0"):
        monkeypatch.setattr(code_versions, "version", {"torchvision": other}.__getitem__)
        assert counted(code_of("torchvision.models:resnet18")) == {"torchvision": other}
    code_versions._distribution.cache_clear()
