"""What becomes of values that a reader hands over: arrays in 2D, values and an affine in 3D."""

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from torchvision import transforms

from saliency.exceptions import InputError, Status
from saliency.readers.boxes import boxes_mask
from saliency.readers.images import Preprocessing, image_size, read_image
from saliency.readers.samples import read_sample
from saliency.readers.volumes import VolumePreprocessing, load_volume
from saliency.steps.export import save_map
from tests.helpers.toy_readers import AFFINE, ArrayImages, ArrayVolumes, SliceFolders, forget, register
from tests.readers.test_volumes import preprocessing

AS_IT_IS = Preprocessing(channels=3, resize=None, crop=None, interpolation="bicubic")


@pytest.fixture(autouse=True)
def _readers(monkeypatch):
    register(monkeypatch, ArrayImages(), ArrayVolumes(), SliceFolders())
    yield
    forget()


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape) * 1000


def saved(folder, values, name="a.npy"):
    np.save(folder / name, values)
    return folder / name


@pytest.mark.parametrize("dtype", [np.float64, np.float32, ">f4", np.int16, np.uint8])
def test_array_is_taken_as_it_is(tmp_path, dtype):
    values = noise(3, 5, 7).clip(0, 255).astype(dtype)
    found = read_image(saved(tmp_path, values), AS_IT_IS)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values.astype(np.float32))


def test_one_channel_fills_all(tmp_path):
    values = noise(1, 5, 7).astype(np.float32)
    np.testing.assert_array_equal(read_image(saved(tmp_path, values), AS_IT_IS), np.concatenate([values] * 3))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_each_channel_is_resized_and_cropped_as_torchvision_does_with_floating_point_images(tmp_path, interpolation):
    values = noise(3, 40, 61).astype(np.float32)
    found = read_image(saved(tmp_path, values), Preprocessing(3, 30, [24, 28], interpolation))
    mode = transforms.InterpolationMode[interpolation.upper()]
    steps = transforms.Compose([transforms.Resize(30, mode), transforms.CenterCrop([24, 28])])
    expected = np.stack([np.asarray(steps(Image.fromarray(channel))) for channel in values])
    np.testing.assert_array_equal(found, expected)
    assert found.min() < 0
    assert found.max() > 255


@pytest.mark.parametrize(
    ("values", "status", "words"),
    [
        (np.zeros((2, 5, 7)), Status.WRONG_SHAPE, "has 2 channels instead of 3: set input.channels, or convert"),
        (np.zeros((5, 7)), Status.WRONG_SHAPE, r"has shape \(5, 7\), which is no image: remove the row"),
        (np.zeros((3, 0, 7)), Status.WRONG_SHAPE, r"has shape \(3, 0, 7\), which is no image"),
        (np.zeros((3, 5, 7), complex), Status.UNSUPPORTED, "holds complex128 values: save it with real numbers"),
        (np.full((3, 5, 7), np.nan), Status.NOT_FINITE, "NaN or infinite"),
        (np.full((3, 5, 7), 1e300), Status.NOT_FINITE, "NaN or infinite"),
        (np.zeros((3, 1, 60_000), np.uint8), Status.WRONG_SHAPE, "resizing would make 256 x 15360000"),
        (np.zeros((3, 5, 5), np.uint8), Status.WRONG_SHAPE, "is 256 x 256 pixels after resizing, less than"),
    ],
)
def test_array_that_cannot_be_used(tmp_path, values, status, words):
    with pytest.raises(InputError, match=words) as caught:
        read_image(saved(tmp_path, values), Preprocessing(3, 256, [256, 350], "bilinear"))
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("make", "status", "words"),
    [
        (lambda path: None, Status.MISSING, "there is no such file: correct the path or remove the row"),
        (lambda path: path.mkdir(), Status.UNREADABLE, "is a folder, not a file"),
        (lambda path: path.touch(), Status.UNREADABLE, "is empty, it has 0 bytes"),
        (lambda path: path.write_bytes(b"\x93NUMPY\x01\x00"), Status.UNREADABLE, "cannot be decoded .*: replace the"),
    ],
)
def test_checks_hold_for_every_reader(tmp_path, make, status, words):
    make(tmp_path / "a.npy")
    with pytest.raises(InputError, match=words) as caught:
        read_image(tmp_path / "a.npy", AS_IT_IS)
    assert caught.value.status == status
    with pytest.raises(InputError, match=words.replace("decoded", "read as a volume")) as caught:
        load_volume(tmp_path / "a.npy")
    assert caught.value.status == status


