"""What an ONNX file says of itself: where its tensors lie, and which activations make its outputs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

# Operations that leave the values as they are.
RESHAPING = frozenset({"Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast"})
ACTIVATIONS = {
    "Softmax": "softmax",
    "LogSoftmax": "log-softmax",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "sigmoid",
    "Tanh": "tanh",
}


class OnnxFile(NamedTuple):
    """What is wanted of a file.

    Attributes
    ----------
    external_files
        Files beside it in which its larger tensors lie, in the order in which it names them.
    last_activations
        By the name of each output that a softmax, sigmoid or tanh made, in whatever shape: which of them.
    """

    external_files: tuple[Path, ...]
    last_activations: dict[str, str]


def read_onnx(path: Path) -> OnnxFile:
    """Read what a file says of itself, without its weights in other files.

    Raises
    ------
    ImportError
        If the package onnx is not there.
    OSError, ValueError
        If it cannot be read, is no ONNX file, or names a file that does not lie beside it.
    """
    state = path.stat()
    return _read(path, state.st_size, state.st_mtime_ns)


# Planning asks for each step of a model again.
@lru_cache(maxsize=64)
def _read(path: Path, _size: int, _time: int) -> OnnxFile:
    import onnx
    from google.protobuf.message import DecodeError
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    try:
        model = onnx.load_model(path, format="protobuf", load_external_data=False)
    except DecodeError as error:
        raise ValueError("it ends in the middle, or is no ONNX file") from error
    if not model.graph.output:
        raise ValueError("it has no outputs: it is empty, or no ONNX file")
    tensors = (tensor for tensor in _tensors(model) if uses_external_data(tensor))
    names = dict.fromkeys(ExternalDataInfo(tensor).location for tensor in tensors)
    for name in names:
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise ValueError(f"its tensors lie in '{name}', which does not lie beside it")
    made_by = {name: node for node in model.graph.node for name in node.output}
    activations = {}
    for output in model.graph.output:
        node, seen = made_by.get(output.name), set[str]()
        # A damaged file may lead back to itself.
        while node is not None and node.op_type in RESHAPING and node.input and node.input[0] not in seen:
            seen.add(node.input[0])
            node = made_by.get(node.input[0])
        if node is not None and node.op_type in ACTIVATIONS:
            activations[output.name] = ACTIVATIONS[node.op_type]
    return OnnxFile(tuple(path.with_name(name) for name in names), activations)


def _tensors(message: Any) -> Iterator[Any]:
    """All tensors in a message, also those of branches and loops."""
    if message.DESCRIPTOR.name == "TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in [value] if hasattr(value, "ListFields") else value:
                yield from _tensors(inner)
