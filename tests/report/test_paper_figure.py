"""A finding as a vector graphic."""

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from saliency.__main__ import main
from saliency.audit.pictures import Step, draw_steps, write_pictures

SENTENCE = "Pasting the windows of class 'b$_' pictures to 48 others turns 40 of them into class 'b$_'."


@pytest.fixture
def findings(tmp_path):
    """``findings.json`` of a run, with the pictures of a check beside it."""
    model = tmp_path / "results/run/net"
    path = model / "audit/predicted/findings.json"
    path.parent.mkdir(parents=True)
    with_pictures = {"kind": "transfer", "score": 0.8, "sentence": SENTENCE, "numbers": {}, "samples": ["s1"],
                     "row": ["transfer", 2]}  # fmt: skip
    without = {"kind": "group", "score": 0.5, "sentence": "…", "numbers": {}, "samples": []}
    path.write_text(json.dumps({"findings": [with_pictures, without]}))
    x = np.random.default_rng(0).random((3, 3, 12, 10))
    steps = [Step("the source", 1, "s1", x[0]), Step("as it is", 0, "s2", x[1]), Step("with the window", 1, "s2", x[2])]
    write_pictures(model / "audit/transfer_pictures.json", {2: draw_steps(steps, 1, 2)})
    (model / "predictions.csv").write_text("id,predicted_class,predicted_name\ns1,1,b$_\ns2,0,\n")
    return path


def test_pictures_of_a_check_with_caption(findings, tmp_path, capsys):
    output = tmp_path / "figure.svg"
    assert main(["figure", str(findings), "--output", str(output)]) == 0
    root = ElementTree.fromstring(output.read_text())
    assert len(list(root.iter("{http://www.w3.org/2000/svg}image"))) == 3
    texts = {"".join(one.itertext()).strip() for one in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"a", "b", "c", "b$_ (1)", "class 0"} <= texts
    caption = output.with_suffix(".txt").read_text()
    assert caption == capsys.readouterr().out
    assert caption.startswith(
        f"A property decides. {SENTENCE} (a) the source, sample s1: put into b$_ (1); (b) as it is"
    )
    # The command makes the same bytes again.
    before = output.read_bytes()
    command = caption.partition("Made with: python -m saliency ")[2].split()
    assert main(command) == 0
    assert output.read_bytes() == before


def test_a_run_that_is_not_finished_is_said_in_a_line(findings, tmp_path, capsys):
    content = json.loads(findings.read_text())
    content["findings"][1]["samples"] = ["s2"]
    findings.write_text(json.dumps(content))
    assert main(["figure", str(findings), "--finding", "2", "--output", str(tmp_path / "figure.pdf")]) == 2
    assert "net.zarr is no store" in capsys.readouterr().err
    (findings.parents[2] / "predictions.csv").unlink()
    assert main(["figure", str(findings), "--output", str(tmp_path / "figure.pdf")]) == 2
    assert "predictions.csv: is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "name", "message"),
    [
        ("3", "figure.svg", "has no finding 3: choose from 1 to 2"),
        ("2", "figure.svg", "this finding names no samples"),
        ("1", "figure.png", "is no vector graphic: give a name that ends in .svg, .pdf, .eps"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_line(findings, tmp_path, capsys, number, name, message):
    output = tmp_path / name
    assert main(["figure", str(findings), "--finding", number, "--output", str(output)]) == 2
    assert message in capsys.readouterr().err
    assert not output.exists()
