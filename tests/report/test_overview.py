"""What the report's first page says of findings: pictures of what was done, weaker signs, what was looked at."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from saliency.audit.pictures import Step, draw_steps, write_pictures
from saliency.experiment.validation import complete_config
from saliency.figures.webp import read_webp
from saliency.report.document import write_report
from saliency.report.overview import looked_at
from tests.helpers.workflow_project import Project

NAMES = ["bird", "<b>"]
CONSEQUENCE = {"kind": "transfer", "score": 0.5, "sentence": "Pasting …", "numbers": {"class": 1}, "samples": ["s0"]}
SIGN = {"kind": "cluster", "score": 0.9, "sentence": "A cluster …", "numbers": {"class": 0}, "samples": ["s1"]}
TESTED = {
    **{"maps": 600, "classes": 3, "columns": 2, "tests_of_groups": 1},
    "transfer": {
        **{"tests": 81, "classes": 9, "classes without a test": 1, "pictures changed in each test": 48},
        "smallest share of turned pictures that they show": 0.3,
    },
    "degradation": {"changes": 22, "pictures": 96, "smallest share of turned pictures that they show": 0.125},
}


class Outline(HTMLParser):
    """Elements of a page with their attributes, and the texts inside of each that is open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        element = {"tag": tag, "inside": [one["tag"] for one in self.open], "text": "", **dict(attributes)}
        self.elements.append(element)
        if tag not in ("img", "meta", "link", "br"):
            self.open.append(element)

    def handle_endtag(self, tag):
        while self.open and self.open.pop()["tag"] != tag:
            pass

    def handle_data(self, text):
        for element in self.open:
            element["text"] += text

    def all(self, tag, **attributes):
        return [
            one for one in self.elements if one["tag"] == tag and all(one.get(k) == v for k, v in attributes.items())
        ]

    def below(self, tag, **attributes):
        """Those that are not on the first screen, whose cards are articles."""
        return [one for one in self.all(tag, **attributes) if "article" not in one["inside"]]


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Makes the page of some findings."""
    project = Project.create(tmp_path, samples=2)
    project.write_config(
        models={"tiny": {"factory": "tiny_network:Network", "class_names": NAMES}}, audit={}, report={}
    )
    monkeypatch.chdir(tmp_path)
    config, problems = complete_config(project.config)
    assert problems == []
    header = "id,status,predicted_class,probability,correct\n"
    (tmp_path / "predictions.csv").write_text(header + "s0,ok,0,0.9,True\ns1,ok,1,0.8,False\n")
    (tmp_path / "errors.csv").write_text("model,id,path,status,problem\n")

    def make(findings, pictures=None, tested=TESTED):
        document = {"findings": findings, "left_out": 0, "tested": tested}
        (tmp_path / "findings.json").write_text(json.dumps(document))
        shown = {}
        if pictures is not None:
            write_pictures(tmp_path / "pictures.json", pictures)
            shown = {"transfer": [tmp_path / "pictures.json"]}
        made = [[tmp_path / "predictions.csv"], [tmp_path / "findings.json"], tmp_path / "errors.csv", tmp_path / "out"]
        write_report(config, *made, pictures=shown)
        return Outline((tmp_path / "out/index.html").read_text())

    return make


def strip(height=4, width=6):
    x = np.random.default_rng(0).integers(0, 256, (2, 3, height, width)) / 255
    return x, draw_steps([Step("the source", 1, "s0", x[0]), Step("the same <i>", 7, "s1", x[1])], 0, 1)


def test_a_finding_shows_the_pictures_of_its_row(page):
    x, drawn = strip()
    found = page([CONSEQUENCE | {"row": ["transfer", 4]}, SIGN | {"row": ["transfer", 9]}], {4: drawn, 5: drawn[:1]})
    images = found.below("img")
    assert [one["inside"][-3:] for one in images] == [["ul", "li", "a"]] * 2
    for one, values in zip(images, x, strict=True):
        kind, _, text = one["src"].partition(",")
        assert kind == "data:image/webp;base64"
        np.testing.assert_allclose(read_webp(text), np.moveaxis(values, 0, -1) * 255, atol=0.01)
        assert (one["height"], one["width"], one["class"]) == ("4", "6", "pixels")
    (shown,) = found.below("ul", **{"class": "shown"})
    # Names of files and classes are texts.
    captions = [
        one["text"].strip() for one in found.below("li") if one["inside"][-1] == "ul" and "put into" in one["text"]
    ]
    assert captions == ["the source: put into class '<b>'", "the same <i>: put into class '7'"]
    assert not found.all("b") + found.all("i")
    assert "#/sample/s0?finding=0" in [one.get("href") for one in found.all("a")]
    # Its samples are those in the pictures; the other finding has none, and so shows its samples.
    assert [one["data-finding"] for one in found.all("ul", **{"class": "strip"})] == ["1"]
    assert shown["inside"].count("details") == 0


def test_pictures_with_fine_details_are_smoothed(page):
    (image,) = page([CONSEQUENCE | {"row": ["transfer", 0]}], {0: strip(65, 20)[1][:1]}).below("img")
    assert "class" not in image


def test_without_pictures_the_sentence_stands_alone(page):
    for pictures in (None, {}, {3: strip()[1]}):
        found = page([CONSEQUENCE | {"row": ["transfer", 4]}, CONSEQUENCE], pictures)
        assert found.below("img") == found.below("ul", **{"class": "shown"}) == []
        sentences = [one["text"] for one in found.all("p", **{"class": "sentence"})]
        assert sentences == ["Pasting …", "Pasting …"]
        assert len(found.all("ul", **{"class": "strip"})) == 2


def test_weaker_signs_are_folded_below_consequences(page):
    found = page([CONSEQUENCE, SIGN, SIGN])
    signs, looked = found.below("details", **{"class": "signs"})
    assert "open" not in signs
    assert "open" not in looked
    assert [one["text"].strip() for one in found.below("summary")] == ["2 weaker signs", "What was looked at"]
    folded = [one["inside"].count("details") for one in found.all("li", **{"class": "finding"})]
    assert folded == [0, 1, 1]
    # Above the numbers of the models.
    headings = [one["text"] for one in found.all("h2")]
    assert headings[:3] == ["What was not tested", "Findings", "Models"]


def test_signs_are_open_where_there_is_no_consequence(page):
    found = page([SIGN])
    (signs,) = found.below("details", **{"class": "signs"})
    assert "open" in signs
    assert [one["text"].strip() for one in found.below("summary")] == ["1 weaker sign"]
    (said,) = found.all("div", **{"class": "empty"})
    assert "weaker signs" in said["text"]
    assert "81 tests" in said["text"]


def test_nothing_says_what_would_have_been_found(page):
    found = page([])
    assert found.below("details", **{"class": "signs"}) == []
    (said,) = found.all("div", **{"class": "empty"})
    assert re.sub(r"\s+", " ", said["text"]).strip() == (
        "Nothing was found. Look at the classes yourself. "
        "96 pictures got worse in 22 ways. One that turns 13 % of the others into a class would have been found, a "
        "weaker one not. "
        "Properties of the pictures of 9 classes were given to up to 48 pictures of others, in 81 tests. "
        "One that turns 30 % of the others into the class would have been found, a weaker one not. "
        "1 class was not tested: it had too few pictures, or no time was left for it. "
        "The audit compared 600 maps of 3 classes. It compared groups by 2 columns of the manifest in 1 test."
    )


def test_checks_that_were_not_run_are_not_told():
    assert looked_at({}) == []
    assert looked_at({"maps": 1, "classes": 1, "columns": 0, "tests_of_groups": 0}) == [
        "The audit compared 1 map of 1 class."
    ]
