"""Networks in ONNX and TorchScript files, beside the networks of torch from which they were made."""

import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from saliency.exceptions import DataError
from saliency.experiment import validation
from saliency.experiment.validation import complete_config
from saliency.files.network_files import KINDS
from saliency.files.paths import find_package
from saliency.methods.passes.explainer import Explainer
from saliency.methods.passes.forward_pass import predict
from saliency.methods.passes.score_reader import ScoreReader
from saliency.methods.registered import method, methods
from saliency.networks.load import load_model
from saliency.networks.outputs import checked_scores
from saliency.networks.parameters import parameters_sha256

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit", "ignore:.*legacy TorchScript", "ignore:The feature will")

SEEN = {reach: [name for name, kind in methods().items() if kind.reach in wanted]
        for reach, wanted in {"scores": ["scores"], "gradient": ["scores", "gradient"]}.items()}  # fmt: skip
FEW = {
    "rise": {"masks": 8},
    "occlusion": {"window": 0.5, "stride": 0.25},
    "integrated_gradients": {"steps": 8},
    **{name: {"samples": 3} for name in ("smoothgrad", "smoothgrad_squared", "vargrad")},
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def network(ndim, last=None, classes=5):
    convolution, norm, pool = [
        (nn.Conv2d, nn.BatchNorm2d, nn.AvgPool2d),
        (nn.Conv3d, nn.BatchNorm3d, nn.AvgPool3d),
    ][ndim - 2]
    layers = [convolution(3, 8, 3, stride=2, padding=1), norm(8), nn.ReLU(inplace=True), convolution(8, 6, 3)]
    layers += [nn.ReLU(), pool(3), nn.Flatten(), nn.Linear(6 * 2**ndim, classes), *([last] if last else [])]
    with torch.no_grad():
        layers[1].running_mean.uniform_(-1, 1), layers[1].running_var.uniform_(0.5, 2)
        for layer in (layers[0], layers[3], layers[7]):
            # Scores that differ as those of trained networks do: their differences lose no digits.
            layer.weight *= 4
    return nn.Sequential(*layers).eval()


def as_onnx(model, x, name="net.onnx", batch=None, outputs=("scores",)):
    pytest.importorskip("onnxruntime", reason="the extra 'onnx' brings it")
    axes = {} if batch else {"dynamic_axes": {one: {0: "n"} for one in ("image", *outputs)}}
    torch.onnx.export(model, x[:batch], name, dynamo=False, input_names=["image"], output_names=list(outputs), **axes)
    return load_model(f"onnx:{name}", {}, None)


def as_script(model, x, how):
    script = torch.jit.script(model) if how == "scripted" else torch.jit.trace(model, x)
    torch.jit.save(torch.jit.freeze(script) if how == "frozen" else script, "net.pt")
    return load_model("torchscript:net.pt", {}, None, trust_checkpoint=True)


def maps(model, x, names, classes, **reader):
    explainer = Explainer(
        model, [method(name) for name in names], mode=f"{x.ndim - 2}D", settings=FEW, reader=ScoreReader(**reader)
    )
    with explainer.forward_pass(x) as forward:
        return forward.maps(torch.tensor(classes))


def relative_error(actual, expected):
    return ((actual - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("batch", [None, 1])
@pytest.mark.parametrize("ndim", [2, 3])
def test_onnx_equals_the_network_it_was_exported_from(ndim, batch):
    model, x = network(ndim), torch.randn(3, 3, *[15, 18, 16][:ndim])
    found = as_onnx(model, x, batch=batch)
    assert relative_error(predict(found, x), predict(model, x)) < 1e-5
    expected = maps(model, x, SEEN["scores"], [0, 4, 2])
    of_file = maps(found, x, SEEN["scores"], [0, 4, 2])
    assert list(of_file) == ["occlusion", "rise"]
    for name, values in of_file.items():
        assert relative_error(values, expected[name]) < 1e-5, name
        for row, index in enumerate([0, 4, 2]):
            single = maps(found, x[row : row + 1], [name], [index])[name]
            assert relative_error(single, expected[name][row : row + 1]) < 1e-5, name


@pytest.mark.parametrize("how", ["traced", "scripted", "frozen"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_torchscript_equals_the_network_it_was_made_from(ndim, how):
    model, x = network(ndim), torch.randn(3, 3, *[15, 18, 16][:ndim])
    found = as_script(model, x, how)
    assert relative_error(predict(found, x), predict(model, x)) < 1e-5
    expected = maps(model, x, SEEN["gradient"], [0, 4, 2])
    of_file = maps(found, x, SEEN["gradient"], [0, 4, 2])
    assert {"gradient", "input_x_gradient", "integrated_gradients", "smoothgrad", "rise"} < set(of_file)
    # Not from the third pass on with other bits, as by torch's own way to run it.
    again = [maps(found, x, SEEN["gradient"], [0, 4, 2]) for _ in range(3)]
    for name, values in of_file.items():
        assert relative_error(values, expected[name]) < 1e-5, name
        assert all(torch.equal(values, other[name]) for other in again), name


def test_the_file_stays_as_it_was():
    model, x = network(2), torch.randn(2, 3, 15, 18)
    found = as_script(model.train(), x, "scripted")
    found.train()
    before = {name: value.clone() for name, value in found.state_dict().items()}
    maps(found, x, SEEN["gradient"], [0, 4])
    assert all(module.training for module in found.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in found.parameters())
    assert all(torch.equal(before[name], value) for name, value in found.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_seen_is_refused_by_name(kind):
    model, x = network(2), torch.randn(2, 3, 15, 18)
    found = as_onnx(model, x) if kind == "onnx" else as_script(model, x, "traced")
    with pytest.raises(
        ValueError, match=r"^guided_backprop, gradcam, guided_gradcam cannot be made, since .*: choose "
    ):
        maps(found, x, ["guided_gradcam"], [0, 1])
    if kind == "onnx":
        with pytest.raises(ValueError, match=r"^gradient cannot be made, .* no gradients: choose occlusion or rise$"):
            maps(found, x, ["gradient", "rise"], [0, 1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_the_file_decides_on_the_precision(dtype):
    model, x = network(2), torch.randn(2, 3, 15, 18)
    found = as_onnx(model, x)
    scores = found(x.to(dtype))
    assert scores.dtype == dtype
    assert relative_error(scores.float(), found(x.to(dtype).float())) < (2e-3 if dtype == torch.float16 else 1e-6)
    # ONNX Runtime has no convolutions of double precision for the CPU.
    linear = nn.Sequential(nn.Flatten(), nn.Linear(810, 5)).double()
    double = as_onnx(linear, x.double(), "double.onnx")
    assert relative_error(double(x.double()), linear(x.double()).detach()) < 1e-12


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = network(2)[:7], nn.Linear(24, 5)

    def forward(self, x):
        features = self.body(x)
        return features, self.head(features)


def test_one_of_several_outputs():
    model, x = Two().eval(), torch.randn(3, 3, 15, 18)
    found = as_onnx(model, x, outputs=["pooled", "head.scores"])
    assert list(found(x)) == ["pooled", "1"]
    for output in ("pooled", "1", 1):
        expected = model(x)[output != "pooled"].detach()
        assert relative_error(predict(found, x, reader=ScoreReader(output)), expected) < 1e-5
    with pytest.raises(ValueError, match=r"several tensors that could be its scores: pooled \[3, 24\], 1 \[3, 5\]"):
        predict(found, x)
    named = as_onnx(model, x, "named.onnx", outputs=["pooled", "logits"])
    assert relative_error(predict(named, x), model(x)[1].detach()) < 1e-5
    expected = maps(model, x, ["occlusion"], [0, 4, 2], output=1)["occlusion"]
    assert relative_error(maps(named, x, ["occlusion"], [0, 4, 2])["occlusion"], expected) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("last", "name"), [(nn.Softmax(1), "softmax"), (nn.Sigmoid(), "sigmoid"), (nn.LogSoftmax(1), ""), (None, "")]
)
def test_probabilities_are_told_from_logits(kind, last, name):
    model, x = network(2, last), torch.randn(2, 3, 15, 18)
    found = as_onnx(model, x) if kind == "onnx" else as_script(model, x, "traced")
    if not name:
        assert relative_error(checked_scores("models.net", found, x, ScoreReader()), predict(model, x)) < 1e-5
        return
    message = f"models.net: its scores come from a {name}, .*: set outputs: probabilities, or save the network without"
    with pytest.raises(DataError, match=message):
        checked_scores("models.net", found, x, ScoreReader())
    assert relative_error(checked_scores("", found, x, ScoreReader(outputs="probabilities")), predict(model, x)) < 1e-5


def test_another_shape_is_one_line():
    found = as_onnx(network(2), torch.randn(2, 3, 15, 18))
    for shape in ((2, 3, 15, 19), (2, 1, 15, 18), (2, 3, 15, 18, 4)):
        with pytest.raises(ValueError, match=r"takes an input of shape \['n', 3, 15, 18\], and gets \[2, "):
            predict(found, torch.randn(shape))


class Sum(nn.Module):
    def forward(self, x, other):
        return x.mean((2, 3)) + other.float().mean((2, 3))


def test_files_of_another_kind_are_refused():
    x = torch.randn(4, 3, 8, 8)
    with pytest.raises(DataError, match=r"takes an input of shape \[4, 3, 8, 8\]: export it with an axis of samples"):
        as_onnx(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()), x, batch=4)
    torch.onnx.export(Sum(), (x, x.int()), "two.onnx", dynamo=False, input_names=["a", "b"])
    with pytest.raises(DataError, match=r"takes a \(float\), b \(int32\): export a network with one input"):
        load_model("onnx:two.onnx", {}, None)
    for content in (b"", b"no network at all", Path("two.onnx").read_bytes()[:-7]):
        Path("damaged.onnx").write_bytes(content)
        with pytest.raises(DataError, match=r"^factory 'onnx:damaged.onnx' cannot be run: [^\n]*export it again$"):
            load_model("onnx:damaged.onnx", {}, None)
        Path("damaged.pt").write_bytes(content)
        with pytest.raises(
            DataError, match=r"^factory 'torchscript:damaged.pt' cannot be loaded: [^\n]*torch.jit.save wrote$"
        ):
            load_model("torchscript:damaged.pt", {}, None, trust_checkpoint=True)
    with pytest.raises(DataError, match=r"there is no file 'none\.onnx'"):
        load_model("onnx:none.onnx", {}, None)


def test_without_onnx_runtime_the_extra_is_named(monkeypatch):
    as_onnx(network(2), torch.randn(2, 3, 15, 18))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DataError, match=r"needs the Python package 'onnxruntime': pip install 'nip-saliency\[onnx\]'$"):
        load_model("onnx:net.onnx", {}, None)


@pytest.mark.parametrize("package", ["onnxruntime", "onnx"])
def test_missing_packages_are_named_before_a_run(monkeypatch, package):
    Path("net.onnx").write_bytes(b"")
    monkeypatch.setattr(validation, "find_package", lambda name: None if name == package else find_package(name))
    [line] = problems("onnx:net.onnx")
    place = "config: models.net.factory"
    assert line == f"{place}: the Python package '{package}' is not installed: pip install 'nip-saliency[onnx]'"


def test_tensors_beside_the_file_count():
    onnx = pytest.importorskip("onnx", reason="the extra 'test' brings it")
    x = torch.randn(2, 3, 15, 18)
    model = network(2)
    plain = as_onnx(model, x)
    proto = onnx.load("net.onnx")
    onnx.save(proto, "large.onnx", save_as_external_data=True, location="large.onnx.data", size_threshold=0)
    found = load_model("onnx:large.onnx", {}, None)
    assert torch.equal(found(x), plain(x))
    before = parameters_sha256(found)
    data = np.fromfile("large.onnx.data", dtype=np.uint8)
    data[-4:] = 0
    data.tofile("large.onnx.data")
    assert parameters_sha256(load_model("onnx:large.onnx", {}, None)) != before
    Path("large.onnx.data").unlink()
    with pytest.raises(DataError, match=r"^factory 'onnx:large.onnx' cannot be run: "):
        load_model("onnx:large.onnx", {}, None)


def writes_a_file(x: torch.Tensor) -> torch.Tensor:
    torch.save(x, "written.pt")
    return x.mean((2, 3))


def test_code_in_torchscript_runs_only_where_it_is_trusted():
    torch.jit.save(torch.jit.script(writes_a_file), "net.pt")
    with pytest.raises(DataError, match=r"holds code that runs .* set trust_checkpoint: true if you or people you"):
        load_model("torchscript:net.pt", {}, None)
    assert not Path("written.pt").exists()
    trusted = load_model("torchscript:net.pt", {}, None, trust_checkpoint=True)
    trusted(torch.ones(1, 3, 2, 2))
    assert Path("written.pt").exists()


def problems(factory, methods=("rise",), audit=None, **model):
    Path("m.csv").write_text("id,path,label\na,m.csv,0\n")
    config = {"experiment": "e", "manifest": "m.csv", "methods": list(methods), "audit": audit}
    with warnings.catch_warnings():
        return complete_config(config | {"models": {"net": {"factory": factory, **model}}})[1]


def test_what_cannot_be_had_is_said_before_a_run():
    for name in ("net.onnx", "net.pt"):
        Path(name).write_bytes(b"")
    place = "config: models.net"
    assert problems("onnx:net.onnx") == []
    assert problems("torchscript:net.pt", ["gradient", "rise"], trust_checkpoint=True) == []
    assert problems("onnx:none.onnx") == [f"{place}.factory: there is no file 'none.onnx'"]
    [line] = problems("onnx:net.onnx", ["gradcam", "rise", "integrated_gradients"])
    expected = "gradcam, integrated_gradients cannot be made, since an ONNX file gives scores, but no gradients"
    assert line == f"{place}: {expected}: choose occlusion or rise"
    [line] = problems("torchscript:net.pt", ["guided_gradcam", "gradient"], trust_checkpoint=True)
    assert line.startswith(f"{place}: guided_gradcam cannot be made, since TorchScript hides layers and ReLUs: choose")
    [line] = problems("torchscript:net.pt")
    assert line.startswith(f"{place}.factory: 'net.pt' holds code that runs when it is loaded")
    lines = problems("onnx:net.onnx", kwargs={"a": 1}, weights="net.pt", ignore_lastlayer=True)
    assert [line.partition(": ")[2].partition(":")[0] for line in lines] == [
        "models.net.weights",
        "models.net.kwargs",
        "models.net.ignore_lastlayer",
    ]
    [line] = problems("onnx:net.onnx", audit={"randomisation": {}})
    assert line.startswith("config: audit.randomisation: draws the weights of layers anew, which an ONNX file")


def test_the_guide_names_the_methods_that_work():
    guide = (Path(__file__).parents[2] / "docs" / "networks.md").read_text(encoding="utf-8")
    [row] = [line for line in guide.splitlines() if line.startswith("| methods |")]
    onnx, script = (set(re.findall("`(.*?)`", cell)) for cell in row.split("|")[2:4])
    assert onnx == set(SEEN["scores"])
    assert script == set(SEEN["gradient"]) - onnx
