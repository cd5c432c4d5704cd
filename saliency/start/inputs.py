"""The config's ``input`` for a dataset: defaults for pictures, and for volumes what their headers say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from saliency.experiment.keys.inputs import IMAGE_KEYS
from saliency.registry.key import default_of

if TYPE_CHECKING:
    from saliency.start.tables import Dataset

# So many headers are read; those of more volumes take minutes on a network drive.
_HEADERS = 200
_MULTIPLE, _LARGEST = 8, 192


def input_of(dataset: Dataset) -> dict[str, Any]:
    """Choose the ``input`` of a dataset, and say on what it rests.

    Volumes keep their voxel sizes, if these are one, or get the median; the network sees the extent of the largest,
    rounded up to a multiple of 8, at most 192 voxels along each axis.
    """
    if dataset.mode == "2D":
        keys = ("channels", "resize", "crop", "mean", "std")
        dataset.said.append("input: shorter side to 256, centre of 224 x 224, colours as torchvision normalises them")
        return {"mode": "2D", **{key: default_of(IMAGE_KEYS, key) for key in keys}}
    if dataset.kind == "DICOM":
        dataset.said.append("input.crop: 128 voxels along each axis, set what the network sees")
        return {"mode": "3D", "crop": 128}
    return _input_of_volumes(dataset)


def _input_of_volumes(dataset: Dataset) -> dict[str, Any]:
    import nibabel as nib
    import numpy as np
    from nibabel.orientations import aff2axcodes, axcodes2ornt

    shapes, sizes, failed = [], [], 0
    names = dataset.table["path"].tolist()[:_HEADERS]
    for name in names:
        try:
            volume: Any = nib.load(name)
            order = np.argsort(axcodes2ornt(aff2axcodes(volume.affine))[:, 0])
            shapes.append(np.array(volume.shape[:3])[order])
            sizes.append(np.linalg.norm(volume.affine[:3, :3], axis=0)[order])
        # What cannot be read is named, with its reason, when the workflow reads it.
        except Exception:
            failed += 1
    if not shapes:
        dataset.said.append(
            "input.crop: 128 voxels along each axis, since no header could be read: set what the network sees"
        )
        return {"mode": "3D", "crop": 128}
    settings: dict[str, Any] = {"mode": "3D", "voxel_size": None}
    extent = np.max(shapes, axis=0)
    if (np.ptp(sizes, axis=0) > 0.01 * np.min(sizes, axis=0)).any():
        median = np.round(np.median(sizes, axis=0), 3)
        settings["voxel_size"] = median.tolist()
        extent = np.max(np.ceil(np.array(shapes) * sizes / median), axis=0)
        dataset.said.append(f"input.voxel_size: {median.tolist()} mm, the median of the files")
    crop = np.minimum(np.ceil(extent / _MULTIPLE).astype(int) * _MULTIPLE, _LARGEST)
    settings["crop"] = crop.tolist()
    cut = " (larger volumes are cut around their centres)" if (extent > _LARGEST).any() else ""
    read = "the headers" if len(names) == len(dataset.table) else f"the first {_HEADERS} headers"
    dataset.said.append(
        f"input.crop: {' x '.join(map(str, crop))} voxels, what the largest volume needs by {read}{cut}"
    )
    if _has_negative_values(names[0]):
        settings["intensity_over"] = "all"
        dataset.said.append("input.intensity_over: all, since the first volume has values below 0")
    return settings


def _has_negative_values(name: str) -> bool:
    import nibabel as nib
    import numpy as np

    try:
        volume: Any = nib.load(Path(name))
        return bool((np.asanyarray(volume.dataobj) < 0).any())
    # As above.
    except Exception:
        return False
