"""The same inputs give the same bytes, however the jobs are run."""

import pytest

from tests.helpers.faults import PROJECTS


@pytest.mark.slow
@pytest.mark.parametrize(("name", "other"), [("figures", {}), ("volumes", {}), ("fused", {"execution": "steps"})])
def test_bytes_do_not_depend_on_cores_and_time(tmp_path, name, other):
    one = PROJECTS[name](tmp_path / "one")
    two = one.copy(tmp_path / "two")
    two.write_config(**two.config | other)
    one.run("--cores", "1")
    two.run("--cores", "2")
    first, second = ({k: v for k, v in p.result_digests().items() if k != "provenance.json"} for p in (one, two))
    assert first == second
    assert any(name.endswith((".png", ".nii.gz")) for name in first) or other
