"""What a volume's file leaves open, or a setting takes for granted: said, or refused."""

import nibabel as nib
import numpy as np
import pytest

from saliency.exceptions import InputError, Status
from saliency.figures.volumes import montage_figure, orthogonal_figure
from saliency.readers.volumes import sides_known
from tests.readers.test_volumes import noise, preprocessing, write

NONZERO = preprocessing([8, 8, 8], intensity="zscore", intensity_over="nonzero")


def tissue(outside, *values):
    """A cube of several values in the middle of something."""
    data = np.full((8, 8, 8), outside, dtype=np.float32)
    data[2:6, 2:6, 2:6] = np.resize(values, (4, 4, 4))
    return data


@pytest.mark.parametrize("outside", [-1000, -1024, -3024])
def test_nonzero_is_refused_where_air_is_below_zero(tmp_path, outside):
    path = write(tmp_path / "ct.nii", tissue(outside, 0, 40, 400))
    with pytest.raises(InputError, match=f"has {outside} at its border, .* set intensity_over to all") as caught:
        NONZERO.read({"path": path})
    assert caught.value.status == Status.UNSUPPORTED


def test_with_all_the_order_of_tissues_stays(tmp_path):
    data = tissue(-1000, 0, 40, 400)
    path = write(tmp_path / "ct.nii", data)
    values, _ = preprocessing([8, 8, 8], intensity="zscore").read({"path": path})
    np.testing.assert_allclose(values[0], (data - data.mean()) / data.std(), rtol=1e-4)


@pytest.mark.parametrize(
    ("data", "warned"),
    [
        (tissue(0, -1000, 40, 0), True),
        (tissue(50, -1000, 40, 0), True),
        (tissue(0, 1, 2, 3), False),
        (tissue(0, -0.5, 90, 100), False),  # a spline's overshoot
        (tissue(-7, 1, 2, 3), False),  # no voxel is 0: all count
    ],
)
def test_nonzero_warns_where_zero_may_be_a_value(tmp_path, caplog, data, warned):
    NONZERO.read({"path": write(tmp_path / "v.nii", data)})
    assert ("v.nii: has values down to" in caplog.text) == warned
    assert ("set intensity_over to all" in caplog.text) == warned


def unoriented(path, kind=nib.Nifti1Image):
    image = kind(noise(8, 8, 8), np.eye(4))
    if isinstance(image, nib.Nifti1Pair):
        image.set_sform(None, code=0)
        image.set_qform(None, code=0)
    nib.save(image, path)
    return path


@pytest.mark.parametrize(
    ("name", "kind"), [("v.nii", nib.Nifti1Image), ("v.nii.gz", nib.Nifti2Image), ("v.img", nib.AnalyzeImage)]
)
def test_unknown_sides_are_warned_of(tmp_path, caplog, name, kind):
    path = unoriented(tmp_path / name, kind)
    preprocessing(8).read({"path": path})
    assert f"{name}: says nowhere which way its axes run" in caplog.text
    assert not sides_known(path)


@pytest.mark.parametrize(("sform", "qform"), [(1, 0), (0, 1), (2, 3)])
def test_either_code_makes_sides_known(tmp_path, caplog, sform, qform):
    image = nib.Nifti1Image(noise(8, 8, 8), np.eye(4))
    image.set_sform(np.eye(4), code=sform)
    image.set_qform(np.eye(4), code=qform)
    nib.save(image, tmp_path / "v.nii")
    preprocessing(8).read({"path": tmp_path / "v.nii"})
    assert caplog.text == ""
    assert sides_known(tmp_path / "v.nii")
    assert sides_known(tmp_path / "absent.nii")


@pytest.mark.parametrize("known", [True, False])
def test_letters_are_drawn_where_sides_are_known(known):
    image = noise(1, 8, 8, 8)
    for figure in (
        orthogonal_figure(image, {"gradcam": image}, (1, 1, 1), "", "", known),
        montage_figure(image, {"gradcam": image}, "", "", 2, sides=known),
    ):
        letters = {text.get_text() for axes in figure.axes for text in axes.texts} & {"L", "R", "A", "P"}
        assert bool(letters) == known
        notes = " ".join(text.get_text().replace("\n", " ") for text in figure.texts)
        assert ("The file does not say which side is left." in notes) != known
