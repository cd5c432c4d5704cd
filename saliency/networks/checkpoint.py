"""Reading the file of a checkpoint. Nothing in it runs unless it is trusted."""

import re
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import load_file

from saliency.exceptions import DataError
from saliency.files.one_line import one_line
from saliency.files.weights_files import INDEX, weight_map

# What files that are no checkpoint begin with.
OTHER_FILES = {
    b"\x89HDF": "are an HDF5 file (Keras?)",
    b"\x1f\x8b": "are a gzip file, to be unpacked first",
    b"GGUF": "are a GGUF file, of quantised weights",
    b"version https://git-lfs": "are a pointer of Git LFS, not the file (git lfs pull)",
    b"<!DOCTYPE": "are a web page",
    b"<html": "are a web page",
    b"\x93NUMPY": "are a NumPy array",
}


class _NotRead:
    """Stands for what a pickle makes of a class of which only the name is allowed; takes anything, keeps nothing."""

    def __new__(cls, *_: Any) -> "_NotRead":
        """Ignore the arguments."""
        return super().__new__(cls)

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


def _empty_dict(*_: Any) -> dict[Any, Any]:
    return {}


# What training scripts leave beside tensors. None of these is called: a pickle that names one gets what stands for it.
STAND_INS: dict[str, Callable[..., Any]] = {
    **{
        f"numpy.{core}.multiarray.{function}": _NotRead
        for core in ("core", "_core")
        for function in ("scalar", "_reconstruct")
    },
    **{
        f"pathlib.{module}{kind}": _NotRead
        for module in ("", "_local.")
        for kind in ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")
    },
    **{f"builtins.{name}": _NotRead for name in ("dict", "list", "int", "float")},
    "numpy.dtype": _NotRead,
    "numpy.ndarray": _NotRead,
    "argparse.Namespace": _NotRead,
    "torch.torch_version.TorchVersion": _NotRead,
    "collections.defaultdict": _empty_dict,
}


def read_checkpoint(path: Path, name: str, trust: bool = False) -> Any:
    """Read what a checkpoint holds, on the CPU.

    Parameters
    ----------
    path
        A ``.safetensors`` file, what ``torch.save`` wrote, or the index (``.index.json``) of a checkpoint in parts.
    name
        What messages call it.
    trust
        Run whatever code is in a pickle (``weights_only=False``). Otherwise a pickle makes tensors and plain containers
        only; numbers of NumPy, arguments of a script and paths beside them are passed over, all else is refused.

    Returns
    -------
    Any
        Mostly nested dicts of tensors.

    Raises
    ------
    DataError
        If it cannot be read, or would run code.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> with TemporaryDirectory() as folder:
    ...     torch.save({"weight": torch.ones(2), "loss": np.float64(0.5)}, f"{folder}/w.pt")
    ...     list(read_checkpoint(Path(folder, "w.pt"), "w.pt"))
    ['weight', 'loss']
    """
    if path.is_dir():
        raise DataError(
            f"weights '{name}' are a folder: name the file in it (model.safetensors, model.safetensors.index.json, …)"
        )
    if path.name.endswith(INDEX):
        return _read_parts(path, name, trust)
    try:
        with path.open("rb") as file:
            begin = file.read(64)
        for mark, words in OTHER_FILES.items():
            if begin.startswith(mark):
                raise DataError(f"weights '{name}' {words}: name a .safetensors file or what torch.save wrote")
        if path.suffix == ".safetensors" and begin.startswith(b"PK"):
            raise DataError(f"weights '{name}' were written by torch.save, not as safetensors: rename the file to .pt")
        # The length of a header, and how it begins.
        if path.suffix == ".safetensors" or begin[8:10] == b'{"':
            return load_file(path)
        with torch.serialization.safe_globals([(stands, of) for of, stands in STAND_INS.items()]):
            return torch.load(path, map_location="cpu", weights_only=not trust)
    except DataError:
        raise
    # Readers raise what they like on broken files, and so does the code of trusted ones.
    except Exception as error:
        raise DataError(one_line(f"weights '{name}' {_why(error, trust)}")) from error


def _why(error: Exception, trust: bool) -> str:
    text = str(error)
    if "TorchScript archive" in text:
        return (
            "are a TorchScript archive (torch.jit.save): save torch.jit.load(file).state_dict(); trust_checkpoint: "
            "true does so here, and runs any code that is in it"
        )
    if trust and isinstance(error, (AttributeError, ImportError)):
        return (
            f"were saved with a class that is not there ({_short(error)}): save model.state_dict() in the place where "
            "the class is known, or put its module beside the place where Snakemake runs"
        )
    if trust or not isinstance(error, UnpicklingError):
        return f"cannot be read ({_short(error)}): replace the file"
    if "DTensor" in text:
        return "hold DTensors, parts of tensors: save a full state dict (get_model_state_dict, full_state_dict=True)"
    code = re.search(r"GLOBAL (\S+)", text)
    wrong = f"hold more than tensors (loading calls {code[1]})" if code else "are damaged, or no checkpoint of tensors"
    return (
        f"{wrong}: save model.state_dict(), or use .safetensors; trust_checkpoint: true loads the file all the same, "
        "and runs any code that is in it"
    )


def _short(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _read_parts(path: Path, name: str, trust: bool) -> dict[str, Any]:
    try:
        files = weight_map(path)
    except (OSError, ValueError) as error:
        message = f"weights '{name}' are no index of a checkpoint in parts ({_short(error)}): replace the file"
        raise DataError(one_line(message)) from error
    found: dict[str, Any] = {}
    for part in dict.fromkeys(files.values()):
        if not part.is_file():
            raise DataError(one_line(f"weights '{name}' lack the part '{part.name}': put it beside the index"))
        content = read_checkpoint(part, f"{name}, part {part.name}", trust)
        wanted = [tensor for tensor, file in files.items() if file == part]
        missing = [tensor for tensor in wanted if not isinstance(content, dict) or tensor not in content]
        if missing:
            message = f"the part '{part.name}' lacks {missing[0]}, which the index names: replace both"
            raise DataError(one_line(f"weights '{name}': {message}"))
        found |= {tensor: content[tensor] for tensor in wanted}
    return found
