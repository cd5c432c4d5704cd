"""Masks of a shard, as the page gets them."""

import json

import numpy as np
import pytest
from PIL import Image

from saliency.experiment.digests import Digests
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.figures.webp import read_webp
from saliency.report.outlines import mask_levels, write_outlines
from tests.helpers.workflow_project import Project


def made(folder, monkeypatch, masks, **config):
    """Plan of a project with four pictures of 40 x 40 pixels, of which the first have these masks."""
    project = Project.create(
        folder, samples=0, input={"resize": None, "crop": 40}, report={"side": 20}, audit={}, shard_size=4, **config
    )
    rows = ["id,path,mask"]
    for number in range(4):
        Image.fromarray(np.zeros((40, 40, 3), dtype=np.uint8)).save(project.image(number))
        if number < len(masks):
            Image.fromarray(masks[number]).save(folder / f"data/mask{number}.png")
        rows.append(f"s{number},s{number}.png,{f'mask{number}.png' if number < len(masks) else ''}")
    project.manifest.write_text("\n".join(rows) + "\n")
    monkeypatch.chdir(folder)
    config, problems = complete_config(project.config)
    assert problems == []
    return Plan(config)


def square(begin, end, side=40):
    mask = np.zeros((side, side), dtype=np.uint8)
    mask[begin:end, begin:end] = 255
    return mask


def test_masks_are_reduced_with_the_pictures(tmp_path, monkeypatch):
    # The square begins and ends on the pixels of the picture with half the side; the third mask is empty.
    plan = made(tmp_path, monkeypatch, [square(10, 30), square(7, 8), square(0, 0)])
    write_outlines(plan.config, "tiny", 0, tmp_path / "mask.js")
    text = (tmp_path / "mask.js").read_text()
    assert text.startswith('report.add("tiny/mask/0",')
    content = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert content["ranges"] == [[0, 1], [0, 1], None, None]
    assert content["size"] == [20, 20]
    sheet = read_webp(content["sheets"][0])[..., 0]
    assert set(np.unique(sheet)) == {0, 255}
    np.testing.assert_array_equal(sheet[:20, :20], square(5, 15, 20))
    # A pixel is a quarter of one of the picture's, and would be gone.
    np.testing.assert_array_equal(sheet[:20, 20:40], square(3, 4, 20))
    assert not sheet[:20, 40:80].any()


@pytest.mark.parametrize(("inside", "expected"), [(slice(0, 5), [1, 1, 0, 0]), (slice(1, 5), [1, 1, 0, 0])])
def test_half_of_a_cell_is_enough(inside, expected):
    mask = np.zeros(10, dtype=bool)
    mask[inside] = True
    # Cells of 2.5 values: of the second case, the first has 1.5.
    assert (mask_levels(mask, (4,)) > 0).astype(int).tolist() == expected


def test_another_mask_draws_the_outlines_again_and_no_picture(tmp_path, monkeypatch):
    plan = made(tmp_path, monkeypatch, [square(10, 30)])

    def digests():
        found = Digests(Plan(plan.config))
        return {step: found.of(step, "tiny", 0, None) for step in ("prepare", "sprites", "outlines")}

    before = digests()
    Image.fromarray(square(10, 31)).save(tmp_path / "data/mask0.png")
    after = digests()
    assert [step for step in before if before[step] != after[step]] == ["outlines"]
    plan.config["report"]["side"] = 10
    assert [step for step in after if after[step] != digests()[step]] == ["sprites", "outlines"]