def test_masks_and_boxes_of_arrays(tmp_path):
    labels = np.random.default_rng(0).integers(0, 3, (1, 9, 12))
    files = {"path": saved(tmp_path, noise(3, 9, 12)), "mask": saved(tmp_path, labels, "m.npy")}
    read = Preprocessing(3, None, [5, 6], "bilinear", [2])
    np.testing.assert_array_equal(read.read_mask(files), labels[0, 2:7, 3:9] == 2)
    Image.fromarray(labels[0].astype(np.uint8)).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read.read_mask(files | {"mask": tmp_path / "m.png"}), labels[0, 2:7, 3:9] == 2)
    assert image_size(files["path"]) == (12, 9)
    assert boxes_mask("0 0 12 9", image_size(files["path"]), read).all()
    with pytest.raises(InputError, match="mask is of 3 channels: save it as an image with one number per pixel"):
        read.read_mask(files | {"mask": files["path"]})
    with pytest.raises(InputError, match="mask has 9 x 12 pixels, but the image 9 x 13"):
        read.read_mask(files | {"path": saved(tmp_path, noise(3, 9, 13), "other.npy")})


def in_ras(values):
    """`AFFINE` turns the first axis round, and swaps the other two."""
    return np.swapaxes(values[::-1], 1, 2)


def test_volume_of_values_and_affine(tmp_path):
    values = noise(4, 5, 6).astype(np.float32)
    path = saved(tmp_path, values)
    found, affine = preprocessing([4, 6, 5]).read({"path": path})
    np.testing.assert_array_equal(found[0], in_ras(values))
    # The network's first voxel is the last along the file's first axis.
    np.testing.assert_allclose(affine @ [0, 0, 0, 1], AFFINE @ [3, 0, 0, 1])
    np.testing.assert_allclose(affine @ [1, 2, 3, 1], AFFINE @ [2, 3, 2, 1])
    source = load_volume(path)
    save_map(found, preprocessing([4, 6, 5]).grid(source), source, tmp_path / "map.nii")
    written = nib.load(tmp_path / "map.nii")
    np.testing.assert_array_equal(written.get_fdata(), values)
    np.testing.assert_allclose(written.affine, AFFINE)


def test_volume_beside_files_of_another_reader(tmp_path):
    values, labels = noise(4, 5, 6).astype(np.float32), np.random.default_rng(1).integers(0, 2, (4, 5, 6))
    nib.save(nib.Nifti1Image(labels.astype(np.uint8), AFFINE), tmp_path / "mask.nii")
    files = {"path": saved(tmp_path, values), "mask": tmp_path / "mask.nii"}
    arrays = read_sample(VolumePreprocessing(1, None, [4, 6, 5], "linear", "none", "all", [0, 100]), files, True)
    np.testing.assert_array_equal(arrays["inputs"][0], in_ras(values))
    np.testing.assert_array_equal(arrays["region"], in_ras(labels) == 1)


def test_volume_of_a_folder(tmp_path):
    values = noise(4, 5, 6).astype(np.float32)
    folder = tmp_path / "slices"
    folder.mkdir()
    for number in range(6):
        np.save(folder / f"{number}.npy", values[..., number])
    found, _ = preprocessing([4, 6, 5]).read({"path": folder})
    np.testing.assert_array_equal(found[0], in_ras(values))


@pytest.mark.parametrize(
    ("values", "status", "words"),
    [
        (np.zeros((4, 5)), Status.WRONG_SHAPE, "which is no volume"),
        (np.zeros((4, 5, 6), np.complex64), Status.UNSUPPORTED, "holds complex values"),
        (np.full((4, 5, 6), np.inf), Status.NOT_FINITE, "NaN or infinite"),
        (np.zeros((4, 5, 6, 2)), Status.WRONG_SHAPE, "that is 2 instead of 1 per file"),
    ],
)
def test_volume_that_cannot_be_used(tmp_path, values, status, words):
    with pytest.raises(InputError, match=words) as caught:
        preprocessing(4).read({"path": saved(tmp_path, values)})
    assert caught.value.status == status
