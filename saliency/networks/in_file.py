"""Loading a network that comes as one file."""

import warnings
from pathlib import Path

import torch

from saliency.exceptions import DataError, in_one_line
from saliency.files.network_files import NetworkFile
from saliency.files.paths import no_file, resolve
from saliency.files.weights_files import weights_sha256
from saliency.methods.passes.black_box import BlackBox, TorchScriptNetwork
from saliency.networks.onnx_network import OnnxNetwork


def network_in_file(kind: NetworkFile, name: str, trust: bool = False) -> BlackBox:
    """Load a network from a file.

    Parameters
    ----------
    kind, name
        Of `saliency.files.network_files.network_file`; ``package://…`` works too.
    trust
        Load it even if it holds code. That of a TorchScript archive runs while it is loaded, and can write files.

    Returns
    -------
    BlackBox
        On the CPU, with the SHA-256 of its files in the buffer ``sha256``.

    Raises
    ------
    DataError
        If it cannot be loaded, or would have to be trusted.
    """
    factory = f"{kind.prefix}:{name}"
    try:
        path = resolve(name, Path())
    except FileNotFoundError as error:
        raise DataError(f"factory '{factory}': {error}") from error
    if not path.is_file():
        raise DataError(f"factory '{factory}': {no_file(name, Path())}")
    if kind.code and not trust:
        raise DataError(
            f"factory '{factory}' holds code that runs when it is loaded, and can write files: set trust_checkpoint: "
            "true if you or people you trust made it"
        )
    network = OnnxNetwork(path) if kind.prefix == "onnx" else _torchscript(factory, path)
    # It stands for the parameters, of which an ONNX file and frozen TorchScript show none.
    network.register_buffer("sha256", torch.tensor(list(bytes.fromhex(weights_sha256(path))), dtype=torch.uint8))
    return network


def _torchscript(factory: str, path: Path) -> TorchScriptNetwork:
    try:
        with warnings.catch_warnings():
            # Torch calls TorchScript deprecated, which does not help whoever has a file of it.
            warnings.simplefilter("ignore")
            return TorchScriptNetwork(torch.jit.load(path, map_location="cpu"))
    # Code of others.
    except Exception as error:
        raise DataError(
            f"factory '{factory}' cannot be loaded: {in_one_line(error)}: name what torch.jit.save wrote"
        ) from error
