"""Other libraries' Grad-CAM and guided backpropagation, called as their documentation says, for `speed.py`.

Each entry of `tools` is a dict of functions by what they compute: ``gradcam`` (raw, or scaled as the library does),
``guided_backprop``, and ``four`` (predictions, both maps and their product). All explain one class in all samples.
"""

from collections.abc import Callable

import captum.attr
import cv2
import monai.visualize
import numpy as np
import pytorch_grad_cam
import torch
import torchcam.methods
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torch.nn import functional
from zennit.attribution import Gradient
from zennit.composites import GuidedBackprop as ZennitGuidedBackprop

from saliency import GradCAM, GuidedBackprop, GuidedGradCAM
from saliency.methods.guided_gradcam import guided_product
from saliency.methods.passes.forward_pass import predict
from saliency.methods.upsampling import upsample

Tool = dict[str, Callable[[], object]]


def ours(model: nn.Module, x: Tensor, target: int) -> dict[str, Tool]:
    classes = torch.full((len(x),), target, device=x.device)
    methods = {kind.name: kind(model) for kind in (GradCAM, GuidedBackprop, GuidedGradCAM)}

    def maps(name: str) -> dict[str, Tensor]:
        with methods[name].forward_pass(x) as done:
            return {"logits": done.scores, **done.maps(classes)}

    def steps() -> dict[str, Tensor]:
        logits, cam, gbp = predict(model, x), maps("gradcam")["gradcam"], maps("guided_backprop")["guided_backprop"]
        return {"logits": logits, "gradcam": cam, "guided_backprop": gbp, "guided_gradcam": guided_product(gbp, cam)}

    def step(name: str) -> Callable[[], Tensor]:
        return lambda: maps(name)[name]

    alone = {"predictions": lambda: predict(model, x), "gradcam": step("gradcam")}
    return {
        "ours": {**alone, "guided_backprop": step("guided_backprop"), "four": lambda: maps("guided_gradcam")},
        "ours, in steps": {"four": steps},
    }


def captum_tool(model: nn.Module, layer: nn.Module, x: Tensor, target: int) -> Tool:
    cam, gbp = captum.attr.LayerGradCam(model, layer), captum.attr.GuidedBackprop(model)

    def gradcam() -> Tensor:
        return cam.attribute(x, target, relu_attributions=True)[:, 0].detach()

    def guided_backprop() -> Tensor:
        return gbp.attribute(x.clone(), target).detach()

    def four() -> dict[str, Tensor]:
        with torch.no_grad():
            logits = model(x)
        maps = {"gradcam": gradcam(), "guided_backprop": guided_backprop()}
        return {
            "logits": logits,
            **maps,
            "guided_gradcam": maps["guided_backprop"] * upsample(maps["gradcam"], x.shape[2:]),
        }

    return {"gradcam": gradcam, "guided_backprop": guided_backprop, "four": four}


def pytorch_grad_cam_tool(model: nn.Module, layer: nn.Module, x: Tensor, target: int) -> Tool:
    gbp = pytorch_grad_cam.GuidedBackpropReLUModel(model)
    targets = [ClassifierOutputTarget(target)] * len(x)

    def gradcam() -> np.ndarray:
        with pytorch_grad_cam.GradCAM(model, [layer]) as cam:
            return cam(x, targets)

    def guided_backprop() -> np.ndarray:
        # It takes one image at a time.
        return np.stack([np.moveaxis(gbp(image[None].clone(), target), -1, 0) for image in x])

    def four() -> dict[str, object]:
        with torch.no_grad():
            logits = model(x)
        maps = {"gradcam": gradcam(), "guided_backprop": guided_backprop()}
        return {"logits": logits, **maps, "guided_gradcam": maps["guided_backprop"] * maps["gradcam"][:, None]}

    # Its guided backpropagation expects images.
    return {"gradcam": gradcam} | ({"guided_backprop": guided_backprop, "four": four} if x.ndim == 4 else {})


def monai_tool(model: nn.Module, name: str, x: Tensor, target: int) -> Tool:
    def gradcam() -> Tensor:
        method = monai.visualize.GradCAM(model, name, upsampler=lambda _: nn.Identity(), postprocessing=nn.ReLU())
        return method(x, class_idx=target)[:, 0].detach()

    def guided_backprop() -> Tensor:
        # It takes one image at a time.
        return torch.cat([monai.visualize.GuidedBackpropGrad(model)(image[None].clone(), target) for image in x])

    def four() -> dict[str, Tensor]:
        with torch.no_grad():
            logits = model(x)
        maps = {"gradcam": gradcam(), "guided_backprop": guided_backprop()}
        return {
            "logits": logits,
            **maps,
            "guided_gradcam": maps["guided_backprop"] * upsample(maps["gradcam"], x.shape[2:]),
        }

    return {"gradcam": gradcam, "guided_backprop": guided_backprop, "four": four}


def torchcam_tool(model: nn.Module, name: str, x: Tensor, target: int) -> Tool:
    def gradcam() -> Tensor:
        with torchcam.methods.GradCAM(model, name, input_shape=tuple(x.shape[1:])) as method:
            return method(target, model(x), normalized=False)[0].detach()

    return {"gradcam": gradcam}


def zennit_tool(model: nn.Module, x: Tensor, target: int) -> Tool:
    one_hot = functional.one_hot(torch.full((len(x),), target, device=x.device), model(x[:1]).shape[1]).float()

    def guided_backprop() -> Tensor:
        with Gradient(model, composite=ZennitGuidedBackprop()) as attributor:
            return attributor(x.clone(), one_hot)[1].detach()

    return {"guided_backprop": guided_backprop}


def tools(model: nn.Module, name: str, x: Tensor, target: int) -> dict[str, Tool]:
    """Every tool, on the same model, target layer `name`, batch and class."""
    layer = model.get_submodule(name)
    return {
        **ours(model, x, target),
        "captum": captum_tool(model, layer, x, target),
        "pytorch-grad-cam": pytorch_grad_cam_tool(model, layer, x, target),
        "MONAI": monai_tool(model, name, x, target),
        "torch-cam": torchcam_tool(model, name, x, target),
        "zennit": zennit_tool(model, x, target),
    }


def scaled(cam: Tensor, size: tuple[int, ...]) -> np.ndarray:
    """Scale Grad-CAM as pytorch-grad-cam does: to 0 … 1, to the image's size, and to 0 … 1 again."""

    def to_one(image: np.ndarray) -> np.ndarray:
        image = image - image.min()
        return image / (1e-7 + image.max())

    images = [to_one(image) for image in cam.numpy()]
    if len(size) == 2:
        images = [cv2.resize(np.float32(image), size[::-1]) for image in images]
    return np.stack([to_one(image) for image in images])
