"""A network in an ONNX file, which ONNX Runtime runs."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saliency.exceptions import DataError, in_one_line
from saliency.files.network_files import KINDS
from saliency.files.onnx_files import read_onnx
from saliency.methods.passes.black_box import BlackBox

INSTALL = "pip install 'nip-saliency[onnx]'"
# Numbers that an image can be given in, by what ONNX Runtime calls them.
TYPES = {"tensor(float16)": torch.float16, "tensor(float)": torch.float32, "tensor(double)": torch.float64}


class OnnxNetwork(BlackBox):
    """A network in an ONNX file: it takes ``[n, c, *spatial]``, and returns its output, or its outputs by name.

    It computes in the precision of the file, whatever that of its input, on the CPU, or on the GPU on which its input
    lies if ONNX Runtime knows CUDA. A file for batches of one gets its samples one by one.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    DataError
        If ONNX Runtime is not there, or the file cannot be run as a network with one image as its input.
    """

    kind = KINDS["onnx"]

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._session: tuple[tuple[str, int], Any] | None = None
        self._activations: dict[int, str] = {}
        try:
            self._last = read_onnx(path).last_activations
            session = self._on("cpu")
        except DataError:
            raise
        except ImportError as error:
            raise DataError(f"factory 'onnx:{path}' needs the Python package '{error.name}': {INSTALL}") from error
        # ONNX Runtime has an exception of its own for each kind of failure.
        except Exception as error:
            raise DataError(
                f"factory 'onnx:{path}' cannot be run: {in_one_line(error)}: replace the file, or export it again"
            ) from error
        inputs = session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in TYPES:
            said = ", ".join(f"{one.name} {one.type.removeprefix('tensor')}" for one in inputs)
            raise DataError(
                f"factory 'onnx:{path}' takes {said or 'nothing'}: export a network with one input, floating point "
                "numbers [n, c, *spatial]"
            )
        self._input, self._dtype, self._shape = inputs[0].name, TYPES[inputs[0].type], inputs[0].shape
        # Names of axes, and what is not known, are no numbers.
        batch = self._shape[0] if self._shape else 0
        self._one_by_one = batch == 1
        if isinstance(batch, int) and batch != 1:
            raise DataError(
                f"factory 'onnx:{path}' takes an input of shape {self._shape}: export it with an axis of samples of "
                "any length, or of 1"
            )

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        """Run the file on ``[n, c, *spatial]``.

        Returns
        -------
        Tensor or dict
            Of the type of `x` and on its device; several outputs by name, or by index where a name has dots.

        Raises
        ------
        ValueError
            If the file takes another shape.
        """
        fixed = [size if isinstance(size, int) else None for size in self._shape[1:]]
        if len(self._shape) != x.ndim or any(
            want not in (None, size) for want, size in zip(fixed, x.shape[1:], strict=True)
        ):
            raise ValueError(f"the ONNX file takes an input of shape {self._shape}, and gets {list(x.shape)}")
        session = self._on(x.device.type)
        values = x.detach().to("cpu", self._dtype).contiguous().numpy()
        parts = np.split(values, len(values)) if self._one_by_one else [values]
        runs = [session.run(None, {self._input: part}) for part in parts]
        outputs = [output.name for output in session.get_outputs()]
        found = {}
        self._activations = {}
        for number, name in enumerate(outputs):
            of_parts = [run[number] for run in runs]
            if not all(isinstance(one, np.ndarray) and one.ndim for one in of_parts):
                continue
            tensor = torch.from_numpy(np.concatenate(of_parts))
            tensor = tensor.to(x.device, x.dtype if tensor.is_floating_point() else None)
            if name in self._last:
                self._activations[tensor.data_ptr()] = self._last[name]
            found[str(number) if "." in name else name] = tensor
        return next(iter(found.values())) if len(outputs) == len(found) == 1 else found

    def activation(self, scores_of: Any, x: Tensor) -> str:
        """Read it off the file."""
        scores = scores_of(x)
        return self._activations.get(scores.data_ptr(), "")

    def _on(self, device: str) -> Any:
        """What runs the file on a device, with as many threads as torch has."""
        asked = (device, torch.get_num_threads())
        if self._session is None or self._session[0] != asked:
            self._session = None
            self._session = asked, _session(self._path, *asked)
        return self._session[1]


def _session(path: Path, device: str, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.use_deterministic_compute = True
    # Errors come as exceptions.
    options.log_severity_level = 4
    cuda = ["CUDAExecutionProvider"] if device == "cuda" else []
    known = onnxruntime.get_available_providers()
    providers = [name for name in (*cuda, "CPUExecutionProvider") if name in known]
    return onnxruntime.InferenceSession(os.fspath(path), options, providers=providers)
