"""A new method is one new file: it runs through config, both kinds of execution, store, figures, report and verify."""

import json

import numpy as np
import pytest
import zarr
from PIL import Image

from tests.helpers.package_copy import PackageCopy
from tests.helpers.workflow_project import Project, file_digests

METHOD = '''"""The mean of what the network sees over its channels: no explanation, but a map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency.methods.method import Cost, Method
from saliency.registry.key import Key

if TYPE_CHECKING:
    from torch import Tensor

    from saliency.methods.passes.forward_pass import Given


class ChannelMean(Method):
    """Mean of the input's channels, times a factor."""

    name = "channel_mean"
    title = "Mean of channels"
    summary = "The mean of what the network sees over its channels."
    version = 1
    grid = "input"
    channels = False
    signed = True
    keys = (Key("factor", "What the mean is multiplied with.", 1, {"type": "number"}),)
    cost = Cost(shard_copies=3, batch_copies=10, seconds=1)

    @classmethod
    def map_of(cls, given: Given, settings: Mapping[str, Any]) -> Tensor:
        """Mean of channels, ``[n, *spatial]``."""
        return settings["factor"] * given.x.mean(dim=1)
'''
METHODS = ["channel_mean", "gradcam"]


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    copy = PackageCopy(tmp_path_factory.mktemp("package"))
    assert len(METHOD.splitlines()) <= 40
    copy.add("saliency/methods/channel_mean.py", METHOD)
    return copy


def project_of(folder, **changes):
    project = Project.create(folder)
    settings = {"shard_size": 5, "methods": METHODS, "method_settings": {"channel_mean": {"factor": 2}}}
    project.write_config(**settings, audit={"min_count": 2, "clusters": {"min_count": 4}}, report={}, **changes)
    return project


@pytest.mark.slow
def test_new_method_runs_through_everything_and_its_settings_make_only_its_maps_again(extended, tmp_path):
    steps, fused = project_of(tmp_path / "steps"), project_of(tmp_path / "fused", execution="fused")
    extended.run(steps)
    extended.run(fused)
    group = zarr.open_group(steps.store, mode="r")
    inputs, found = group["inputs"][...], group["predicted/channel_mean"]
    mean, std = (np.array(values).reshape(1, 3, 1, 1) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    np.testing.assert_allclose(found[...], 2 * ((inputs - mean) / std).mean(axis=1), rtol=1e-5, atol=1e-6)
    assert found.metadata.dimension_names == ("sample", "y", "x")
    assert steps.digests() == fused.digests()
    assert (steps.store / "predicted/channel_mean/c.0.0.0").is_file()
    # It is drawn: a picture of three panels is wider than one of two.
    drawn = steps.results / "tiny/figures/predicted/samples/s0.png"
    with Image.open(drawn) as figure:
        assert figure.width == pytest.approx(2.3 * 3 * 120, abs=2)
    page = (steps.results / "report/index.html").read_text()
    settings = json.loads(page.partition('id="settings">')[2].partition("</script>")[0])
    kind = {"title": "Mean of channels", "signed": True, "over": False}
    assert settings["kinds"]["channel_mean"] == kind
    assert (settings["methods"], settings["leading"]) == (METHODS, "gradcam")
    assert (steps.results / "report/data/tiny/predicted/channel_mean/0.js").stat().st_size > 100
    metrics = (steps.results / "tiny/metrics.csv").read_text()
    assert "similarity_channel_mean" in metrics.partition("\n")[0]
    assert "0 problem(s) found" in extended.python("-m", "saliency", "verify", str(steps.results))
    assert "0 file(s) found" in extended.python("-m", "saliency", "unused", str(steps.results))

    before = file_digests(steps.store)
    steps.write_config(shard_size=5, methods=METHODS, method_settings={"channel_mean": {"factor": 3}})
    extended.run(steps)
    after = file_digests(steps.store)
    changed = {path for path in after if before.get(path) != after[path]}
    assert {path.rpartition("/c.")[0] for path in changed} == {"predicted/channel_mean"}
    assert "Nothing to be done" in extended.run(steps)


def test_unknown_methods_and_settings_are_named(extended, tmp_path):
    project = project_of(tmp_path / "project")
    project.write_config(methods=["channel_meen"], method_settings={"channel_mean": {"facter": 3}})
    code = (
        "import yaml; from saliency.experiment.validation import complete_config; "
        "print(*complete_config(yaml.safe_load(open('config.yaml')))[1], sep='\\n')"
    )
    said = extended.python("-c", code, cwd=project.folder)
    assert "channel_meen" in said
    assert "method_settings.channel_mean: unknown key 'facter'; did you mean 'factor'?" in said
