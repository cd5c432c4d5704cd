"""Rounds of the fault harness; `python -m tests.helpers.faults` plays as many as one wants."""

import os
import random

import pytest

from tests.helpers.fault_kinds import KINDS, Scene
from tests.helpers.faults import check, finished_project, play, recover, summary


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return {"fused": finished_project("fused", folder / "fused")}


def rounds_of(name, finished, folder, count=1):
    if KINDS[name].root and os.geteuid() != 0:
        pytest.skip("only root can mount file systems and make folders immutable")
    outcomes = [play(number, 0, finished, folder, name) for number in range(count)]
    assert [outcome.problem for outcome in outcomes] == [""] * count, summary(outcomes)
    return outcomes


@pytest.mark.slow
def test_snakemake_killed_while_a_job_writes(finished, tmp_path):
    (outcome,) = rounds_of("SIGKILL to group while writing", finished, tmp_path)
    assert "SIGKILL before" in outcome.happened


# Every fifth kind, so that continuous integration stays short.
@pytest.mark.slow
@pytest.mark.parametrize("name", list(KINDS)[::5])
def test_round(finished, tmp_path, name):
    rounds_of(name, finished, tmp_path)


@pytest.mark.slow
def test_harness_notices_what_is_not_repaired(finished, tmp_path):
    """A changed byte that nobody deletes, and a shard that nobody makes again."""
    scene = Scene(finished["fused"].copy(tmp_path / "project"), random.Random(0), tmp_path / "project.txt", 1)
    shard = scene.shards()[0]
    status = shard.stat()
    shard.write_bytes(shard.read_bytes()[:-1])
    os.utime(shard, ns=(status.st_atime_ns, status.st_mtime_ns))
    (scene.project.store / ".c.0.tmp").touch()
    recover(scene)

    with pytest.raises(AssertionError, match=rf"different from an undisturbed run: .*{shard.name}"):
        check(scene, finished["fused"].result_digests())
