"""What is read off ONNX files."""

from pathlib import Path

import numpy as np
import pytest

from saliency.files.onnx_files import read_onnx
from saliency.files.weights_files import weights_files

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def model(nodes, weights=(), outputs=("y",)):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", *outputs)]
    tensors = [numpy_helper.from_array(value, name) for name, value in weights]
    return helper.make_model(helper.make_graph(nodes, "graph", ends[:1], ends[1:], tensors))


def test_tensors_in_other_files_are_found_wherever_they_stand(tmp_path):
    values = np.arange(600, dtype=np.float32).reshape(20, 30)
    constant = helper.make_node("Constant", [], ["inner"], value=numpy_helper.from_array(values, "inside"))
    scalar = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
    branch = helper.make_graph([constant], "branch", [], [scalar])
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["mid"]),
        helper.make_node("If", ["flag"], ["y"], then_branch=branch, else_branch=branch),
    ]
    proto = model(nodes, [("w", values.T.copy()), ("flag", np.array(True))])
    files = iter(["first.bin", "second.bin"])
    for tensor in (proto.graph.initializer[0], proto.graph.node[1].attribute[0].g.node[0].attribute[0].t):
        onnx.external_data_helper.set_external_data(tensor, location=next(files))
        (tmp_path / "first.bin").write_bytes(values.tobytes())
        (tmp_path / "second.bin").write_bytes(values.tobytes())
        tensor.ClearField("raw_data")
    (tmp_path / "net.onnx").write_bytes(proto.SerializeToString())
    found = read_onnx(tmp_path / "net.onnx").external_files
    assert sorted(path.name for path in found) == ["first.bin", "second.bin"]
    assert weights_files(tmp_path / "net.onnx") == [tmp_path / "net.onnx", *found]
    # Those of onnx itself are read from the same places.
    onnx.load(tmp_path / "net.onnx")


def test_the_last_operation_of_each_output(tmp_path):
    nodes = [
        helper.make_node("Softmax", ["x"], ["soft"]),
        helper.make_node("Squeeze", ["soft"], ["a"]),
        helper.make_node("Sigmoid", ["x"], ["b"]),
        helper.make_node("Add", ["b", "x"], ["c"]),
        helper.make_node("Identity", ["x"], ["d"]),
    ]
    Path(tmp_path / "net.onnx").write_bytes(model(nodes, outputs=["a", "b", "c", "d"]).SerializeToString())
    assert read_onnx(tmp_path / "net.onnx").last_activations == {"a": "softmax", "b": "sigmoid"}


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", ""])
def test_files_elsewhere_are_refused(tmp_path, name):
    proto = model([helper.make_node("MatMul", ["x", "w"], ["y"])], [("w", np.ones((2, 2), np.float32))])
    tensor = proto.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, location=name)
    tensor.ClearField("raw_data")
    (tmp_path / "net.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ValueError, match="which does not lie beside it"):
        read_onnx(tmp_path / "net.onnx")
    assert weights_files(tmp_path / "net.onnx") == [tmp_path / "net.onnx"]


def test_damaged_files_raise_a_value_error_only(tmp_path):
    whole = model([helper.make_node("Softmax", ["x"], ["y"])], [("w", np.ones(50, np.float32))]).SerializeToString()
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        damaged = bytearray(whole)
        for place in generator.integers(len(whole), size=3):
            damaged[place] = generator.integers(256)
        (tmp_path / "net.onnx").write_bytes(damaged[: generator.integers(1, len(whole) + 1)])
        try:
            read_onnx(tmp_path / "net.onnx")
        except ValueError:
            refused += 1
    assert refused > 100
    (tmp_path / "net.onnx").write_bytes(b"")
    with pytest.raises(ValueError, match="empty"):
        read_onnx(tmp_path / "net.onnx")


def test_messages_inside_of_themselves_end(tmp_path):
    content = b""
    for _ in range(2000):
        # A graph in an attribute of a node of a graph.
        for field in (6, 5, 1):
            content = bytes([field << 3 | 2]) + _length(len(content)) + content
    (tmp_path / "net.onnx").write_bytes(bytes([7 << 3 | 2]) + _length(len(content)) + content)
    with pytest.raises(ValueError, match="no ONNX file"):
        read_onnx(tmp_path / "net.onnx")


def _length(value):
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])
