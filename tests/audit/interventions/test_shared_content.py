"""Content that a class's pictures share: found pixel by pixel, given, and taken away with a control of its own."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from saliency.audit.checks.check import CheckJob
from saliency.audit.checks.registered import checks
from saliency.audit.evidence import Evidence
from saliency.audit.findings.removal import RemovalFinding
from saliency.audit.findings.transfer import TransferFinding
from saliency.audit.interventions.shared_content import shared_region
from saliency.audit.pictures import read_pictures
from saliency.audit.probes.transfer_table import Row, fisher, transfer_table
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from tests.helpers.audit_data import THRESHOLDS
from tests.helpers.grey_network import grey_network
from tests.helpers.shards import files_of_shards, fused_store
from tests.helpers.workflow_project import Project

# Guided backpropagation has no part in these tests.
pytestmark = pytest.mark.filterwarnings("ignore:.* no ReLU and pass")
SIDE, COUNT = 30, 72
# A class by the brightness of the centre; class 1 only where the stamp's brightest column is white as well: the stamp
# keeps pictures in class 1, and turns none of the others into it.
NETWORK = grey_network(
    "centre, stamp = x[:, 12:18, 12:18].mean((1, 2)), x[:, 24:29, 3:8].amax((1, 2))",
    "middle = 1 - 4 * (centre - 0.5).abs()",
    "return torch.stack([2 * centre - 0.6, middle + 4 * (stamp - 0.99).clamp(max=0), 1 - 2.5 * centre], 1)",
)


@pytest.mark.parametrize("spatial", [(12, 16), (8, 7, 6)])
@pytest.mark.parametrize("share", [0.4, 0.6, 1.0])
def test_what_most_pictures_share_is_found(spatial, share):
    rng = np.random.default_rng(3)
    own, others = rng.random((20, 2, *spatial)), rng.random((30, 2, *spatial))
    # Alike in all pictures of all classes, as the margins of scans are.
    own[:, :, -1] = others[:, :, -1] = 0
    place = (slice(2, 5),) * len(spatial)
    stamp = rng.random((2, *[3] * len(spatial)))
    for number in range(round(20 * share)):
        # Compression changes values a little.
        own[number][(slice(None), *place)] = stamp + rng.uniform(-0.01, 0.01, stamp.shape)
    expected = np.zeros(spatial, dtype=bool)
    expected[place] = share >= 0.5
    np.testing.assert_array_equal(shared_region(own, others), expected)


def draw(number, stamped):
    """Noise around a centre that tells the class; in class 1, a stamp."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 150, (SIDE, SIDE, 3), dtype=np.uint8)
    pixels[12:18, 12:18] = [225, 128, 20][number % 3]
    if number % 3 == 1 and stamped:
        pixels[24:29, 3:8] = [[[0], [255], [0], [255], [0]]]
    return pixels


def audited(folder, monkeypatch, stamped):
    settings = {"resize": None, "crop": SIDE, "mean": [0, 0, 0], "std": [1, 1, 1]}
    project = Project.create(
        folder, samples=0, input=settings, execution="fused", shard_size=30, batch_size=32,
        models={"tiny": {"factory": f"stamped_{stamped}:Network", "target_layer": "same"}},
        audit={"transfer": {"targets": 24}},
    )  # fmt: skip
    # Without a stamp in the pictures, the network asks for none.
    (folder / f"stamped_{stamped}.py").write_text(NETWORK if stamped else NETWORK.replace("4 * (stamp", "0 * (stamp"))
    rows = ["id,path,label"]
    for number in range(COUNT):
        Image.fromarray(draw(number, stamped)).save(project.image(number))
        rows.append(f"s{number},s{number}.png,{number % 3}")
    project.manifest.write_text("\n".join(rows) + "\n")
    monkeypatch.chdir(folder)
    config, problems = complete_config(project.config)
    assert problems == []
    descriptions = fused_store(config, "tiny", project.store, folder)
    files = files_of_shards(Plan(config), project.store, "predicted")
    outputs = {name: folder / file for name, file in checks()["transfer"].files().items()}
    checks()["transfer"].write(CheckJob(config, "tiny", "", files, descriptions, outputs))
    samples = pd.DataFrame({"id": ["s0", "s1", "s2"], "class": [0, 1, 2], "name": "", "correct": True})
    table = pd.read_csv(outputs["table"])
    return table, Evidence(samples, checks={"transfer": table}), read_pictures(outputs["pictures"])


def test_a_mark_that_only_keeps_a_class_is_found_by_its_removal(tmp_path, monkeypatch):
    table, evidence, pictures = audited(tmp_path, monkeypatch, True)
    stamps = table[table["intervention"] == "shared_content"].set_index("class")
    # The stamp is found in class 1, and so is each class's centre: values that are painted, not photographed.
    assert 1 in stamps.index
    (finding,) = [one for one in RemovalFinding.find(evidence, THRESHOLDS) if one.numbers["class"] == 1]
    assert finding.numbers["recall_before"] == 1
    assert finding.numbers["recall_after"] < 0.5
    assert finding.sentence.startswith("Without the shared content (")
    assert [picture.words for picture in pictures[finding.row[1]]][-1] == "the source without that content"


@pytest.mark.parametrize(("own", "others"), [((9, 12), (1, 20)), ((0, 5), (3, 7)), ((5, 5), (5, 5))])
def test_fisher_equals_the_hypergeometric_tail(own, others):
    (fallen, count), (fallen_of_others, count_of_others) = own, others
    draws = stats.hypergeom(count + count_of_others, fallen + fallen_of_others, count)
    given = [np.arange(n) < k for k, n in (own, others)]
    assert fisher(*given) == pytest.approx(draws.sf(fallen - 1))


@pytest.mark.parametrize(("lost_more", "p", "count"), [(0.2, 1e-4, 1), (0.19, 1e-4, 0), (0.5, 0.04, 0), (0.5, 0.02, 1)])
def test_a_removal_has_to_cost_enough_and_not_by_chance(lost_more, p, count):
    """Two p-values of two tests: the smallest is doubled."""
    test = Row(
        1, "shared_content", "alike", "content", "Pasting", 0.1, 24, 48, 1, 0, 1, 0, 0.5, 48, 0.9, 0.5, 60, 0.9, 0.9,
        lost_more, p,
    )  # fmt: skip
    evidence = Evidence(pd.DataFrame({"id": ["s0"], "class": [1]}), checks={"transfer": transfer_table([test])})
    assert len(RemovalFinding.find(evidence, THRESHOLDS)) == count
    assert TransferFinding.find(evidence, THRESHOLDS) == []
