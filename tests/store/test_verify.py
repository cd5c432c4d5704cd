"""`python -m saliency verify`: what is wrong with a store is found, and the next run repairs it."""

import json
import shutil
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from saliency import open_maps
from saliency.__main__ import main
from saliency.experiment.plan import Plan
from saliency.experiment.validation import complete_config
from saliency.files.atomic_files import write_json
from saliency.store.codec import read_shard, write_shard
from saliency.store.layout import plan_specs, write_metadata
from saliency.store.provenance import provenance
from saliency.store.verify import delete_bad, verify
from tests.helpers.shards import fused_store
from tests.helpers.workflow_project import ROOT, Project
from tests.workflow.test_volumes import NETWORK as VOLUME_NETWORK

# Samples of more than 64 KiB, so that there are arrays of either kind: one chunk per shard, and one chunk per sample.
LARGE = {"resize": 76, "crop": 75}
DENSE = ["inputs/c.1.0.0.0", "predicted/guided_backprop/c.0.0.0.0", "predicted/guided_gradcam/c.4.0.0.0"]
SMALL = ["status/c.4", "logits/c.2.0", "predicted/class/c.3", "predicted/gradcam/c.0.0.0"]


def make_store(project):
    """What the workflow's jobs leave in a store, and beside it what `verify` reads; made in the working directory."""
    config, problems = complete_config(project.config)
    assert problems == []
    plan, descriptions = Plan(config), fused_store(config, "tiny", project.store, project.results / "tiny")
    write_metadata(plan, "tiny", project.store, descriptions)
    write_json(provenance(config, [[path] for path in descriptions]), project.results / "provenance.json")
    return plan


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Nine samples in five shards of seven arrays."""
    plots = {"count": 1, "contact_sheets": []}
    folder = tmp_path_factory.mktemp("finished")
    project = Project.create(folder, samples=9, input=LARGE, execution="fused", plots=plots)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        make_store(project)
    return project


@pytest.fixture
def project(finished, tmp_path):
    return finished.copy(tmp_path / "project")


def found(project):
    """Kind and place of each problem."""
    _, problems = verify(project.results)
    return [(problem.kind, problem.path.relative_to(project.results).as_posix()) for problem in problems]


def shards(project):
    return sorted(path for path in project.store.rglob("c.*") if not path.parent.name.startswith("id"))


def flip(path, bit):
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << (bit % 8)
    path.write_bytes(content)


def spec_of(project, name):
    config = json.loads((project.results / "provenance.json").read_text())["config"]
    descriptions = [project.results / "tiny" / file for file in ("model.json", "target_layer.json")]
    return plan_specs(Plan(config), "tiny", descriptions)[name]


def test_finished_store_is_in_order(finished):
    counts, problems = verify(finished.results)
    assert problems == []
    assert len(shards(finished)) == 35
    assert [(count.shards, count.samples, count.ok) for count in counts] == [(5, 9, 5)] * 7
    assert sum(count.bytes for count in counts) == sum(path.stat().st_size for path in shards(finished))
    metadata = json.loads((finished.store / "inputs" / "zarr.json").read_text())
    assert metadata["codecs"][0]["name"] == "sharding_indexed"


def test_command_needs_no_torch_and_exits_with_0(finished):
    code = "import sys; from saliency.__main__ import main; code = main(sys.argv[1:]); "
    code += "sys.exit(3 if 'torch' in sys.modules else code)"
    done = subprocess.run(
        [sys.executable, "-c", code, "verify", "results/test"],
        cwd=finished.folder, env=finished.environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    columns = "model array shards samples ok missing damaged out of date MB"
    assert lines[0].split() == columns.split()
    assert lines[1].split()[:8] == ["tiny", "inputs", "5", "9", "5", "0", "0", "0"]
    assert lines[-1] == "0 problem(s) found"


def test_exit_status(project, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["verify"])
    assert caught.value.code == 2
    assert main(["verify", str(project.folder)]) == 2
    assert "holds neither provenance.json nor a store" in capsys.readouterr().err
    (project.store / "status" / "c.0").unlink()
    assert main(["verify", str(project.results)]) == 1
    path = project.store / "status" / "c.0"
    assert f"{path}: missing: there is no such shard; run the workflow to make it\n" in capsys.readouterr().out


@pytest.mark.parametrize("tries", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_flipped_bit_is_found_and_deleted(project, tries):
    generator = np.random.default_rng(tries)
    paths = shards(project)
    for _ in range(tries):
        path = paths[generator.integers(len(paths))]
        whole = path.read_bytes()
        flip(path, generator.integers(8 * len(whole)))
        _, problems = verify(project.results)
        assert [(problem.kind, problem.path) for problem in problems] == [("damaged", path)]
        assert delete_bad(problems) == [path]
        assert not path.exists()
        path.write_bytes(whole)


@pytest.mark.slow
def test_thirty_damaged_shards_are_made_again(project, capsys):
    before = project.digests()
    project.run()
    assert project.digests() == before
    generator = np.random.default_rng(0)
    paths = shards(project)
    chosen = sorted(paths[number] for number in generator.permutation(len(paths))[:30])
    for path in chosen:
        flip(path, generator.integers(8 * path.stat().st_size))
    orphan = project.store / "inputs" / ".c.0.0.0.0.abcd1234.tmp"
    orphan.write_bytes(b"half")
    assert sorted(found(project)) == sorted(
        [("temporary", orphan.relative_to(project.results).as_posix())]
        + [("damaged", path.relative_to(project.results).as_posix()) for path in chosen]
    )
    assert main(["verify", str(project.results), "--delete-bad"]) == 1
    assert sorted(capsys.readouterr().out.splitlines()[-31:]) == sorted(f"deleted {path}" for path in [*chosen, orphan])
    assert not any(path.exists() for path in [*chosen, orphan])
    project.run()
    assert project.digests() == before
    assert found(project) == []


@pytest.mark.parametrize("key", [*DENSE, *SMALL])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content + b"\0",
        lambda content: content + content,
        lambda content: bytes(len(content)),
        lambda content: b"<!DOCTYPE html>",
    ],
    ids=["empty", "cut", "half", "appended", "doubled", "zeros", "text"],
)
def test_other_damage_is_found_and_never_read_as_values(finished, tmp_path, key, damage):
    path = tmp_path / "shard"
    path.write_bytes(damage((finished.store / key).read_bytes()))
    name = key.rpartition("/")[0]
    with pytest.raises(Exception, match=r"shard (is empty|has a wrong checksum)"):
        read_shard(path, 2, spec_of(finished, name))


def test_damaged_shards_are_never_read_as_fill_values(project):
    maps = open_maps(project.store)
    for key in [*DENSE, *SMALL]:
        path = project.store / key
        path.write_bytes(path.read_bytes()[:-1])
        name, _, file = key.rpartition("/")
        row = 2 * int(file.split(".")[1])
        with pytest.raises(ValueError, match="checksum"):
            maps[name][row]
        path.write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"7 shards are missing: .*inputs/c\.1\.0\.0\.0"):
        open_maps(project.store)
    assert len(found(project)) == 7
    for key in [*DENSE, *SMALL]:
        (project.store / key).unlink()
    with pytest.raises(FileNotFoundError, match="7 shards are missing"):
        open_maps(project.store)
    assert sorted(found(project)) == sorted(("missing", f"tiny.zarr/{key}") for key in [*DENSE, *SMALL])


def rewrite(project, name, number, change):
    """Write a shard with changed values and a right checksum."""
    spec = spec_of(project, name)
    (path,) = (project.store / name).glob(f"c.{number}*")
    values = read_shard(path, 1 if number == 4 else 2, spec)
    write_shard(path, change(values), spec)
    return "damaged", path.relative_to(project.results).as_posix()


def with_nan(values):
    values[0].flat[1] = np.nan
    return values


@pytest.mark.parametrize(
    "name", ["inputs", "logits", "predicted/gradcam", "predicted/guided_backprop", "predicted/guided_gradcam"]
)
def test_values_that_are_not_finite_are_found(project, name):
    assert rewrite(project, name, 4, with_nan) in found(project)


@pytest.mark.parametrize("value", [99, -1])
@pytest.mark.parametrize("name", ["status", "predicted/class"])
def test_values_that_mean_nothing_are_found(project, name, value):
    assert rewrite(project, name, 1, lambda values: np.full_like(values, value)) in found(project)


def test_failed_sample_with_values_is_found(project):
    rewrite(project, "status", 0, lambda values: np.full_like(values, 2))
    damaged = {path.split("/c.")[0] for kind, path in found(project) if kind == "damaged"}
    assert damaged == {"tiny.zarr/inputs", "tiny.zarr/logits", "tiny.zarr/predicted/class"}


def test_shards_of_another_size_are_found(project):
    for name in ("status", "inputs"):
        spec = spec_of(project, name)
        (path,) = (project.store / name).glob("c.0*")
        other = type(spec)(spec.shape, spec.dtype, spec.dimension_names, 4)
        write_shard(path, np.zeros((4, *spec.shape), spec.dtype), other)
    _, problems = verify(project.results)
    assert {problem.path.parent.name for problem in problems} == {"status", "inputs"}
    assert "shard_size" in str(problems[1])


def test_changed_photograph_and_manifest_are_out_of_date(project):
    project.write_image(3, seed=1)
    problems = found(project)
    assert {kind for kind, _ in problems} == {"out of date"}
    assert sorted(path.removeprefix("tiny.zarr/") for _, path in problems) == sorted(
        path.relative_to(project.store).as_posix() for path in project.store.rglob("c.1*")
    )
    assert delete_bad(verify(project.results)[1]) == []
    project.image(3).write_bytes(b"")
    with project.manifest.open("a") as file:
        file.write("s9,s9.png,0,site 0\n")
    project.write_image(9)
    kinds = {path.split("/c.")[1][0] for kind, path in found(project) if kind == "out of date"}
    assert kinds == {"1", "4"}


def test_shrunken_manifest_leaves_shards_that_nobody_lists(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    record = project.results / "provenance.json"
    lines = project.manifest.read_text().splitlines()
    project.manifest.write_text("\n".join(lines[:7]) + "\n")
    assert {kind for kind, _ in found(project)} == {"out of date"}
    # As the rules of the next run do; the shards that are left stay as they are.
    config = json.loads(record.read_text())["config"]
    descriptions = [project.results / "tiny" / name for name in ("model.json", "target_layer.json")]
    write_metadata(Plan(config), "tiny", project.store, descriptions)
    write_json(provenance(config, [[path] for path in descriptions]), record)
    problems = found(project)
    assert len(problems) == 14
    assert {(kind, path.split("/c.")[1][0]) for kind, path in problems} == {("not listed", "3"), ("not listed", "4")}
    assert delete_bad(verify(project.results)[1]) == []


def test_files_that_do_not_belong_are_listed(project):
    (project.store / "notes.txt").write_text("")
    (project.store / "label" / "gradcam").mkdir(parents=True)
    (project.store / "label" / "gradcam" / "c.0.0.0").write_text("")
    shutil.copytree(project.store, project.results / "other.zarr")
    (project.results / ".provenance.json.0123abcd.tmp").write_text("")
    assert sorted(found(project)) == [
        ("not listed", "other.zarr"),
        ("not listed", "tiny.zarr/label/gradcam/c.0.0.0"),
        ("not listed", "tiny.zarr/notes.txt"),
        ("temporary", ".provenance.json.0123abcd.tmp"),
    ]


METADATA = ["zarr.json", "id/zarr.json", "predicted/zarr.json", "inputs/zarr.json", "predicted/gradcam/zarr.json"]


@pytest.mark.parametrize("key", [*METADATA, "id/c.0", "id_bytes/zarr.json", "id_bytes/c.0.0"])
def test_missing_and_damaged_metadata_are_found(project, key):
    path = project.store / key
    whole = path.read_bytes()
    path.unlink()
    assert found(project) == [("missing", f"tiny.zarr/{key}")]
    for bit in np.random.default_rng(0).integers(8 * len(whole), size=5):
        path.write_bytes(whole)
        flip(path, bit)
        assert found(project) == [("damaged", f"tiny.zarr/{key}")]


def test_any_flipped_bit_of_the_ids_is_found(project):
    path = project.store / "id" / "c.0"
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        path.write_bytes(whole)
        flip(path, bit)
        with pytest.raises(ValueError, match="checksum"):
            open_maps(project.store)


@pytest.mark.parametrize("name", ["model.json", "target_layer.json"])
def test_description_that_is_not_the_recorded_one_is_found(project, name):
    path = project.results / "tiny" / name
    path.write_text(path.read_text().replace("12", "13").replace("5", "6").replace('"second"', '"first"'))
    assert found(project) == [("damaged", f"tiny/{name}")]
    path.write_text("{")
    assert found(project) == [("damaged", f"tiny/{name}")]
    path.unlink()
    assert found(project) == [("missing", f"tiny/{name}")]


def test_without_provenance_the_layout_comes_from_zarr(project):
    (project.results / "provenance.json").unlink()
    path = project.store / "predicted" / "gradcam" / "c.1.0.0"
    flip(path, 100)
    assert found(project) == [("missing", "provenance.json"), ("damaged", "tiny.zarr/predicted/gradcam/c.1.0.0")]
    shutil.rmtree(project.store)
    project.store.mkdir()
    assert found(project) == [("missing", "provenance.json"), ("missing", "tiny.zarr/zarr.json")]


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"config": {}}', '{"config": {"manifest": 3}}', '{"config": {"models": {"../../x": {}}}}'],
)
def test_broken_provenance_is_reported(project, content):
    (project.results / "provenance.json").write_text(content)
    assert found(project) == [("damaged", "provenance.json")]


def test_provenance_cannot_point_outside_its_folder(project):
    path = project.results / "provenance.json"
    outside = project.folder / "x.zarr" / "inputs" / "c.0.0.0.0"
    outside.parent.mkdir(parents=True)
    outside.write_bytes(b"mine")
    path.write_text(path.read_text().replace('"tiny": {', '"../../x": {'))
    assert main(["verify", str(project.results), "--delete-bad"]) == 1
    assert outside.read_bytes() == b"mine"


def test_nothing_is_deleted_while_snakemake_holds_its_lock(project, capsys):
    flip(project.store / "status" / "c.0", 3)
    lock = project.folder / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    assert main(["verify", str(project.results), "--delete-bad"]) == 2
    assert "a run is going on" in capsys.readouterr().err
    assert (project.store / "status" / "c.0").exists()
    assert main(["verify", str(project.results)]) == 1


def test_volumes_in_double_precision_with_failed_samples(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "volume_network.py").write_text(VOLUME_NETWORK)
    generator = np.random.default_rng(0)
    rows = ["id,path,label"]
    for number in range(3):
        values = generator.normal(size=(14, 14, 12, 2)).astype(np.float32)
        nib.save(nib.Nifti1Image(values, np.eye(4)), f"data/v{number}.nii")
        rows.append(f"v{number},v{number}.nii,{'' if number == 2 else number}")
    (tmp_path / "data" / "v1.nii").write_bytes(b"broken")
    project.manifest.write_text("\n".join(rows) + "\n")
    project.write_config(
        input={"mode": "3D", "channels": 2, "crop": [14, 14, 12], "intensity_over": "all"},
        models={"tiny": {"factory": "volume_network:Network"}},
        precision="float64",
        on_error="skip",
        targets=["predicted", "label", 2],
    )
    plan, results = make_store(project), project.results
    counts, problems = verify(results)
    assert problems == []
    assert {count.array: (count.shards, count.samples) for count in counts} == dict.fromkeys(plan.arrays, (2, 3))
    assert "affine" in plan.arrays
    flip(project.store / "affine" / "c.0.0.0", 200)
    rewrite(project, "label/class", 0, lambda values: values + 1)
    kinds = set(found(project))
    assert ("damaged", "tiny.zarr/affine/c.0.0.0") in kinds
    assert ("damaged", "tiny.zarr/label/class/c.0") in kinds


def test_store_of_an_earlier_version_is_in_order(project):
    """A key that this version added is not in its record, and has its default; nor are there ids in numbers."""
    shutil.rmtree(project.store / "id_bytes")
    record = project.results / "provenance.json"
    content = json.loads(record.read_text())
    del content["config"]["method_settings"]
    record.write_text(json.dumps(content))
    assert found(project) == []


def test_working_directory_stays_as_it_is(project, tmp_path, monkeypatch):
    """Other threads of a notebook would be moved as well."""

    def refuse(path):
        raise AssertionError(f"chdir to {path}")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.chdir", refuse)
    counts, problems = verify(project.results)
    assert problems == []
    assert sum(count.ok for count in counts) == sum(count.shards for count in counts) > 0


def test_help_names_the_exit_status(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["verify", "--help"])
    assert caught.value.code == 0
    assert "Exit status: 0 if all is well" in capsys.readouterr().out
    assert (ROOT / "saliency" / "__main__.py").is_file()


def test_shards_of_another_network_version_or_processor_are_named(project):
    logs = project.results / "logs" / "tiny"
    for folder, number, torch, network in [
        ("fused", 0, "2.9", "abc"),
        ("fused", 1, "2.9", "abc"),
        ("fused", 2, "2.8", "abc"),
        ("fused", 4, "2.9", "def"),
        # Of no shard that there is now, and of another kind of execution.
        ("fused", 5, "1.0", "ghi"),
        ("predict", 0, "1.0", "ghi"),
    ]:
        path = logs / folder / f"{number}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f'2026-01-01 00:00:00 INFO made with {{"processor": "x86_64 avx2", "torch": "{torch}"}}\n'
            "2026-01-01 00:00:01 INFO made with care\n"
            f'2026-01-01 00:00:02 INFO made with {{"network": "{network}"}}\n'
        )
    _, problems = verify(project.results)
    assert [str(problem).partition("results/test/")[2].removesuffix(" to you") for problem in problems] == [
        f"logs/tiny/fused/{number}.log: mixed: shards of tiny were made with another {name} than others: {said}; this "
        "job with the rarest; delete the shards of one kind and run the workflow, unless the difference does not matter"
        for name, number, said in [
            ("network", 4, "abc (3 jobs), def (1 job)"),
            ("torch", 2, "2.9 (3 jobs), 2.8 (1 job)"),
        ]
    ]
