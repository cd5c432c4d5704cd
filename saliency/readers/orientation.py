"""Which way a volume's axes run: what its file says, and whether it says so at all."""

from pathlib import Path

import nibabel as nib
from nibabel.spatialimages import SpatialImage

GUESSED = (
    "says nowhere which way its axes run, so left and right are a guess, and figures show neither: set its sform or "
    "qform code"
)


def orientation_known(image: SpatialImage) -> bool:
    """Whether left and right of a volume come from its file, and not from a convention that it may not follow.

    NIfTI with the sform and qform codes 0 says nothing of directions, neither does Analyze without a ``.mat`` file
    beside it, nor MGH without its flag; nibabel then takes each format's usual ones.

    Examples
    --------
    >>> import numpy as np
    >>> image = nib.Nifti1Image(np.zeros((2, 2, 2)), np.eye(4))
    >>> known = orientation_known(image)
    >>> image.set_sform(None, code=0)
    >>> known, orientation_known(image)
    (True, False)
    """
    if isinstance(image, nib.Nifti1Pair):
        return bool(image.header["sform_code"] or image.header["qform_code"])
    if isinstance(image, nib.MGHImage):
        return bool(image.header["goodRASFlag"])
    if isinstance(image, nib.AnalyzeImage):
        mat = image.file_map.get("mat")
        return mat is not None and mat.filename is not None and Path(mat.filename).is_file()
    return True
