"""Networks that benchmarks run, what they get, and what time that takes."""

import contextlib
import io
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from saliency import GradCAM

MODELS = ("resnet18", "resnet50", "vgg16", "densenet121", "mobilenet_v2", "r3d_18")
SHAPES = {"r3d_18": (3, 16, 112, 112)}


def noise(name: str, batch: int, device: str) -> Tensor:
    """Make a batch of what the network `name` takes."""
    return torch.rand(batch, *SHAPES.get(name, (3, 224, 224)), generator=torch.Generator().manual_seed(0)).to(device)


def forward(model: nn.Module, x: Tensor) -> Tensor:
    with torch.inference_mode():
        return model(x)


def explained_class(model: nn.Module, x: Tensor) -> int:
    """Return the first class for which no sample's Grad-CAM is zero everywhere, as it easily is with random weights."""
    with GradCAM(model).forward_pass(x) as done:
        for target in range(done.scores.shape[1]):
            cam = done.maps(torch.full((len(x),), target, device=x.device), keep_graph=True)["gradcam"]
            if cam.flatten(1).any(dim=1).all():
                return target
    raise ValueError("Grad-CAM is zero for every class in some sample")


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall time and processor time, in seconds."""
    begin, used = time.perf_counter(), time.process_time()
    with contextlib.redirect_stderr(io.StringIO()):
        work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begin, time.process_time() - used
