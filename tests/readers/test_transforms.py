"""A function of the user's between decoding and resizing, and the order of channels."""

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from saliency.exceptions import DataError, InputError, Status
from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.readers.images import Preprocessing, read_image
from tests.readers.test_volumes import noise, preprocessing, write

RGB = np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)
MODULE = """
import numpy as np


def darker(values):
    return values[:, ::2] * 0.5


def brighter(values):
    return values + 100


def text(values):
    return "text"


def flat(values):
    return values[0]


def broken(values):
    raise KeyError("size")
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module in the working directory, where Snakemake runs; of another name for each test, since imports stay."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    name = f"own_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    Image.fromarray(RGB).save("a.png")
    return name


def test_decoded_picture_goes_through_it_before_it_is_cropped(module, tmp_path):
    read = Preprocessing(3, None, [4, 17], "bilinear", transform=f"{module}:darker")
    expected = np.moveaxis(RGB[::2][1:5], -1, 0) / 255 * 0.5
    np.testing.assert_allclose(read_image(tmp_path / "a.png", read), expected, rtol=1e-6)
    windowed = Preprocessing(3, None, [4, 17], "bilinear", window=[50, 100], transform=f"{module}:darker")
    expected = (np.moveaxis(RGB[::2][1:5], -1, 0).clip(50, 100) - 50.0) / 50 * 0.5
    np.testing.assert_allclose(read_image(tmp_path / "a.png", windowed), expected, atol=1e-6)


def test_masks_and_boxes_of_pictures_that_get_another_size_are_refused(module, tmp_path):
    files = {"path": tmp_path / "a.png", "mask": tmp_path / "m.png"}
    Image.fromarray(RGB[..., 0]).save(files["mask"])
    kept = Preprocessing(3, None, None, "bilinear", transform=f"{module}:brighter")
    assert kept.file_size(files["path"]) == (17, 12)
    np.testing.assert_array_equal(kept.read_mask(files), RGB[..., 0] != 0)
    halved = Preprocessing(3, None, None, "bilinear", transform=f"{module}:darker")
    for place in (lambda: halved.read_mask(files), lambda: halved.file_size(files["path"])):
        with pytest.raises(InputError, match=f"input.transform {module}:darker changes its size, so that its mask or"):
            place()


def test_channels_of_a_volume_go_through_it_before_intensities(module, tmp_path):
    data = noise(5, 7, 6)
    path = write(tmp_path / "v.nii", data, np.diag([-1.0, 1, 1, 1]))
    values, _ = preprocessing([5, 7, 6], transform=f"{module}:brighter").read({"path": path})
    np.testing.assert_allclose(values[0], data[::-1] + 100)
    assert nib.load(path).shape == (5, 7, 6)
    with pytest.raises(InputError, match=r"made shape \(4, 6\) of|made shape \(4, 7, 6\) of \(5, 7, 6\)|made shape"):
        preprocessing(4, transform=f"{module}:darker").read({"path": path})


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("text", Status.WRONG_SHAPE, "returned <U4 values of shape"),
        (
            "flat",
            Status.WRONG_SHAPE,
            r"returned float32 values of shape \(12, 17\) for \(3, 12, 17\): return real numbers",
        ),
        ("broken", Status.UNREADABLE, "raised KeyError: 'size' .*: mend it or remove the row"),
    ],
)
def test_what_it_does_wrong_costs_the_sample(module, tmp_path, name, status, words):
    with pytest.raises(InputError, match=words) as caught:
        read_image(tmp_path / "a.png", Preprocessing(3, None, None, "bilinear", transform=f"{module}:{name}"))
    assert caught.value.status == status


def test_one_that_is_not_there_ends_the_job(module, tmp_path):
    with pytest.raises(DataError, match=f"input.transform '{module}:absent' cannot be found"):
        read_image(tmp_path / "a.png", Preprocessing(3, None, None, "bilinear", transform=f"{module}:absent"))


def planned(**settings):
    config = {"experiment": "e", "manifest": "m.csv", "models": {"net": {"factory": "torch.nn:Linear"}}}
    completed, problems = complete_config(config | {"input": settings})
    return completed, problems


def test_its_file_and_the_keys_decide_what_is_made_again(module, tmp_path):
    (tmp_path / "m.csv").write_text("id,path\na,a.png\n")

    def prepared(**settings):
        completed, problems = planned(**settings)
        assert problems == []
        return Digests(Plan(completed)).of("prepare", "net", 0)

    plain = prepared()
    assert prepared(transform=None, order="rgb", window=None, value_range=None) == plain
    found = [plain, prepared(transform=f"{module}:darker"), prepared(transform=f"{module}:text"), prepared(order="bgr")]
    found += [prepared(window=[0, 9]), prepared(value_range=[0, 9])]
    (tmp_path / f"{module}.py").write_text(MODULE + "\n# edited\n")
    found.append(prepared(transform=f"{module}:darker"))
    assert len(set(found)) == len(found)


def test_what_does_not_fit_is_said_before_anything_runs(module, tmp_path):
    (tmp_path / "m.csv").write_text("id,path\na,a.png\n")
    for settings, words in [
        ({"transform": "no_such_module:function"}, "input.transform: there is no module of Python 'no_such_module'"),
        ({"transform": "function"}, "input.transform: 'function' does not fit: package.module:callable, or null"),
        ({"order": "bgr", "channels": 1, "mean": [0], "std": [1]}, "input.order: bgr is an order of 3 channels"),
        ({"window": [9, 0]}, r"input.window: [9, 0] does not rise: write the smaller number first"),
        ({"window": [0, 9], "value_range": [0, 9]}, "input: has value_range and window: keep one of them"),
        ({"mode": "3D", "crop": 8, "window": [0, 9]}, "input: intensity: window and the key window need each other"),
        ({"mode": "3D", "crop": 8, "intensity": "window"}, "input: intensity: window and the key window need each"),
    ]:
        _, problems = planned(**settings)
        assert any(words in line for line in problems), (settings, problems)


def test_bgr_turns_the_channels_round(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    read = Preprocessing(3, 9, [8, 8], "bicubic")
    turned = Preprocessing(3, 9, [8, 8], "bicubic", order="bgr")
    path = tmp_path / "a.png"
    np.testing.assert_array_equal(read_image(path, turned), read_image(path, read)[::-1])
