"""Jobs that read ahead and write while they compute: in any number of threads, and ended in the middle."""

import os
import signal
import time

import pytest

from saliency.exceptions import DataError
from saliency.job import job_log
from saliency.steps import fused as fused_step
from saliency.steps.classes import chosen_classes
from saliency.steps.fused import fused
from saliency.store import shard_output
from saliency.workers import Workers
from tests.helpers.shards import run_steps


@pytest.mark.parametrize("run", [run_steps, fused])
def test_bytes_do_not_depend_on_the_number_of_threads(job, monkeypatch, run):
    # Small samples are chunks of their own, too.
    monkeypatch.setattr("saliency.store.codec.CHUNK_BYTES", 1024)
    contents = set()
    for threads in (1, 2, 5):
        monkeypatch.setattr(shard_output, "Workers", lambda _, threads=threads: Workers(threads))
        made = job(f"with {threads}", targets=["predicted", 4], shard_size=5, batch_size=2)
        run(made)
        contents.add(tuple(made.files[name].read_bytes() for name in made.plan.arrays))
    assert len(contents) == 1


@pytest.mark.parametrize("how", ["error", "SIGTERM"])
def test_nothing_is_left_of_a_shard_that_ends_in_the_middle(job, tmp_path, monkeypatch, how):
    monkeypatch.setattr("saliency.store.codec.CHUNK_BYTES", 1024)
    made = job(shard_size=5, batch_size=1)

    def written():
        return [path for path in tmp_path.glob("store/**/*") if path.is_file()]

    def end_at_third(shard, logits, target, rows):
        if rows.start == 2:
            until = time.monotonic() + 10
            while len(written()) < 3 and time.monotonic() < until:
                time.sleep(0.01)
            assert {path.suffix for path in written()} == {".tmp"}
            if how == "error":
                raise DataError("no further")
            os.kill(os.getpid(), signal.SIGTERM)
        return chosen_classes(shard, logits, target, rows)

    monkeypatch.setattr(fused_step, "chosen_classes", end_at_third)
    with pytest.raises(SystemExit) as ended, job_log(tmp_path / "job.log"):
        fused(made)
    assert ended.value.code == {"error": 1, "SIGTERM": 128 + signal.SIGTERM}[how]
    assert written() == []
