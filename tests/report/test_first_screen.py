"""What the page says first: numbers of the audited samples alone, the worst consequence, what was not tested."""

import json
import re

import pandas as pd
import pytest

from saliency.audit.performance import performance
from saliency.experiment.validation import complete_config
from saliency.files.spreadsheet import csv_bytes
from saliency.report.document import write_report
from tests.helpers.workflow_project import Project
from tests.report.test_overview import CONSEQUENCE, NAMES, SIGN, TESTED, Outline, strip

# 8 samples for training, of which all are right; of the 12 others the first model has 9 right, the second 4.
SPLIT = ["train"] * 8 + ["test"] * 8 + ["late"] * 4
LABEL = [number % 2 for number in range(20)]
RIGHT = {"one": {8, 9, 10}, "two": {8, 11, 12, 13, 14, 15, 16, 17}}


def said(model):
    wrong = RIGHT[model]
    rows = [
        (f"s{number}", "ok", 1 - label if number in wrong else label, 0.9, number not in wrong, label)
        for number, label in enumerate(LABEL)
    ]
    return pd.DataFrame(rows, columns=["id", "status", "predicted_class", "probability", "correct", "label"])


@pytest.fixture
def screen(tmp_path, monkeypatch):
    """Makes a page of two models; returns its outline, and the text of its first screen."""
    project = Project.create(tmp_path, samples=2)
    rows = [f"s{number},s0.png,{LABEL[number]},{SPLIT[number]},{'ab'[number % 4 // 2]}" for number in range(20)]
    project.manifest.write_text("\n".join(["id,path,label,split,site", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)

    def make(
        findings=((), ()), models=("one", "two"), where=None, tested=TESTED, pictures=None, train=None, answers=None,
        **audit,
    ):  # fmt: skip
        network = {"factory": "tiny_network:Network", "class_names": NAMES}
        where = {"split": ["test", "late"]} if where is None else where
        project.write_config(
            models={model: {**network, **({"train": train} if train else {})} for model in models},
            audit={"where": where, "min_count": 2, **audit},
            report={},
        )
        config, problems = complete_config(project.config, check=False)
        assert problems == []
        files = {"predictions": [], "findings": [], "performance": []}
        for model, found in zip(models, findings, strict=False):
            table = said(model)
            files["predictions"].append(tmp_path / f"{model}.csv")
            table.drop(columns="label").to_csv(files["predictions"][-1], index=False)
            files["findings"].append(tmp_path / f"{model}.json")
            document = {"findings": list(found), "left_out": 0, "tested": tested}
            files["findings"][-1].write_text(json.dumps(document))
            samples = table.assign(site=pd.read_csv(project.manifest)["site"])
            audited = pd.Series(SPLIT).isin(["test", "late"]).to_numpy()
            of_model = performance(samples.astype({"correct": "boolean"}), audited, ["site"], [], NAMES, 2)
            files["performance"].append(tmp_path / f"{model}_performance.csv")
            files["performance"][-1].write_bytes(csv_bytes(of_model.drop(columns="misses").astype({"class": "Int64"})))
        (tmp_path / "errors.csv").write_text("model,id,path,status,problem\n")
        write_report(
            config, files["predictions"], files["findings"], tmp_path / "errors.csv", tmp_path / "out",
            pictures=pictures, tables={"performance": files["performance"]} | (answers or {}),
        )  # fmt: skip
        outline = Outline((tmp_path / "out/index.html").read_text())
        (first,) = outline.all("section", **{"class": "first"})
        return outline, re.sub(r"\s+", " ", first["text"])

    return make


def test_numbers_are_those_of_the_audited_samples(screen):
    outline, text = screen()
    assert "12 of 20 samples of" in text
    assert "those with split = test or late" in text
    figures = [re.sub(r"\s+", " ", one["text"]).strip() for one in outline.all("p", **{"class": "figure"})]
    assert figures == ["75.0 % right", "33.3 % right"]
    assert "9 of 12 audited samples; 95 % interval 46.8 to 91.1 %." in text
    links = [one["href"] for one in outline.all("a") if "% right" in one["text"]]
    assert links[1].startswith("#/gallery?model=two&col.split=test&col.split=late&correct=wrong")
    # The others, with those for training, stand by themselves below.
    rows = [re.sub(r"\s+", " ", one["text"]).strip() for one in outline.all("tr")]
    assert [row.partition(" ")[0] for row in rows if "75.0 % 9 of 12 100.0 % 8 of 8" in row] == ["one"]


def test_the_difference_of_two_models_stands_first(screen):
    # Only the first is right in 11 to 17 (seven), only the second in 9 and 10: p = 2 (1 + 9 + 36) / 512 = 0.18, twice
    # that for two tests, the other of which is that of the probabilities.
    outline, _ = screen()
    (told,) = outline.all("p", **{"class": "difference"})
    assert (
        told["text"]
        .strip()
        .startswith(
            "No difference is shown between one and two on the same 12 samples: 9 and 4 are right. Only one is right "
            "in 7, only two in 2 (exact McNemar test: p = 0.36, corrected for 2 tests). They predict different classes "
            "for 9 samples."
        )
    )
    (link,) = [one for one in outline.all("a") if "See where they differ" in one["text"]]
    assert link["href"] == "#/compare?other=two"


def test_each_model_shows_its_worst_consequence_with_its_pictures(screen, tmp_path):
    from saliency.audit.pictures import write_pictures

    write_pictures(tmp_path / "one_pictures.json", {4: strip()[1]})
    write_pictures(tmp_path / "two_pictures.json", {})
    weaker = CONSEQUENCE | {"score": 0.4, "sentence": "Tinting …"}
    outline, text = screen(
        ([weaker, CONSEQUENCE | {"row": ["transfer", 4]}, SIGN], [SIGN]),
        pictures={"transfer": [tmp_path / "one_pictures.json", tmp_path / "two_pictures.json"]},
    )
    first, second = (one["text"] for one in outline.all("article"))
    assert "Pasting …" in first
    assert "Tinting …" not in first
    assert "1 further consequence, below." in first
    assert "No consequence was found; 1 weaker sign stands below." in re.sub(r"\s+", " ", second)
    assert "One that turns 30 % of the others into the class would have been found" in second
    images = [one for one in outline.all("img") if "article" in one["inside"]]
    assert len(images) == 2
    assert "1 class was not tested" in text


def test_what_was_not_tested_is_said(screen):
    _, text = screen(transfer=None, faithfulness={}, columns=[])
    told = text.partition("What was not tested")[2]
    assert "8 samples of the manifest are not audited." in told
    assert "It was not tested whether a property of a class's pictures turns others into that class" in told
    assert "whether the maps change when the network forgets" in told
    assert "whether the score falls" not in told
    assert "has no masks" in told
    assert "no column that groups the samples" in told


def test_a_model_is_not_judged_by_what_it_has_learned_from(screen):
    outline, text = screen(where={}, train={"epochs": 1})
    figures = [re.sub(r"\s+", " ", one["text"]).strip() for one in outline.all("p", **{"class": "figure"})]
    assert figures == ["75.0 % right", "33.3 % right"]
    assert "8 more are not counted: the model has learned from them." in text
    _, text = screen(where={"split": "train"}, train={"epochs": 1})
    assert "The model has learned from every audited sample with a label" in text


def test_lowest_recalls_with_links_to_their_samples(screen):
    outline, _ = screen()
    (table,) = [one for one in outline.all("div") if one.get("data-plot") == "recalls"]
    rows = [
        re.sub(r"\s+", " ", one["text"]).strip()
        for one in outline.all("tr")
        if "details" in one["inside"] and "div" in one["inside"]
    ]
    # Of class 0 (8, 10 … 18) the first has 4 of 6 right, the second 2: 8, 12, 14 and 16 are wrong.
    assert "bird (0)67 % 4 of 6, 30 to 90 %33 % 2 of 6, 10 to 70 %" in rows
    links = {one["text"]: one["href"] for one in outline.all("a") if "th" in one["inside"]}
    assert links["bird (0)"] == "#/gallery?label=0&correct=labelled&col.split=test&col.split=late"
    assert links["bird (0), site = a"] == links["bird (0)"] + "&col.site=a"
    assert "Lowest recall" in table["text"]


def test_transfer_tests_of_two_models_are_said_to_be_unpaired_where_there_are_any(screen, tmp_path):
    def sentences():
        settings = re.search(r'id="settings"[^>]*>(.*?)</script>', (tmp_path / "out/index.html").read_text(), re.DOTALL)
        (pair,) = json.loads(settings[1])["comparisons"]
        return " ".join(pair["sentences"])

    screen()
    assert "transfer tests are not compared by a paired test" in sentences()
    screen(transfer=None)
    assert "transfer tests" not in sentences()


def test_what_turns_pictures_in_one_model_alone_stands_first(screen, tmp_path):
    columns = "class,intervention,variant,words,verb,source,target,label,before,after"
    # Twelve pairs of audited samples, and one with a sample that is not audited.
    pairs = [(source, target) for source in (9, 11) for target in range(8, 20, 2)] + [(9, 0)]
    for model, after in (("one", 0), ("two", 1)):
        rows = [f"1,frame,4 %,outer <i>frame</i>,Pasting,s{source},s{target},0,0,{after}" for source, target in pairs]
        (tmp_path / f"{model}_answers.csv").write_text("\n".join([columns, *rows]) + "\n")
    files = {"paired_transfer_table": [tmp_path / f"{model}_answers.csv" for model in ("one", "two")]}
    outline, text = screen(answers=files, paired_transfer={})
    # One of 14 and 13 of 14: 12/14, less 2.394 (of 1 - 0.025 / 3) times the root of (1 - (12/14)²) / 14.
    _, said = (re.sub(r"\s+", " ", one["text"]).strip() for one in outline.all("p", **{"class": "difference"}))
    assert said.startswith(
        "Pasting the outer <i>frame</i> of class '<b>' pictures to 12 others that both models have right costs two 100 "
        "points of recall, and one 0: they become class '<b>' (difference 100 points, 95 % interval 53 to 100; exact "
        "McNemar test: p = 0.0015; both corrected for 3 tests)."
    )
    (link,) = [one for one in outline.all("a") if "See these pictures" in one["text"]]
    targets = "".join(f"&col.id=s{target}" for target in range(8, 20, 2))
    assert link["href"] == f"#/gallery?model=two&other=one{targets}"
    assert "not compared by a paired test" not in text
    # The other tests are corrected for this one as well: 46 / 512 twice, and thrice that.
    assert "(exact McNemar test: p = 0.36, corrected for 3 tests)" in text
    assert "paired_transfer" not in (tmp_path / "out/data/one/tables.js").read_text()
