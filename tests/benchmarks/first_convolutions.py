"""Gradients of first convolutions with respect to their input: `python -m tests.benchmarks.first_convolutions`.

Least processor time of a batch of 4: forward, backward by torch, and backward by
`saliency.methods.passes.input_gradient`.
"""

import time
from collections.abc import Callable

import pandas as pd
import torch
from torch import nn

from saliency.methods.passes.input_gradient import strided_convolution_gradient
from tests.benchmarks.markdown import markdown

LAYERS = {
    "resnet, 7x7, stride 2": (nn.Conv2d(3, 64, 7, 2, 3, bias=False), (3, 224, 224)),
    "mobilenet_v2, 3x3, stride 2": (nn.Conv2d(3, 32, 3, 2, 1, bias=False), (3, 224, 224)),
    "r3d_18, 3x7x7, stride 1x2x2": (nn.Conv3d(3, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False), (3, 16, 112, 112)),
}


def milliseconds(work: Callable[[], object], repeats: int = 3) -> float:
    work()
    found = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        found.append(time.process_time() - begin)
    return 1000 * min(found)


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for label, (layer, shape) in LAYERS.items():
        last = torch.channels_last if len(shape) == 3 else torch.channels_last_3d
        weight = layer.weight.detach().contiguous(memory_format=last)
        layer.weight = nn.Parameter(weight, requires_grad=False)
        x = torch.rand(4, *shape).contiguous(memory_format=last).requires_grad_()
        y = layer(x)
        gradient = torch.ones_like(y)

        def ours(weight=weight, layer=layer, gradient=gradient, shape=shape) -> torch.Tensor:
            return strided_convolution_gradient(gradient, weight, layer.stride, layer.padding, shape[1:])

        rows.append(
            {
                "convolution": label,
                "forward, ms": milliseconds(lambda layer=layer, x=x: layer(x.detach())),
                "backward by torch, ms": milliseconds(
                    lambda y=y, x=x, gradient=gradient: torch.autograd.grad(y, x, gradient, retain_graph=True)
                ),
                "backward here, ms": milliseconds(ours),
            }
        )
    print(markdown(pd.DataFrame(rows).round(1)))


if __name__ == "__main__":
    main()
