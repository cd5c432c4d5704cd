"""A new format is one new file: a reader of arrays is added to a copy of the package, and used by it."""

import json
import os

import numpy as np
import pytest

from tests.helpers.package_copy import PackageCopy
from tests.helpers.workflow_project import Project

READER = '''
"""Arrays of NumPy."""

from saliency.readers.reader import ImageReader


class NumpyArrays(ImageReader):
    name = "toy"
    title = "arrays"
    suffixes = (".toy",)
    version = 1

    def open(self, path):
        import numpy as np

        return np.load(path)
'''

# Digests of all steps of the shards, with the config checked as the workflow does; with an argument, also a shard.
SCRIPT = """
import json
import sys

import numpy as np
import yaml

from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config

config, problems = complete_config(yaml.safe_load(open("config.yaml")))
assert problems == [], problems
plan = Plan(config)
digests = Digests(plan)
steps = [("prepare", None), ("predict", None), ("gradcam", "predicted"), ("measure", None)]
found = {step: [digests.of(step, "tiny", shard, target) for shard in plan.shards] for step, target in steps}
light = not {"torch", "PIL", "nibabel"} & set(sys.modules)
if len(sys.argv) > 1:
    from saliency.steps.prepare import prepare
    from saliency.store.shard import Shard

    shard = Shard(config, "tiny", 1, {}, [])
    shard.files = {name: plan.root / f"{name}.bin" for name in ("inputs", "status")}
    prepare(shard)
    np.savez("shard.npz", inputs=shard.read("inputs"), status=shard.read("status"))
print(json.dumps({"digests": found, "light": light}))
"""


@pytest.fixture
def project(tmp_path):
    """Five samples in shards of two, of which the third and fourth are a ``.toy`` and an unknown suffix."""
    project = Project.create(tmp_path / "project", input={"resize": None, "crop": [30, 40]}, audit={})
    with (project.folder / "data" / "s2.toy").open("wb") as file:
        np.save(file, np.random.default_rng(0).normal(size=(3, 34, 46)))
    project.image(3).rename(project.folder / "data" / "s3.unknown")
    text = project.manifest.read_text().replace("s2.png", "s2.toy").replace("s3.png", "s3.unknown")
    project.manifest.write_text(text)
    for path in (project.folder / "data").iterdir():
        os.utime(path, ns=(10**18, 10**18))
    (project.folder / "script.py").write_text(SCRIPT)
    return project


def test_one_new_file_reads_a_new_format(tmp_path, project):
    copy = PackageCopy(tmp_path / "copy")

    def run(*arguments):
        said = json.loads(copy.python("script.py", *arguments, cwd=project.folder).splitlines()[0])
        assert said["light"]
        return said["digests"]

    def stored():
        with np.load(project.folder / "shard.npz") as arrays:
            return arrays["inputs"], arrays["status"].tolist()

    without = run("prepare")
    inputs, status = stored()
    assert status == [2, 0]
    assert np.isnan(inputs[0]).all()

    copy.add("saliency/readers/formats/toy_arrays.py", READER)
    added = run("prepare")
    inputs, status = stored()
    assert status == [0, 0]
    values = np.load(project.folder / "data" / "s2.toy").astype(np.float32)
    np.testing.assert_array_equal(inputs[0], values[:, 2:32, 3:43])
    # The other reads Pillow, whatever its file is called.
    assert 0 <= inputs[1].min() < 0.01
    assert 0.99 < inputs[1].max() <= 1

    copy.add("saliency/readers/formats/toy_arrays.py", READER.replace("version = 1", "version = 2"))
    raised = run()
    for step, digests in without.items():
        for other, after in [(digests, added[step]), (added[step], raised[step])]:
            assert [one == two for one, two in zip(other, after, strict=True)] == [True, False, True], step
