"""Files that are read in a block, beside those that are not."""

import os
import threading

import numpy as np
import torch

from saliency.files.opened import read_files


def test_files_that_are_read_are_found_however_they_are_opened(tmp_path):
    names = ["plain.txt", "torch.pt", "numpy.npz", "thread.txt", "bytes.txt", "os.txt"]
    for name in names:
        (tmp_path / name).write_text("x")
    torch.save({"a": torch.zeros(1)}, tmp_path / "torch.pt")
    np.savez(tmp_path / "numpy.npz", a=np.zeros(1))
    with read_files() as found:
        (tmp_path / "plain.txt").read_text()
        torch.load(tmp_path / "torch.pt", mmap=True)
        np.load(tmp_path / "numpy.npz")["a"]
        thread = threading.Thread(target=(tmp_path / "thread.txt").read_text)
        thread.start()
        thread.join()
        open(os.fsencode(tmp_path / "bytes.txt")).close()  # noqa: PTH123
        os.close(os.open(tmp_path / "os.txt", os.O_RDONLY))
    assert {path.name for path in found if path.is_relative_to(tmp_path)} == set(names)


def test_others_are_not(tmp_path):
    for name in ("before", "after", "written", "deleted"):
        (tmp_path / name).write_text("x")
    (tmp_path / "before").read_text()
    with read_files() as found:
        (tmp_path / "written").write_text("y")
        (tmp_path / "written").read_text()
        (tmp_path / "deleted").read_text()
        (tmp_path / "deleted").unlink()
        with read_files() as inside:
            pass
    (tmp_path / "after").read_text()
    assert {path for path in found | inside if path.is_relative_to(tmp_path)} == set()
