"""Groups of arrays beside the stores: whatever happens to one of their files is found."""

import numpy as np
import pytest

from saliency.files.atomic_files import write_atomically
from saliency.store.codec import ArraySpec, write_shard
from saliency.store.group_check import group_problems
from saliency.store.layout import store_metadata

NAMES = ["0", "3", "site=north"]
FILES = ["zarr.json", "id/zarr.json", "id/c.0", "mean/zarr.json", "mean/c.0.0.0"]


@pytest.fixture
def group(tmp_path):
    spec = ArraySpec((6, 7), "float64", ("y", "x"), len(NAMES))
    for name, content in store_metadata({"mean": spec}, NAMES).items():
        write_atomically(tmp_path / name, content)
    write_shard(tmp_path / "mean" / spec.first_key, np.random.default_rng(0).random((len(NAMES), 6, 7)), spec)
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
    assert found(group) == [("missing", "mean/c.0")]
