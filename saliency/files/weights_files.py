"""Which files a checkpoint consists of: large ones come in parts, beside an index or a network that names them."""

import json
from pathlib import Path

from saliency.files.onnx_files import read_onnx
from saliency.files.paths import files_sha256

INDEX = ".index.json"
ONNX = ".onnx"


def weights_files(path: Path) -> list[Path]:
    """Files of a checkpoint: the file itself, and those that it names where it is the index of several.

    Parameters
    ----------
    path
        A checkpoint, the index of one, such as ``model.safetensors.index.json``, or an ONNX file.

    Returns
    -------
    list of Path
        `path` alone where it names no others, or cannot be read.

    Examples
    --------
    >>> [file.name for file in weights_files(Path("model.safetensors"))]
    ['model.safetensors']
    """
    try:
        if path.name.endswith(ONNX):
            return [path, *read_onnx(path).external_files]
        return [path, *dict.fromkeys(weight_map(path).values())] if path.name.endswith(INDEX) else [path]
    # Without onnx, the config has been refused.
    except (OSError, ValueError, ImportError):
        return [path]


def weight_map(path: Path) -> dict[str, Path]:
    """Read an index: the file of each tensor, by the tensor's name.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, is no index, or names a file that does not lie beside it.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    names = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise ValueError("it has no weight_map of tensors and their files")
    for name in names.values():
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise ValueError(f"its weight_map names '{name}', which does not lie beside it")
        if name.endswith(INDEX):
            raise ValueError(f"its weight_map names '{name}', another index")
    return {tensor: path.with_name(name) for tensor, name in names.items()}


def weights_sha256(path: Path) -> str:
    """SHA-256 of a checkpoint's files one after the other, in hexadecimal; of a single file, that of the file."""
    return files_sha256(weights_files(path))
