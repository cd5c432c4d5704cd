"""A job's process: what it imports is left alone, and what it leaves behind is not."""

import subprocess
import sys

JOB = """
import atexit, gc, weakref
atexit.register(lambda: print(gc.get_freeze_count() > 10_000))
from saliency.job import job_log

class Node:
    pass

with job_log("job.log"):
    import pandas
    freed = []
    for _ in range(10_000):
        node = Node()
        node.itself = node
        weakref.finalize(node, freed.append, 1)
    print(len(freed) > 5_000)
"""


def test_collector_passes_over_imports_at_exit_and_still_frees_what_a_job_makes(tmp_path):
    done = subprocess.run([sys.executable, "-c", JOB], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
