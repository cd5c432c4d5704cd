"""A run whose results lie on an S3 server: a real one, in a process of its own."""

import socket
import subprocess
import sys
import time

import pytest

from tests.helpers.workflow_project import Project, jobs

pytestmark = pytest.mark.slow
boto3 = pytest.importorskip("boto3", reason="pip install -e '.[test]'")


@pytest.fixture
def endpoint(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (tmp_path / "moto.log").open("w") as log:
        command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(600):
            assert server.poll() is None, (tmp_path / "moto.log").read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def credentials(monkeypatch):
    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)


def test_store_on_s3_equals_the_one_on_disk_and_a_deleted_object_is_made_again(tmp_path, endpoint, credentials):
    plots = {"count": 2, "contact_sheets": ["first"]}
    local = Project.create(tmp_path / "local", samples=3, execution="fused", plots=plots)
    remote = local.copy(tmp_path / "remote")
    flags = [
        *("--default-storage-provider", "s3", "--default-storage-prefix", "s3://maps/run"),
        *("--storage-s3-endpoint-url", endpoint),
    ]
    local.run()
    remote.run(*flags)
    assert not remote.store.exists()

    bucket = boto3.resource("s3", endpoint_url=endpoint).Bucket("maps")
    prefix = "run/results/test/tiny.zarr/"
    stored = {item.key.removeprefix(prefix): item.get()["Body"].read() for item in bucket.objects.filter(Prefix=prefix)}
    on_disk = {
        str(path.relative_to(local.store)): path.read_bytes() for path in local.store.rglob("*") if path.is_file()
    }
    assert stored == on_disk
    assert bucket.Object("run/results/test/tiny/figures/predicted/contact-sheet_first.png").content_length > 0

    assert not jobs(remote.run("--dry-run", *flags))
    name = "predicted/gradcam/c.1.0.0"
    bucket.Object(prefix + name).delete()
    made = jobs(remote.run(*flags))
    assert [job for job in made if "shard" in job] == ["All maps of shard 1"]
    assert bucket.Object(prefix + name).get()["Body"].read() == on_disk[name]
    assert not jobs(remote.run("--dry-run", *flags))


def test_training_is_refused(tmp_path):
    project = Project.create(tmp_path, samples=2)
    project.manifest.write_text("id,path,label,split\ns0,s0.png,0,train\ns1,s1.png,1,test\n")
    project.write_config(models={"tiny": {"factory": "tiny_network:Network", "train": {"epochs": 1}}})
    output = project.run("--default-storage-provider", "s3", "--default-storage-prefix", "s3://maps/run", fails=True)
    assert (
        "patches, digits, textures and train work on a file system only: leave out --default-storage-provider" in output
    )
