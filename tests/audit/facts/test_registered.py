"""What is registered: every fact is read of some file, and has words."""

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from saliency.audit.facts.registered import fact_groups, fact_versions, facts, groups_of
from saliency.audit.leakage.fact_table import read_facts


@pytest.mark.parametrize("mode", ["2D", "3D"])
def test_groups_read_the_facts_that_they_name(tmp_path, mode):
    noise = np.random.default_rng(0).integers(0, 255, (9, 9, 3), dtype=np.uint8)
    if mode == "2D":
        Image.fromarray(noise).save(tmp_path / "a", "JPEG")
    else:
        nib.save(nib.Nifti1Image(noise, np.eye(4)), tmp_path / "a.nii")
    named = [fact.name for group in groups_of(mode) for fact in group.facts]
    assert sorted(read_facts(tmp_path / ("a" if mode == "2D" else "a.nii"), mode)) == sorted(named)


def test_groups_have_versions_and_facts_titles():
    assert fact_versions().keys() == fact_groups().keys()
    assert len({fact.title for fact in facts().values()}) == len(facts())
