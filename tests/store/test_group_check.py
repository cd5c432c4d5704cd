"""Groups of arrays beside the stores: whatever happens to one of their files is found."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from saliency.files.atomic_files import write_atomically
from saliency.store.codec import ArraySpec, write_shard
from saliency.store.group_check import group_problems
from saliency.store.layout import store_metadata

NAMES = ["0", "3", "site=north"]
FILES = ["zarr.json", "id/zarr.json", "id/c.0", "mean/zarr.json", "mean/c.0.0.0"]


def write_group(folder):
    spec = ArraySpec((6, 7), "float64", ("y", "x"), len(NAMES))
    for name, content in store_metadata({"mean": spec}, NAMES).items():
        write_atomically(folder / name, content)
    write_shard(folder / "mean" / spec.first_key, np.random.default_rng(0).random((len(NAMES), 6, 7)), spec)


@pytest.fixture
def group(tmp_path):
    write_group(tmp_path)
    return tmp_path


def found(group):
    return [(problem.kind, problem.path.relative_to(group).as_posix()) for problem in group_problems(group)]


def test_a_group_is_in_order(group):
    assert found(group) == []
    assert {path.relative_to(group).as_posix() for path in group.rglob("*") if path.is_file()} >= set(FILES)


@pytest.mark.parametrize("name", ["mean/c.0.0.0", "id/c.0"])
def test_a_changed_bit_is_found(group, name):
    path = group / name
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :])
        assert found(group) == [("damaged", name)], place


@pytest.mark.parametrize("damage", ["empty", "half", "appended", "zeros"])
@pytest.mark.parametrize("name", FILES)
def test_other_damage_is_found(group, name, damage):
    path = group / name
    content = path.read_bytes()
    half = content[: len(content) // 2]
    path.write_bytes(
        {"empty": b"", "half": half, "appended": content + b"\1\2\3", "zeros": half + bytes(len(content) - len(half))}[
            damage
        ]
    )
    assert found(group) == [("damaged", name)]


def test_a_missing_chunk_is_found(group):
    (group / "mean" / "c.0.0.0").unlink()
    assert found(group) == [("missing", "mean/c.0.0.0")]


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no such thing as another user here")
@pytest.mark.parametrize("name", ["mean/c.0.0.0", "id/zarr.json"])
def test_what_may_not_be_read_is_not_to_be_deleted(name):
    # Not below pytest's folders, which are this user's alone.
    with tempfile.TemporaryDirectory() as folder:
        group = Path(folder)
        group.chmod(0o755)
        write_group(group)
        (group / name).chmod(0)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            (problem,) = group_problems(group)
        finally:
            if root:
                os.seteuid(0)
        assert (problem.path, problem.kind, problem.bad) == (group / name, "unreadable", False)
