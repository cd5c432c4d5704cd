"""No space, no permission, a read-only file system: one clear line, nothing half-written, and a re-run that goes on."""

import logging
import os
import re
import subprocess

import pytest

from saliency.exceptions import DataError
from saliency.files.atomic_files import write_atomically
from saliency.job import job_log
from tests.helpers.fault_kinds import locked_folder
from tests.helpers.faults import PROJECTS
from tests.helpers.workflow_project import Project

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount file systems and make folders immutable")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own; what is mounted on it ends with the test."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk):
    """Leave no block free; called again, fill what has become free."""
    with (disk / "ballast").open("ab") as file:
        free = os.statvfs(disk)
        if free.f_bavail:
            os.posix_fallocate(file.fileno(), file.tell(), free.f_bavail * free.f_frsize)


def remount(disk, how):
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)


@root_only
@pytest.mark.parametrize("size", [0, 1, 5000])
def test_full_disk_is_named_and_nothing_is_left(small_disk, size):
    path = small_disk / "folder" / "c.0"
    write_atomically(path, b"old")
    fill(small_disk)
    if size:
        with pytest.raises(
            DataError, match=rf"c\.0: cannot write {size} bytes: No space left on device; free space and"
        ):
            write_atomically(path, bytes(size))
        assert path.read_bytes() == b"old"
    else:
        write_atomically(path, b"")
    assert [file.name for file in path.parent.iterdir()] == ["c.0"]


@root_only
def test_read_only_file_system_is_named(small_disk):
    remount(small_disk, "ro")
    for path in (small_disk / "c.0", small_disk / "new" / "c.0"):
        with pytest.raises(DataError, match=r"c\.0: cannot write 3 bytes: Read-only file system; make it writable and"):
            write_atomically(path, b"new")


@root_only
def test_missing_permission_is_named(tmp_path):
    path = tmp_path / "folder" / "c.0"
    write_atomically(path, b"old")
    with (
        locked_folder(path.parent),
        pytest.raises(DataError, match=r"c\.0: cannot write 3 bytes: Operation not permitted; make it writable and"),
    ):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"


def test_log_on_a_full_disk_does_not_end_the_job(capsys):
    # Whatever is written to this device meets a full disk.
    with job_log("/dev/full"):
        logging.getLogger("saliency").info("first line")
        logging.getLogger("saliency").info("second line")
    for handler in logging.getLogger().handlers:
        handler.close()
    printed = capsys.readouterr().err
    assert printed.count("/dev/full: the log is incomplete: [Errno 28] No space left on device") == 1
    assert "second line" in printed
    assert "Traceback" not in printed


def test_log_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "logs").touch()
    with pytest.raises(SystemExit), job_log(tmp_path / "logs" / "predict.log"):
        pytest.fail("a job without a log has run")
    assert "predict.log: cannot write the log: File exists" in capsys.readouterr().err


def refused_file_by_file(project, stages, before_each, message):
    """Delete a file, from the last stage to the first, and have it made again where that cannot be done."""
    for pattern in stages:
        files = sorted(project.results.glob(pattern))
        assert files, pattern
        for path in files:
            path.unlink()
        before_each()
        target = str(files[0].relative_to(project.folder))
        printed = project.run("--cores", "1", target, fails=True)
        # Of several files, those that are made first may find the space that the old ones had.
        assert re.search(rf"results/test/\S+: cannot write \d+ bytes: {message}", printed), printed
        assert "Traceback" not in printed
        assert not any(path.exists() for path in files)
        assert list(project.results.rglob("*.tmp")) == []


STEPS = [
    "errors.csv",
    "tiny/figures/predicted/samples/s0.png",
    "tiny/figures/predicted/contact-sheet_first.png",
    "tiny/predictions.csv",
    "tiny.zarr/predicted/guided_gradcam/c.0.*",
    "tiny.zarr/predicted/gradcam/c.0.*",
    "tiny.zarr/predicted/guided_backprop/c.0.*",
    "tiny.zarr/predicted/class/c.0",
    "tiny.zarr/zarr.json",
    "tiny.zarr/logits/c.0.0",
    "tiny.zarr/inputs/c.0.*",
]


@root_only
@pytest.mark.slow
@pytest.mark.parametrize(
    ("create", "stages"),
    [
        pytest.param(
            lambda folder: Project.create(folder, samples=2, plots={"count": 1, "contact_sheets": ["first"]}),
            STEPS,
            id="steps",
        ),
        pytest.param(PROJECTS["volumes"], ["tiny/nifti/predicted/v0/gradcam.nii.gz"], id="export"),
    ],
)
def test_run_goes_on_after_space_is_freed(tmp_path, small_disk, create, stages):
    project = create(tmp_path / "project")
    results = project.folder / "results"
    results.symlink_to(small_disk)
    project.run()
    undisturbed = project.result_digests()
    refused_file_by_file(
        project, stages, lambda: fill(small_disk), "No space left on device; free space and run again: nothing that is"
    )
    (small_disk / "ballast").unlink()
    remount(small_disk, "ro")
    printed = project.run(fails=True)
    assert "Read-only file system" in printed
    remount(small_disk, "rw")
    project.run("--rerun-incomplete")
    assert project.result_digests() == undisturbed
    assert "Nothing to be done" in project.run()
