"""Jobs of one shard, without Snakemake."""

import pytest
import yaml

from saliency.experiment.validation import complete_config
from saliency.networks.describe import write_descriptions
from tests.helpers.shards import stored_shard
from tests.helpers.workflow_project import Project


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Builds the job of shard 0, whose files lie in a folder of a given name."""
    project = Project.create(tmp_path)
    monkeypatch.chdir(tmp_path)

    def build(folder="store", **changes):
        project.write_config(**changes)
        config, problems = complete_config(yaml.safe_load((tmp_path / "config.yaml").read_text()))
        assert problems == []
        write_descriptions(config, "tiny", {"model": "model.json", "target_layer": "target_layer.json"})
        return stored_shard(config, "tiny", 0, tmp_path / folder, ["model.json", "target_layer.json"])

    return build
