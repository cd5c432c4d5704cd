import pytest

from saliency.audit.samples import audited_samples
from saliency.exceptions import DataError
from saliency.experiment.plan import Plan
from tests.helpers.audit_data import write_audit_inputs


def test_samples_of_the_chosen_rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = write_audit_inputs(tmp_path)
    samples, chosen = audited_samples(Plan(config), tmp_path / "metrics.parquet", "predicted")
    assert samples["id"].tolist() == [f"s{row}" for row in range(1, 240, 2)]
    assert samples.index.tolist() == list(range(120))
    assert chosen.nonzero()[0].tolist() == list(range(1, 240, 2))


def test_values_that_no_row_has_are_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = write_audit_inputs(tmp_path)
    config["audit"]["where"] = {"split": "holdout"}
    with pytest.raises(DataError, match=r"audit\.where: no row of the manifest has these values: name"):
        audited_samples(Plan(config), tmp_path / "metrics.parquet", "predicted")
