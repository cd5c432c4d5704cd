"""A run over photographs and masks that a server hands out, on real Snakemake."""

import os

import pytest

from tests.helpers.web_server import web_server
from tests.helpers.workflow_project import Project, jobs

pytestmark = pytest.mark.slow
pytest.importorskip("aiohttp", reason="pip install -e '.[test]'")


def test_maps_are_those_of_files_on_the_disk_and_a_replaced_file_runs_its_shard(tmp_path):
    local = Project.create(tmp_path / "local", samples=4)
    remote = local.copy(tmp_path / "remote")
    local.run()
    with web_server(remote.folder / "data") as server:
        lines = remote.manifest.read_text().replace(",s", f",{server.url}/s")
        remote.manifest.write_text(lines)
        remote.run()
        for file in local.store.rglob("c.*"):
            assert (remote.store / file.relative_to(local.store)).read_bytes() == file.read_bytes(), file
        # One look at each when the run was planned; what was read of it later is another matter.
        assert sorted(line for line in server.asked if line.startswith("HEAD")) == [f"HEAD /s{n}.png" for n in range(4)]
        assert not jobs(remote.run("--dry-run"))
        remote.write_image(3, seed=1)
        os.utime(remote.image(3), ns=(10**18, 10**18))
        made = jobs(remote.run("--dry-run"))
        assert [job for job in made if "Read shard" in job] == ["Read shard 1"]
        remote.image(2).unlink()
        assert f"line 4, column path: there is no file '{server.url}/s2.png'" in remote.run("--dry-run", fails=True)
