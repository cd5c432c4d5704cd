"""How the voxels of a volume lie."""

import math

import numpy as np

from saliency.audit.facts.fact import Fact, FactGroup, Value
from saliency.audit.facts.opened import Volume
from saliency.files.in_words import number

AXES = ("i", "j", "k")


def millimetres(length: float) -> str:
    """Write a length.

    Examples
    --------
    >>> millimetres(0.9375)
    '0.938 mm'
    """
    return f"{number(length)} mm"


def voxel_grid(volume: Volume) -> dict[str, Value]:
    """Shape and voxel size in mm along the file's axes, how many volumes it holds, orientation code and data type."""
    import nibabel as nib
    from nibabel.affines import voxel_sizes

    image = volume.image
    sizes = voxel_sizes(image.affine).tolist()
    return {
        **{f"shape_{axis}": length for axis, length in zip(AXES, image.shape[:3], strict=True)},
        "volumes": math.prod(image.shape[3:]),
        **{f"voxel_size_{axis}": size for axis, size in zip(AXES, sizes, strict=True)},
        "orientation": "".join(map(str, nib.aff2axcodes(image.affine))),
        "data_type": str(np.dtype(image.get_data_dtype())),
    }


VOXEL_GRID = FactGroup(
    "voxel_grid",
    "Shape, voxel size, orientation code and data type.",
    (
        *(Fact(f"shape_{axis}", f"number of voxels along {axis}") for axis in AXES),
        Fact("volumes", "number of volumes in the file"),
        *(Fact(f"voxel_size_{axis}", f"voxel size along {axis}", millimetres) for axis in AXES),
        Fact("orientation", "orientation code"),
        Fact("data_type", "data type"),
    ),
    voxel_grid,
    "3D",
)
