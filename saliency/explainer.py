"""What the three methods share: one forward pass of an untouched model, from which maps are read."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from saliency.layers import find_sections, spatial_ndim
from saliency.targets import LastActivation, class_scores, model_scores, select_classes

MapReader = Callable[[Tensor, bool], dict[str, Tensor]]


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Run `model` in eval mode without parameter gradients; put every flag back afterwards, also on error.

    The flags are set directly rather than with ``model.eval()``, which some models override.

    Parameters
    ----------
    model
        Any module; its submodules may be in different modes.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    >>> with unchanged(model):
    ...     model[1].training, model[0].weight.requires_grad
    (False, False)
    >>> model[1].training, model[0].weight.requires_grad
    (True, True)
    """
    training = [(module, module.training) for module in model.modules()]
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        for module, _ in training:
            module.training = False
        for parameter in trainable:
            parameter.requires_grad_(False)
        yield
    finally:
        for module, flag in training:
            module.training = flag
        for parameter in trainable:
            parameter.requires_grad_(True)


@dataclass(frozen=True)
class ForwardPass:
    """The result of one forward pass; maps of as many classes as wanted can be read from it.

    Attributes
    ----------
    output
        ``[n, classes]``, or ``[n, classes, *spatial]`` of a dense model, detached: what the model returned, or what it
        had before its last activation.
    scores
        ``[n, classes]``, detached: the output, or of a dense model its sum over each class's region.
    """

    output: Tensor
    scores: Tensor
    _differentiable: Tensor
    _read: MapReader

    def maps(self, classes: Tensor, keep_graph: bool = False) -> dict[str, Tensor]:
        """Maps of one class per sample.

        Parameters
        ----------
        classes
            ``[n]``, int64: the class index that is explained in each sample.
        keep_graph
            True if maps of further classes will be read.

        Returns
        -------
        dict
            By name: ``gradcam`` ``[n, *feature_spatial]``, ``guided_backprop`` and ``guided_gradcam``
            ``[n, c, *spatial]``; those that the method computes.
        """
        # In eval mode samples do not see each other, so the gradient of the sum holds each sample's own gradient.
        score = self._differentiable.gather(1, classes.unsqueeze(1)).sum()
        return {name: values.contiguous() for name, values in self._read(score, keep_graph).items()}


class Explainer(ABC):
    """Base of the methods: checks the input, runs the model once, and leaves it as it was.

    Parameters
    ----------
    model
        A network with convolutions; any architecture. Its output is ``[n, classes]`` or ``[n]``.
    section_names
        Names of the convolutional and of the fully connected section; None detects them where there are two.
    mode
        "2D", "3D", or None to read it off the model's first convolution.
    """

    map_name: str

    def __init__(self, model: nn.Module, section_names: Sequence[str] | None = None, mode: str | None = None) -> None:
        self.model = model
        self.ndim = spatial_ndim(model, mode)
        self.sections = find_sections(model, section_names)

    @abstractmethod
    def _recording(self, x: Tensor) -> AbstractContextManager[MapReader]:
        """Surround the forward pass of `x` and yield the function that turns a score into maps."""

    def _finish(self, maps: dict[str, Tensor], spatial: Sequence[int]) -> Tensor:
        return maps[self.map_name]

    def __call__(
        self,
        x: Tensor,
        target_class: int | Sequence[int] | Tensor | None = None,
        ignore_lastlayer: bool = False,
        region: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Predict `x` and explain the prediction.

        Parameters
        ----------
        x
            ``[n, c, *spatial]``, or one sample ``[c, *spatial]``; floating point.
        target_class
            The class to explain: None or [] for the predicted one, one index, or one index per sample.
        ignore_lastlayer
            Take the score before the model's last activation (softmax, sigmoid), whose gradient vanishes where
            the model is sure.
        region
            For models that give one score per pixel or voxel: where a class's scores are summed up, ``[n, *spatial]``
            or ``[*spatial]`` for one sample; None for the region in which the class is predicted.

        Returns
        -------
        model_output
            ``[n, classes]`` (``[classes]`` for one sample): the scores, before the last activation if it is ignored.
            Dense models give ``[n, classes, *spatial]``.
        map
            The raw map; of x's spatial size, unbatched when `x` was.

        Raises
        ------
        ValueError
            Where shape, mode, class or layer do not fit, saying what to pass.
        """
        batch, batched = self.as_batch(x)
        if region is not None and not batched:
            region = region.unsqueeze(0)
        with self.forward_pass(batch, ignore_lastlayer, region) as forward:
            maps = forward.maps(select_classes(forward.scores, target_class))
            result = self._finish(maps, batch.shape[2:])
        return (forward.output, result) if batched else (forward.output[0], result[0])

    def as_batch(self, x: Tensor) -> tuple[Tensor, bool]:
        """Return `x` with a batch axis, and whether it had one."""
        if not x.is_floating_point():
            raise ValueError(f"x is {x.dtype}: pass floating point values, as the network expects them")
        if x.ndim not in (self.ndim + 1, self.ndim + 2):
            axes = ", ".join(("d", "h", "w")[-self.ndim :])
            raise ValueError(f"x has shape {list(x.shape)}; for mode '{self.ndim}D' pass [n, c, {axes}] or [c, {axes}]")
        batched = x.ndim == self.ndim + 2
        return (x if batched else x.unsqueeze(0)), batched

    @contextmanager
    def forward_pass(
        self, x: Tensor, ignore_lastlayer: bool = False, region: Tensor | None = None
    ) -> Iterator[ForwardPass]:
        """Run the model once on the batch `x`; maps can be read inside the ``with`` block.

        Parameters
        ----------
        x
            ``[n, c, *spatial]``, floating point.
        ignore_lastlayer, region
            As in ``__call__``.

        Examples
        --------
        >>> from saliency import GuidedGradCAM, NeuralNetwork
        >>> method = GuidedGradCAM(NeuralNetwork([1, 50, 50]))
        >>> with method.forward_pass(torch.rand(4, 1, 50, 50)) as forward:
        ...     maps = forward.maps(torch.zeros(4, dtype=torch.long))
        >>> {name: tuple(values.shape) for name, values in maps.items()}
        {'gradcam': (4, 5, 5), 'guided_backprop': (4, 1, 50, 50), 'guided_gradcam': (4, 1, 50, 50)}
        """
        with torch.inference_mode(False), unchanged(self.model), torch.enable_grad():
            leaf = x.clone() if x.is_inference() else x.detach()
            with self._recording(leaf) as read:
                with LastActivation() if ignore_lastlayer else nullcontext() as last:
                    # The model gets a copy: it may write into its input, which is the caller's and a leaf.
                    returned = model_scores(self.model(leaf.clone()))
                output = last.input_of(returned) if last else returned
                scores = class_scores(output, region)
                yield ForwardPass(output.detach(), scores.detach(), scores, read)


def predict(model: nn.Module, x: Tensor, ignore_lastlayer: bool = False) -> Tensor:
    """What the model returns for the batch `x`, without any graph; equal to the output of the methods.

    ``[n, classes]``, or ``[n, classes, *spatial]`` of a dense model.

    Examples
    --------
    >>> from saliency import NeuralNetwork
    >>> tuple(predict(NeuralNetwork([1, 50, 50]), torch.rand(4, 1, 50, 50)).shape)
    (4, 1)
    """
    with unchanged(model), torch.no_grad():
        with LastActivation() if ignore_lastlayer else nullcontext() as last:
            returned = model_scores(model(x.clone()))
        return last.input_of(returned) if last else returned
