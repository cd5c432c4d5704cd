"""What an ONNX file says of itself, read without ONNX: planning and digests need no further package for it.

A message of Protocol Buffers is a row of fields, each a number, a type and a value
(https://protobuf.dev/programming-guides/encoding). Only those that are wanted are opened, and weights are passed over.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

# By kind of message of onnx.proto: the fields that hold further messages, and their kind.
INSIDE = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
    "external": {},
}
GRAPH, NODE, OUTPUT = 7, 1, 12
# Messages inside of messages: networks with loops in loops have about twenty.
DEEPEST = 100
# Of a node: names of what it reads and makes, and what it does.
READS, MAKES, DOES = 1, 2, 4
# Operations that leave the values as they are.
RESHAPING = frozenset({"Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast"})
ACTIVATIONS = {
    "Softmax": "softmax",
    "LogSoftmax": "log-softmax",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "sigmoid",
    "Tanh": "tanh",
}


def external_files(path: Path) -> list[Path]:
    """Files beside an ONNX file in which its larger tensors lie, in the order in which it names them.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, is no ONNX file, or names a file that does not lie beside it.
    """
    names: dict[str, None] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for entry in _messages(content, 0, len(content), "model"):
            pair = {field: content[begin:end] for field, begin, end in _fields(content, *entry)}
            if pair.get(1) == b"location":
                names[pair.get(2, b"").decode()] = None
    for name in names:
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise ValueError(f"its tensors lie in '{name}', which does not lie beside it")
    return [path.with_name(name) for name in names]


def last_activations(path: Path) -> dict[str, str]:
    """Names of those outputs of an ONNX file that a softmax, sigmoid or tanh made, in whatever shape, and of which.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or is no ONNX file.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        outputs: list[str] = []
        made_by: dict[str, tuple[str, str]] = {}
        for graph, begin, end in _fields(content, 0, len(content)):
            for field, *place in _fields(content, begin, end) if graph == GRAPH else ():
                if field == OUTPUT:
                    outputs += [content[at:to].decode() for inner, at, to in _fields(content, *place) if inner == 1]
                elif field == NODE:
                    node = [(inner, content[at:to]) for inner, at, to in _fields(content, *place) if inner <= DOES]
                    does = next((value.decode() for inner, value in node if inner == DOES), "")
                    reads = next((value.decode() for inner, value in node if inner == READS), "")
                    made_by |= {value.decode(): (does, reads) for inner, value in node if inner == MAKES}
    found = {}
    for output in outputs:
        does, reads = made_by.get(output, ("", ""))
        while does in RESHAPING:
            does, reads = made_by.get(reads, ("", ""))
        if does in ACTIVATIONS:
            found[output] = ACTIVATIONS[does]
    return found


def _messages(content: mmap.mmap, begin: int, end: int, kind: str, depth: int = 0) -> Iterator[tuple[int, int]]:
    """Places of the entries that say where tensors lie, anywhere in a message."""
    if depth > DEEPEST:
        raise ValueError("it is no ONNX file")
    if kind == "external":
        yield begin, end
        return
    for field, at, to in _fields(content, begin, end):
        if field in INSIDE[kind]:
            yield from _messages(content, at, to, INSIDE[kind][field], depth + 1)


def _fields(content: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number and place of each field of a message that has a length; numbers are passed over."""
    while at < end:
        tag, at = _number(content, at, end)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            _, at = _number(content, at, end)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        elif wire == 2:
            length, at = _number(content, at, end)
            if at + length > end:
                raise ValueError("it ends in the middle, or is no ONNX file")
            yield field, at, at + length
            at += length
        else:
            raise ValueError("it is no ONNX file")


def _number(content: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """A number of variable length, seven bits in each byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("it ends in the middle, or is no ONNX file")
